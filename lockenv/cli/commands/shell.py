"""``lockenv shell``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.place import PLACE
from lockenv.cli.scene import open_scene
from lockenv.cli.selection import asked_selection, selection_options

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation
    from lockenv.cli.place import Place


@click.command(
    epilog="""\b
Examples:
  lockenv shell
  lockenv shell --in image
"""
)
@selection_options
@click.option("--no-sync", is_flag=True, help="Use the environment as it is.")
@click.option("--venv", metavar="DIR", help="The environment [default: .venv].")
@PLACE.for_click()
@click.pass_obj
def command(
    invocation: Invocation, /, *, no_sync: bool, venv: str | None, place: Place, **selection: object
) -> int:
    """Sync, then start your shell in the environment; leave it with `exit`."""
    invocation.runs_command = True
    from lockenv.workflows.run import run, user_shell  # noqa: PLC0415 - start-up
    from lockenv.workflows.run_options import RunOptions  # noqa: PLC0415 - start-up

    options = RunOptions(
        selection=asked_selection(selection),
        sync=not no_sync,
        venv=venv,
        in_image=place.in_image,
        image_name=place.name,
        words=user_shell(in_image=place.in_image),
    )
    with open_scene(invocation) as scene:
        return run(scene, options)
