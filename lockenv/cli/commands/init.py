"""``lockenv init``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv init
  lockenv init --python 3.12
"""
)
@click.option("--python", metavar="X.Y", help="The Python to ask for.")
@click.option("--name", metavar="NAME", help="The project's name [default: the folder's].")
@click.pass_obj
def command(invocation: Invocation, *, python: str | None, name: str | None) -> int:
    """Write a manifest with explicit targets, from what lies in the folder or from nothing.

    Reads an existing pyproject.toml, requirements.txt and apt.txt; never overwrites.
    """
    from lockenv.workflows.init import InitOptions, init  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = init(scene, InitOptions(python=python, name=name))
    for line in outcome.lines:
        invocation.output.answer(line)
    for note in outcome.notes:
        invocation.output.note(note)
    return 0
