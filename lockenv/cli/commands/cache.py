"""``lockenv cache``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.group(
    epilog="""\b
Examples:
  lockenv cache size
  lockenv cache prune
"""
)
def command() -> None:
    """Look at the store, and clean it."""


@command.command(name="dir")
@click.pass_obj
def dir_(invocation: Invocation) -> int:
    """Print the folder of the store."""
    with open_scene(invocation) as scene:
        invocation.output.answer(str(scene.settings.cache_dir))
    return 0


@command.command()
@click.pass_obj
def size(invocation: Invocation) -> int:
    """Print how many bytes the store takes, by kind."""
    from lockenv.workflows.store import store_size  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        for line in store_size(scene):
            invocation.output.answer(line)
    return 0


@command.command()
@click.option("--all", "everything", is_flag=True, help="Also what environments still use.")
@click.pass_obj
def prune(invocation: Invocation, *, everything: bool) -> int:
    """Remove what no registered environment uses."""
    from lockenv.workflows.store import prune_store  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        for line in prune_store(scene, everything=everything):
            invocation.output.answer(line)
    return 0


@command.command()
@click.pass_obj
def verify(invocation: Invocation) -> int:
    """Read every stored file and compare it with its digest; what is damaged is removed."""
    from lockenv.workflows.store import verify_store  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = verify_store(scene)
    for line in outcome.lines:
        invocation.output.answer(line)
    return outcome.status
