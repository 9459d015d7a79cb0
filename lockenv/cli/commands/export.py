"""``lockenv export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene
from lockenv.cli.selection import asked_selection, selection_options
from lockenv.model import EXPORT_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.cli.invocation import Invocation

#: Options of some formats; a format that has no use for one refuses it.
_OF_FORMATS = (
    click.option("--image", metavar="IMAGE", help="A declared image, or REFERENCE@sha256:DIGEST."),
    click.option("--base", metavar="REF", help="dockerfile: start from REFERENCE@sha256:DIGEST."),
    click.option("--name", metavar="NAME", help="What the object, kernel or subject is called."),
    click.option(
        "--kind",
        type=click.Choice(["deployment", "job", "jupyter"]),
        help="kubernetes: what to run it as [default: deployment].",
    ),
    click.option("--namespace", metavar="NAME", help="kubernetes: where it goes."),
    click.option("--command", multiple=True, metavar="WORD", help="The command, a word each time."),
    click.option(
        "--gpus",
        type=click.IntRange(min=0),
        metavar="N",
        help="How many GPUs [default: 1 where the lock needs a driver].",
    ),
    click.option("--cpu", metavar="N", help="kubernetes: processors to ask for."),
    click.option("--memory", metavar="SIZE", help="kubernetes: memory to ask for, and its limit."),
    click.option(
        "--replicas", type=click.IntRange(min=0), metavar="N", help="kubernetes: how many pods."
    ),
    click.option("--port", multiple=True, metavar="N", help="A port [default: the image's]."),
    click.option("--mount", multiple=True, metavar="MOUNT", help="A further mount."),
    click.option("--secret", multiple=True, metavar="NAME", help="A secret, by its name."),
    click.option(
        "--pull-secret", multiple=True, metavar="NAME", help="kubernetes: to pull the image with."
    ),
    click.option("--spot", is_flag=True, help="kubernetes: interruptible nodes will do."),
    click.option("--shm-size", metavar="SIZE", help="Shared memory beside a GPU [default: 8 GB]."),
    click.option(
        "--idle-timeout",
        metavar="TIME",
        help='jupyter: idle for so long, it is scaled to none; or "off" [default: 1h].',
    ),
    click.option("--storage", metavar="SIZE", help="jupyter: its volume [default: 10Gi]."),
    click.option("--extension", multiple=True, metavar="ID", help="devcontainer: of the editor."),
    click.option(
        "--project", metavar="DIR", help="kernelspec: serve notebooks outside of the project too."
    ),
)
_NAMES = (
    *("image", "base", "name", "kind", "namespace", "command", "gpus", "cpu", "memory"),
    *("replicas", "port", "mount", "secret", "pull_secret", "spot", "shm_size"),
    *("idle_timeout", "storage", "extension", "project"),
)


def _format_options(function: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_OF_FORMATS):
        function = option(function)
    return function


@click.command(
    epilog="""\b
Examples:
  lockenv export pylock -o pylock.toml
  lockenv export requirements -o requirements.txt --check
  lockenv export kubernetes --kind job --gpus 2 --spot -o job.yaml
  lockenv export dockerfile --base debian:bookworm-slim@sha256:... -o Dockerfile
"""
)
@click.argument("form", type=click.Choice(EXPORT_FORMATS), metavar="FORMAT")
@selection_options
@_format_options
@click.option("-o", "--output", metavar="FILE", help="Write FILE instead of standard output.")
@click.option("--check", is_flag=True, help="Write nothing; status 1 if FILE is not fresh.")
@click.pass_obj
def command(
    invocation: Invocation, /, *, form: str, output: str | None, check: bool, **said: object
) -> int:
    """Write the lock in another tool's format.

    FORMAT is pylock, requirements, dockerfile, devcontainer, kubernetes, compose, kernelspec,
    cyclonedx, spdx or github-matrix.
    """
    from lockenv.workflows.export import ExportOptions, export  # noqa: PLC0415 - start-up

    given = {name.replace("_", "-"): said.pop(name) for name in _NAMES}
    options = ExportOptions(
        form=form,
        selection=asked_selection(said),
        output=output,
        check=check,
        options={
            name: value
            for name, value in given.items()
            if isinstance(value, str | int | tuple) and value is not False and value != ()
        },
    )
    with open_scene(invocation) as scene:
        outcome = export(scene, options)
    if outcome.text is not None:
        invocation.output.answer(outcome.text)
    if outcome.findings:
        invocation.output.findings(outcome.findings)
        return 1
    if outcome.summary:
        invocation.output.say(outcome.summary)
    return 0
