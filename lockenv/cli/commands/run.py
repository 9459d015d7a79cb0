"""``lockenv run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.cli.declared import option, options, verb
from lockenv.cli.place import PLACE
from lockenv.cli.scene import open_scene
from lockenv.cli.selection import SELECTION, asked_selection

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation
    from lockenv.cli.place import Place


@verb(
    takes_words="words",
    epilog="""\b
Examples:
  lockenv run python train.py
  lockenv run --no-sync pytest -q
  lockenv run --in image python -c "import torch"
""",
)
@options(*SELECTION)
@option("--no-sync", is_flag=True, help="Use the environment as it is.")
@option("--venv", metavar="DIR", help="The environment [default: .venv].")
@option(
    "--writable", multiple=True, metavar="NAME", help="Make this package private to the project."
)
@options(PLACE)
def command(
    invocation: Invocation,
    /,
    *,
    no_sync: bool,
    venv: str | None,
    writable: tuple[str, ...],
    place: Place,
    words: tuple[str, ...],
    **selection: object,
) -> int:
    """Sync, then run a command in the environment.

    The exit status is the command's own; 126 if it cannot be executed, 127 if it is not found.
    """
    invocation.runs_command = True
    from lockenv.cli.memory import keep_sync  # noqa: PLC0415 - start-up
    from lockenv.workflows.files import witnessed  # noqa: PLC0415 - start-up
    from lockenv.workflows.run import run  # noqa: PLC0415 - start-up
    from lockenv.workflows.run_options import RunOptions  # noqa: PLC0415 - start-up

    options = RunOptions(
        selection=asked_selection(selection),
        sync=not no_sync,
        venv=venv,
        writable=writable,
        in_image=place.in_image,
        image_name=place.name,
        words=words,
    )
    with open_scene(invocation) as scene, witnessed() as witness:
        if writable:
            return run(scene, options)
        return run(
            scene,
            options,
            synced=lambda outcome: keep_sync(invocation, witness, outcome, words=words),
        )
