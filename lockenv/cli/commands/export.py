"""``lockenv export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene
from lockenv.cli.selection import asked_selection, selection_options

if TYPE_CHECKING:
    from lockenv.cli.app import Invocation

FORMATS = ("pylock", "requirements")


@click.command(
    epilog="""\b
Examples:
  lockenv export pylock -o pylock.toml
  lockenv export requirements -o requirements.txt
  lockenv export requirements -o requirements.txt --check
"""
)
@click.argument("form", type=click.Choice(FORMATS), metavar="FORMAT")
@selection_options
@click.option("-o", "--output", metavar="FILE", help="Write FILE instead of standard output.")
@click.option("--check", is_flag=True, help="Write nothing; status 1 if FILE is not fresh.")
@click.pass_obj
def command(
    invocation: Invocation, /, *, form: str, output: str | None, check: bool, **selection: object
) -> int:
    """Write the lock in another tool's format: pylock (PEP 751) or requirements (with hashes)."""
    from lockenv.workflows.export import ExportOptions, export  # noqa: PLC0415 - start-up

    options = ExportOptions(
        form=form, selection=asked_selection(selection), output=output, check=check
    )
    with open_scene(invocation) as scene:
        outcome = export(scene, options)
    if outcome.text is not None:
        invocation.output.answer(outcome.text)
    if outcome.findings:
        invocation.output.findings(outcome.findings)
        return 1
    if outcome.summary:
        invocation.output.say(outcome.summary)
    return 0
