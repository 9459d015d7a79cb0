"""The options that choose a target, groups and extras; shared by every verb that installs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lockenv.cli.declared import Option
from lockenv.workflows.selection import AskedSelection

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")

#: As a verb for plain lines declares them.
SELECTION = (
    Option("--target", metavar="NAME", help="The target [default: this machine's]."),
    Option("--group", "groups", multiple=True, help="Take this group too."),
    Option("--only-group", "only_groups", multiple=True, help="Take this group alone."),
    Option("--no-group", "no_groups", multiple=True, help="Leave this group out."),
    Option("--extra", "extras", multiple=True, help="Take this extra too."),
    Option("--all-groups", is_flag=True, help="Take every group."),
    Option("--all-extras", is_flag=True, help="Take every extra."),
)


def selection_options(function: F) -> F:
    """Add the options to a command of click's, which gets their values as keyword arguments."""
    for option in reversed(SELECTION):
        function = option.for_click()(function)
    return function


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, tuple) else ()


def asked_selection(values: dict[str, object]) -> AskedSelection:
    """The value of the options of `SELECTION`."""
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
