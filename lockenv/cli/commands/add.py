"""``lockenv add``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.edits import edit_options, finish_edit

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv add "numpy>=2" pandas
  lockenv add --group dev pytest
  lockenv add --system ffmpeg libgl1
"""
)
@edit_options
@click.argument("requirements", nargs=-1, required=True, metavar="REQ...")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    requirements: tuple[str, ...],
    group: str | None,
    extra: str | None,
    system: bool,
    target: str | None,
    no_lock: bool,
    no_sync: bool,
) -> int:
    """Add requirements to the manifest, then lock and sync.

    Comments and order of the manifest stay. Where no solution exists, nothing is changed.
    """
    from lockenv.workflows.edit import EditOptions  # noqa: PLC0415 - start-up

    return finish_edit(
        invocation,
        EditOptions(
            verb="add",
            requirements=requirements,
            group=group,
            extra=extra,
            system=system,
            target=target,
            lock=not no_lock,
            sync=not (no_sync or no_lock),
        ),
    )
