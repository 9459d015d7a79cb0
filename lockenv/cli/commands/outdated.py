"""``lockenv outdated``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.forms import format_option
from lockenv.cli.reports import json_report
from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation
    from lockenv.workflows.outdated import Row


@click.command(
    epilog="""\b
Examples:
  lockenv outdated
  lockenv outdated --target gpu --format json
"""
)
@click.option(
    "--target", "targets", metavar="NAME", multiple=True, help="Look at this target alone."
)
@format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, targets: tuple[str, ...], form: str) -> int:
    """Show what could move, per layer, and what holds it. Nothing is written."""
    from lockenv.workflows.outdated import OutdatedOptions, outdated  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = outdated(scene, OutdatedOptions(targets=targets))
    if form == "json":
        rows = [_document(row) for row in outcome.rows]
        document = {"packages": rows, "notes": list(outcome.notes)}
        invocation.output.answer(json_report("outdated", 0, document))
        return 0
    for row in outcome.rows:
        invocation.output.answer(_line(row))
    for note in outcome.notes:
        invocation.output.note(note)
    if not outcome.rows and not outcome.notes:
        invocation.output.say("everything is the newest that there is")
    return 0


def _document(row: Row) -> dict[str, object]:
    return {
        "layer": row.layer,
        "name": row.name,
        "locked": row.locked,
        "possible": row.possible,
        "newest": row.newest or row.possible,
        "held_by": row.held_by or None,
        "targets": list(row.targets),
    }


def _line(row: Row) -> str:
    prefix = "" if row.layer in {"python", "interpreter"} else f"{row.layer} "
    moves = f" -> {row.possible}" if row.possible != row.locked else ""
    where = f"  ({', '.join(row.targets)})"
    held = f"\n  newest {row.newest}, held by: {row.held_by}" if row.newest else ""
    return f"{prefix}{row.name} {row.locked}{moves}{where}{held}"
