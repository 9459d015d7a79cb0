"""``lockenv id``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.forms import format_option
from lockenv.cli.reports import json_report
from lockenv.cli.scene import open_scene
from lockenv.cli.selection import asked_selection, selection_options

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv id
  lockenv id --target gpu --group train
"""
)
@selection_options
@click.option("--image", metavar="NAME", is_flag=False, flag_value="", help="Of a declared image.")
@format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, /, *, image: str | None, form: str, **selection: object) -> int:
    """Print the environment digest: what can be installed, and nothing else, as one sha256."""
    from lockenv.workflows.identify import identify  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        digest = identify(scene, asked_selection(selection), image)
    if form == "json":
        digest = json_report("id", 0, {"digest": digest})
    invocation.output.answer(digest)
    return 0
