"""``lockenv doctor``."""

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
  lockenv doctor
  lockenv doctor --format json
  lockenv doctor --install-merge-driver
  kubectl get nodes -o json > nodes.json && lockenv doctor --cluster nodes.json
"""
)
@click.option("--cluster", metavar="FILE", help="Say which nodes of a cluster fit the lock.")
@click.option(
    "--install-merge-driver",
    "install",
    is_flag=True,
    help="Have git merge and show locks by meaning, in this clone.",
)
@format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, cluster: str | None, install: bool, form: str) -> int:
    """Say what this machine can do: interpreters, libc, driver, GPUs, ways of building."""
    from lockenv.workflows.doctor import DoctorOptions, doctor  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = doctor(scene, DoctorOptions(cluster=cluster, install=install))
    if form == "json":
        invocation.output.answer(json_report("doctor", outcome.status, outcome.document))
    else:
        for line in outcome.lines:
            invocation.output.answer(line)
    return outcome.status
