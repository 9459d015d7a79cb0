"""``--in``: whether a command runs in the venv or in an image's root."""

from __future__ import annotations

from lockenv.cli.declared import Option
from lockenv.values import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where: ``name`` is that of an image in the manifest, where it was said."""

    in_image: bool
    name: str | None = None

    def __str__(self) -> str:
        """As the command line says it."""
        return "image" + (f":{self.name}" if self.name else "") if self.in_image else "venv"


def _place_type() -> object:
    import click  # noqa: PLC0415 - start-up: plain lines are read without it

    class PlaceType(click.ParamType[Place]):
        name = "place"

        def convert(
            self, value: object, param: click.Parameter | None, ctx: click.Context | None
        ) -> Place:
            if isinstance(value, Place):
                return value
            kind, colon, name = str(value).partition(":")
            if kind == "venv" and not colon:
                return Place(in_image=False)
            if kind == "image" and (name or not colon):
                return Place(in_image=True, name=name or None)
            return self.fail(f"{value!r} is none of venv, image, image:NAME", param, ctx)

    return PlaceType()


#: The option, for `run` and `shell`.
PLACE = Option(
    "--in",
    "place",
    kind=_place_type,
    default=Place(in_image=False),
    show_default=True,
    metavar="venv|image[:NAME]",
    help="Run in the venv, or in the root of the image (of that name).",
)
