"""``lockenv id``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.output import render_json
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
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.pass_obj
def command(invocation: Invocation, /, *, image: str | None, form: str, **selection: object) -> int:
    """Print the environment digest: what can be installed, and nothing else, as one sha256."""
    from lockenv.workflows.identify import identify  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        digest = identify(scene, asked_selection(selection), image)
    if form == "json":
        digest = render_json({"schema": "lockenv/id/1", "status": 0, "digest": digest})
    invocation.output.answer(digest)
    return 0
