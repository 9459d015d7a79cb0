"""``lockenv tree``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.forms import format_option
from lockenv.cli.reports import json_report
from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv tree
  lockenv tree --depth 1
  lockenv tree --invert numpy
  lockenv tree --invert deb:libopus0
"""
)
@click.option("--target", metavar="NAME", help="The target [default: this machine's].")
@click.option(
    "--invert",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Turn it around: show what leads to NAME, or to everything.",
)
@click.option("--depth", type=click.IntRange(min=0), help="Show so many levels.")
@format_option("text", "json")
@click.pass_obj
def command(
    invocation: Invocation, *, target: str | None, invert: str | None, depth: int | None, form: str
) -> int:
    """Show what is locked as a tree, layer by layer, from the manifest's lines down."""
    from lockenv.workflows.tree import TreeOptions, tree  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = tree(scene, TreeOptions(target=target, invert=invert, depth=depth))
    text = json_report("tree", 0, outcome.document) if form == "json" else outcome.text
    invocation.output.answer(text)
    return 0
