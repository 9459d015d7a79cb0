"""``lockenv sync``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.cli.declared import option, options, verb
from lockenv.cli.scene import open_scene
from lockenv.cli.selection import SELECTION, asked_selection

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation
    from lockenv.workflows.selection import AskedSelection


@verb(
    epilog="""\b
Examples:
  lockenv sync                       # what the lock says for this machine's target
  lockenv sync --group docs          # with the group docs beside the project
  lockenv sync --dry-run             # the plan only
"""
)
@options(*SELECTION)
@option("--inexact", is_flag=True, help="Leave packages that the lock does not name.")
@option("--no-project", is_flag=True, help="Leave the project itself out.")
@option("--no-editable", is_flag=True, help="Install the project as a built wheel.")
@option("--dry-run", is_flag=True, help="Show the plan, change nothing.")
@option("--venv", metavar="DIR", help="The environment [default: .venv].")
@option(
    "--link-mode",
    choices=("auto", "reflink", "hardlink", "copy"),
    help="How files come from the store.",
)
@option("--frozen", is_flag=True, help="Do not read the manifest.")
@option("--from", "bundle", metavar="BUNDLE", help="Take files from a bundle made by fetch.")
@option("--require-host", is_flag=True, help="Refuse a host that the lock does not fit.")
@option(
    "--python", metavar="X.Y|PATH", help="A cell of the matrix, or another build of the same X.Y."
)
@option("--reset", is_flag=True, help="Forget the remembered selection.")
def command(  # noqa: PLR0913 - one parameter an option, as click calls it
    invocation: Invocation,
    /,
    *,
    inexact: bool,
    no_project: bool,
    no_editable: bool,
    dry_run: bool,
    venv: str | None,
    link_mode: str | None,
    frozen: bool,
    bundle: str | None,
    require_host: bool,
    python: str | None,
    reset: bool,
    **selection: object,
) -> int:
    """Make or repair the environment from the lock, verifying every file.

    Never relocks: a stale lock is status 1. The environment remembers its selection; naming one
    replaces it.
    """
    from lockenv.cli.memory import keep_seen, keep_sync  # noqa: PLC0415 - start-up
    from lockenv.workflows.files import witnessed  # noqa: PLC0415 - start-up
    from lockenv.workflows.sync import SyncOptions, sync  # noqa: PLC0415 - start-up

    asked: AskedSelection = asked_selection(selection)
    options = SyncOptions(
        selection=asked,
        inexact=inexact,
        project=not no_project,
        editable=not no_editable,
        dry_run=dry_run,
        venv=venv,
        link_mode=link_mode,
        frozen=frozen,
        bundle=bundle,
        require_host=require_host,
        python=python,
        reset=reset,
    )
    with open_scene(invocation) as scene, witnessed() as witness:
        outcome = sync(scene, options)
    for line in outcome.lines:
        if dry_run:
            invocation.output.answer(line)
        else:
            invocation.output.say(line)
    for note in outcome.notes:
        invocation.output.note(note)
    invocation.output.say(outcome.summary)
    if not (dry_run or bundle or python or no_editable or reset):
        keep_sync(invocation, witness, outcome)
        if not (venv or inexact or link_mode or require_host):
            keep_seen(invocation, witness, outcome)
    return 0
