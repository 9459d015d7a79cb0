"""The options that choose a target, groups and extras; shared by every verb that installs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from lockenv.workflows.selection import AskedSelection

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")

_OPTIONS = (
    click.option("--target", metavar="NAME", help="The target [default: this machine's]."),
    click.option("--group", "groups", multiple=True, help="Take this group too."),
    click.option("--only-group", "only_groups", multiple=True, help="Take this group alone."),
    click.option("--no-group", "no_groups", multiple=True, help="Leave this group out."),
    click.option("--extra", "extras", multiple=True, help="Take this extra too."),
    click.option("--all-groups", is_flag=True, help="Take every group."),
    click.option("--all-extras", is_flag=True, help="Take every extra."),
)


def selection_options(function: F) -> F:
    """Add the options; the command gets their values as keyword arguments."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, tuple) else ()


def asked_selection(values: dict[str, object]) -> AskedSelection:
    """The value of the options that `selection_options` added."""
    target = values.get("target")
    return AskedSelection(
        target=target if isinstance(target, str) else None,
        groups=_names(values.get("groups")),
        only_groups=_names(values.get("only_groups")),
        no_groups=_names(values.get("no_groups")),
        extras=_names(values.get("extras")),
        all_groups=bool(values.get("all_groups")),
        all_extras=bool(values.get("all_extras")),
    )
