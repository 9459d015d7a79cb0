"""``lockenv fetch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv fetch                        # fill the store for this machine's target
  lockenv fetch --all-targets --output bundle
  lockenv sync --from bundle --offline
  lockenv fetch --all-targets --push registry.example.com/team/files
"""
)
@click.option("--target", "targets", multiple=True, help="The target [default: this machine's].")
@click.option("--all-targets", is_flag=True, help="Every target of the lock.")
@click.option("--output", metavar="DIR", help="Make a bundle: the files by hash, in DIR.")
@click.option(
    "--push",
    metavar="PLACE",
    help="Fill a shared place: a registry's HOST/NAME:TAG, an https:// address or a folder.",
)
@click.option("--since", metavar="OLD.lock", help="Only what this lock does not name.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    targets: tuple[str, ...],
    all_targets: bool,
    output: str | None,
    push: str | None,
    since: str | None,
) -> int:
    """Download everything that the lock names, each file verified by its hash."""
    from lockenv.workflows.store import FetchOptions, fetch_all  # noqa: PLC0415 - start-up

    options = FetchOptions(
        targets=targets, all_targets=all_targets, output=output, push=push, since=since
    )
    with open_scene(invocation) as scene:
        for line in fetch_all(scene, options):
            invocation.output.answer(line)
    return 0
