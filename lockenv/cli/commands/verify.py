"""``lockenv verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.forms import format_option
from lockenv.cli.reports import print_report
from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv verify                     # every hash, as its index or archive lists it
  lockenv verify --since origin/main # what a pull request changed
  lockenv verify --available         # whether each file can still be had
"""
)
@click.option("--since", metavar="REV", help="Ask only about what differs from this git revision.")
@click.option("--available", is_flag=True, help="Ask too whether each file can still be had.")
@click.option(
    "--target", "targets", metavar="NAME", multiple=True, help="Ask for this target alone."
)
@format_option("text", "json", "github", "sarif")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    since: str | None,
    available: bool,
    targets: tuple[str, ...],
    form: str,
) -> int:
    """Ask the network: each hash is what the named index, signed archive or registry lists.

    Pages are asked for again, whatever the store holds. Exit status 4: the lock says something
    else than the place that it names; 8: a place does not have it any more.
    """
    from lockenv.workflows.verify import VerifyOptions, verify  # noqa: PLC0415 - start-up

    options = VerifyOptions(since=since, available=available, targets=targets)
    with open_scene(invocation) as scene:
        outcome = verify(scene, options)
    told, status = outcome.findings, outcome.status
    print_report(invocation.output, "verify", told, status, form, place=outcome.place)
    if form == "text" and outcome.summary:
        invocation.output.say(outcome.summary)
    return outcome.status
