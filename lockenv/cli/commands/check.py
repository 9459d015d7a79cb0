"""``lockenv check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.cli.declared import option, verb
from lockenv.cli.reports import print_report
from lockenv.cli.scene import open_scene
from lockenv.model import error_findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.cli.invocation import Invocation


def report(
    invocation: Invocation,
    layers: Sequence[str],
    *,
    form: str,
    target: str | None = None,
    image: str | None = None,
    recursive: bool = False,
) -> int:
    """Check the layers, print what was found, and give the status."""
    from lockenv.workflows.check import CheckOptions, check  # noqa: PLC0415 - start-up
    from lockenv.workflows.files import witnessed  # noqa: PLC0415 - start-up

    invocation.command, invocation.form = "check", form
    options = CheckOptions(
        layers=frozenset(layers), target=target, image=image, recursive=recursive
    )
    with open_scene(invocation) as scene, witnessed() as witness:
        outcome = check(scene, options)
    told = [*outcome.findings]
    if form != "text":
        told += [one for error in outcome.errors for one in error_findings(error)]
    print_report(invocation.output, "check", told, outcome.status, form, place=outcome.place)
    for error in outcome.errors:
        invocation.output.error(error)
    if form == "text" and outcome.status == 0:
        invocation.output.say(outcome.summary)
    if invocation.question is not None and set(layers) == {"lock"} and not recursive:
        from lockenv.cli.memory import keep_check  # noqa: PLC0415 - start-up

        keep_check(invocation, witness, outcome.status)
    return outcome.status


@verb(
    epilog="""\b
Examples:
  lockenv check                    # the gate for CI: manifest against lock
  lockenv check --env              # the environment against the lock, file by file
  lockenv check --all --format github
"""
)
@option(
    "--lock",
    "layers",
    flag_value="lock",
    multiple=True,
    help="Manifest against lock, lock against itself [default].",
)
@option(
    "--env",
    "layers",
    flag_value="env",
    multiple=True,
    help="Lock against the environment, file by file.",
)
@option("--host", "layers", flag_value="host", multiple=True, help="Lock against this machine.")
@option(
    "--image", metavar="REF", help="Lock against an image: a layout, an archive or a reference."
)
@option("--all", "everything", is_flag=True, help="Lock, environment and host.")
@option("--target", metavar="NAME", help="The target whose environment or image is meant.")
@option("--recursive", is_flag=True, help="Check every project below this folder.")
@option(
    "--format",
    "form",
    choices=("text", "json", "github", "sarif"),
    default="text",
    show_default=True,
)
def command(
    invocation: Invocation,
    *,
    layers: tuple[str, ...],
    image: str | None,
    everything: bool,
    target: str | None,
    recursive: bool,
    form: str,
) -> int:
    """Say whether manifest, lock and environment still agree.

    Offline, read-only, and the same answer at any time of day. Exit status 0: no drift.
    """
    chosen = {layer for layer in layers if layer}
    if everything:
        chosen |= {"lock", "env", "host"}
    if image:
        chosen.add("image")
    return report(
        invocation,
        sorted(chosen or {"lock"}),
        form=form,
        target=target,
        image=image,
        recursive=recursive,
    )
