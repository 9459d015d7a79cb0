"""``lockenv why``."""

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
  lockenv why urllib3
  lockenv why deb:libc6
  lockenv why libGL.so.1         # the system package that has this library
  lockenv why python
"""
)
@click.argument("name")
@click.option("--target", metavar="NAME", help="The target [default: all of them].")
@format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, name: str, target: str | None, form: str) -> int:
    """Show what asked for a package, back to the manifest's line.

    NAME is a package of any layer (pypi:NAME, deb:NAME, cuda:NAME, base:NAME where two have it),
    `python`, or the name of a shared library.
    """
    from lockenv.workflows.explain import WhyOptions, why  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = why(scene, WhyOptions(name=name, target=target))
    text = json_report("why", 0, outcome.document) if form == "json" else outcome.text
    invocation.output.answer(text)
    return 0
