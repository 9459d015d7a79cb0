"""``lockenv lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.cli.declared import option, verb
from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    import click

    from lockenv.cli.invocation import Invocation

LAYERS = ("python", "system", "cuda", "interpreter", "base")


def _layers(_: click.Context, parameter: click.Parameter, value: str | None) -> frozenset[str]:
    if value is None:
        return frozenset()
    if value == "all":
        return frozenset(LAYERS)
    layers = frozenset(layer.strip() for layer in value.split(","))
    unknown = sorted(layers - set(LAYERS))
    if unknown:
        import click  # noqa: PLC0415 - start-up: plain lines are read without it

        message = f"'{unknown[0]}' is no layer: choose from {', '.join(LAYERS)}"
        raise click.BadParameter(message, param=parameter)
    return layers


@verb(
    epilog="""\b
Examples:
  lockenv lock                          # resolve what changed, keep all other pins
  lockenv lock --upgrade                # move everything to the newest
  lockenv lock -P numpy -P torch==2.9.1 # move these
  lockenv lock --as-of 2026-10-01       # as the world was at the end of that day
"""
)
@option(
    "--upgrade",
    is_flag=False,
    flag_value="all",
    default=None,
    callback=_layers,
    metavar="[LAYERS]",
    help=f"Move pins; of some layers only: {','.join(LAYERS)}.",
)
@option(
    "-P",
    "--upgrade-package",
    "upgrade_packages",
    multiple=True,
    metavar="NAME[==V]",
    help="Move this package (deb:NAME for all binaries of its source).",
)
@option("--as-of", metavar="DATE", help="Resolve as the world was at the end of that day.")
@option("--target", "targets", multiple=True, help="Lock this target; the others stay as they are.")
@option("--strict", is_flag=True, help="Refuse to move a pin that need not move.")
@option("--dry-run", is_flag=True, help="Show the difference, write nothing.")
@option(
    "--allow-build",
    "allow_builds",
    multiple=True,
    metavar="NAME",
    help="Write into the manifest that this package may be built.",
)
@option("--explain", is_flag=True, help="Say for each moved pin what moved it.")
@option("--resolver-trace", metavar="FILE", help="Write the search into FILE, for a bug report.")
@option("--check", is_flag=True, help="The same as `lockenv check --lock`.")
@option("--upgrade-format", is_flag=True, help="Write the newest lock format.")
def command(  # noqa: PLR0913 - one parameter an option, as click calls it
    invocation: Invocation,
    *,
    upgrade: frozenset[str] | None,
    upgrade_packages: tuple[str, ...],
    as_of: str | None,
    targets: tuple[str, ...],
    strict: bool,
    dry_run: bool,
    allow_builds: tuple[str, ...],
    explain: bool,
    resolver_trace: str | None,
    check: bool,
    upgrade_format: bool,
) -> int:
    """Resolve every target and write lockenv.lock.

    Old pins stay unless the manifest or an option moves them. The file is written as a whole, and
    only if its content changed; the difference is printed.
    """
    if check:
        from lockenv.cli.commands.check import report  # noqa: PLC0415 - another verb

        return report(invocation, ("lock",), form="text")
    from lockenv.cli.memory import keep_lock, keep_wish  # noqa: PLC0415 - start-up
    from lockenv.workflows.files import witnessed  # noqa: PLC0415 - start-up
    from lockenv.workflows.lock import LockOptions, lock  # noqa: PLC0415 - start-up

    options = LockOptions(
        upgrade=upgrade or frozenset(),
        upgrade_packages=upgrade_packages,
        as_of=as_of,
        targets=targets,
        strict=strict,
        dry_run=dry_run,
        allow_builds=allow_builds,
        explain=explain,
        trace=resolver_trace,
        upgrade_format=upgrade_format,
    )
    with open_scene(invocation) as scene, witnessed() as witness:
        outcome = lock(scene, options)
    if outcome.difference:
        invocation.output.answer(outcome.difference)
    for note in outcome.notes:
        invocation.output.note(note)
    invocation.output.say(outcome.summary)
    keep_lock(invocation, witness, outcome)
    if not dry_run:
        keep_wish(invocation, scene)
    return 0
