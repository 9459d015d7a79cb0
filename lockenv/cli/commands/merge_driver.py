"""``lockenv merge-driver``."""

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
  lockenv doctor --install-merge-driver
  lockenv merge-driver base.lock ours.lock theirs.lock
  lockenv merge-driver --textconv lockenv.lock
"""
)
@click.argument("base", required=False, metavar="[%O]")
@click.argument("ours", required=False, metavar="[%A]")
@click.argument("theirs", required=False, metavar="[%B]")
@click.argument("path", required=False, metavar="[%P]", default="lockenv.lock")
@click.option("--textconv", metavar="FILE", help="Print a lock one line a thing, for git diff.")
@format_option("text", "json")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    base: str | None,
    ours: str | None,
    theirs: str | None,
    path: str,
    textconv: str | None,
    form: str,
) -> int:
    """Merge three locks by meaning, as git's merge driver.

    The result replaces the second file. Exit status 0: merged; 1: it has conflict markers, and
    `lockenv lock` finishes it once the manifest is merged.
    """
    from lockenv.workflows.merge_driver import (  # noqa: PLC0415 - start-up
        MergeOptions,
        lock_as_lines,
        merge_locks,
    )

    if textconv is None and (base is None or ours is None or theirs is None):
        raise click.UsageError("name the base, ours and theirs, or --textconv FILE")
    with open_scene(invocation) as scene:
        if textconv is not None:
            invocation.output.answer(lock_as_lines(scene, textconv))
            return 0
        outcome = merge_locks(
            scene,
            MergeOptions(base=base or "", ours=ours or "", theirs=theirs or "", path=path),
        )
    if form == "json":
        document = {"changes": list(outcome.lines), "notes": list(outcome.notes)}
        invocation.output.answer(json_report("merge-driver", outcome.status, document))
        return outcome.status
    for note in outcome.notes:
        invocation.output.note(note)
    for line in outcome.lines:
        invocation.output.detail(line)
    return outcome.status
