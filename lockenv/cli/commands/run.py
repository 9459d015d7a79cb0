"""``lockenv run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.place import place_option
from lockenv.cli.scene import open_scene
from lockenv.cli.selection import asked_selection, selection_options

if TYPE_CHECKING:
    from lockenv.cli.app import Invocation
    from lockenv.cli.place import Place


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Examples:
  lockenv run python train.py
  lockenv run --no-sync pytest -q
  lockenv run --in image python -c "import torch"
""",
)
@selection_options
@click.option("--no-sync", is_flag=True, help="Use the environment as it is.")
@click.option("--venv", metavar="DIR", help="The environment [default: .venv].")
@click.option(
    "--writable", multiple=True, metavar="NAME", help="Make this package private to the project."
)
@place_option
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="CMD...")
@click.pass_obj
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
    from lockenv.workflows.run import RunOptions, run  # noqa: PLC0415 - start-up

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
