"""``lockenv diff``."""

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
  lockenv diff                              # what this checkout changes against HEAD
  lockenv diff git:main --format markdown   # for a pull request
  lockenv diff old.lock new.lock --exit-code
  lockenv diff --target gpu --target laptop
"""
)
@click.argument("old", required=False, metavar="[A]")
@click.argument("new", required=False, metavar="[B]")
@click.option("--target", "targets", multiple=True, help="Given twice: compare two targets.")
@click.option("--exit-code", is_flag=True, help="Exit with status 1 where there is a difference.")
@format_option("text", "markdown", "json")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    old: str | None,
    new: str | None,
    targets: tuple[str, ...],
    exit_code: bool,
    form: str,
) -> int:
    """Show what changed between two locks, by meaning.

    A and B are files or git:REV; the default is git:HEAD against the working file.
    """
    from lockenv.workflows.difference import DiffOptions, difference  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = difference(scene, DiffOptions(old=old, new=new, targets=targets))
    status = 1 if exit_code and not outcome.is_empty else 0
    if form == "json":
        invocation.output.answer(json_report("diff", status, outcome.document))
    else:
        text = outcome.markdown if form == "markdown" else outcome.text
        if text:
            invocation.output.answer(text)
    return status
