"""What ``add`` and ``remove`` share: where in the manifest, and what follows the edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from lockenv.cli.scene import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.cli.invocation import Invocation
    from lockenv.workflows.edit import EditOptions

F = TypeVar("F", bound="Callable[..., object]")

_OPTIONS = (
    click.option("--group", metavar="NAME", help="In this dependency group."),
    click.option("--extra", metavar="NAME", help="In this extra."),
    click.option("--system", is_flag=True, help="Debian packages, in [system]."),
    click.option("--target", metavar="NAME", help="For this target alone."),
    click.option("--no-lock", is_flag=True, help="Edit the manifest only."),
    click.option("--no-sync", is_flag=True, help="Edit and lock, but leave the environment."),
)


def edit_options(function: F) -> F:
    """Add the options of an edit."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def finish_edit(invocation: Invocation, options: EditOptions) -> int:
    """Edit, lock and sync; print what happened."""
    from lockenv.workflows.edit import edit  # noqa: PLC0415 - start-up

    with open_scene(invocation) as scene:
        outcome = edit(scene, options)
    for line in outcome.lines:
        invocation.output.answer(line)
    for note in outcome.notes:
        invocation.output.note(note)
    if outcome.summary:
        invocation.output.say(outcome.summary)
    return 0
