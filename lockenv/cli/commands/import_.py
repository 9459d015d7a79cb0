"""``lockenv import``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv import uv.lock
  lockenv import Dockerfile
  lockenv import envs/environment.yml
"""
)
@click.argument("file", metavar="FILE")
@click.pass_obj
def command(invocation: Invocation, *, file: str) -> int:
    """Take over what another tool's FILE asks and pins, and say what did not map.

    Reads requirements.txt, apt.txt, pylock.toml, uv.lock, poetry.lock, pdm.lock, Pipfile,
    Pipfile.lock, environment.yml, Dockerfile and build.envd. Requirements go to the manifest, which
    is begun where there is none; what it says itself stays. Pins become preferences of the next
    lock. Nothing is downloaded and nothing in FILE is run.
    """
    from lockenv.workflows.importing import ImportOptions, import_file  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = import_file(scene, ImportOptions(file=file))
    for line in outcome.lines:
        invocation.output.answer(line)
    for note in outcome.notes:
        invocation.output.note(note)
    invocation.output.say("next: lockenv lock")
    return 0
