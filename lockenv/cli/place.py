"""``--in``: whether a command runs in the venv or in an image's root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Place:
    """Where: ``name`` is that of an image in the manifest, where it was said."""

    in_image: bool
    name: str | None = None


class _PlaceType(click.ParamType[Place]):
    name = "place"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        kind, colon, name = str(value).partition(":")
        if kind == "venv" and not colon:
            return Place(in_image=False)
        if kind == "image" and (name or not colon):
            return Place(in_image=True, name=name or None)
        return self.fail(f"{value!r} is none of venv, image, image:NAME", param, ctx)


def place_option(command: Callable[P, R]) -> Callable[P, R]:
    """The option, for `run` and `shell`."""
    return click.option(
        "--in",
        "place",
        type=_PlaceType(),
        default="venv",
        show_default=True,
        metavar="venv|image[:NAME]",
        help="Run in the venv, or in the root of the image (of that name).",
    )(command)
