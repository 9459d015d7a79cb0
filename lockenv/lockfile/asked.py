"""The lines of a request: what they say, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.lockfile.requirements import parsed_requirement
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.requirements import Requirement

    from lockenv.model import CudaFacts, LockedTarget, Origin

_PLACEHOLDER = pattern(r"\{cuda\.([a-z-]+)\}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a request and where the manifest says it."""

    line: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One ``requirement`` line: a selection (``project``, ``group:NAME``, …) asks for something."""

    selection: str
    requirement: Requirement
    line: str


def roots(lines: Iterable[str], target: LockedTarget | None = None) -> list[Root]:
    """The requirements that the project itself makes; what cannot be read is left out.

    ``{cuda.major}`` in a name stands for what the target turned out to need.
    """
    lines = tuple(lines)
    found = []
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind != "requirement":
            continue
        selection, _, text = rest.partition(" ")
        try:
            requirement = parsed_requirement(filled(text, target.cuda if target else None))
        except ValueError:
            continue
        found.append(Root(selection=selection, requirement=requirement, line=line))
    return [*found, *_toolkit_roots(lines, target.cuda if target else None)]


def _toolkit_roots(lines: Sequence[str], cuda: CudaFacts | None) -> Iterator[Root]:
    """What ``cuda.components`` asks of the Python index for the major that was chosen."""
    words = single(lines, "cuda components")
    major = cuda.needs.get("major") if cuda else None
    if not words or not isinstance(major, str):
        return
    from lockenv.tables.cuda import components  # noqa: PLC0415 - start-up: few locks have parts
    from lockenv.tables.cuda_requests import (  # noqa: PLC0415 - likewise
        parse_toolkit,
        toolkit_requirements,
    )

    rows = (row.partition("=") for row in single(lines, "cuda sources").split(",") if row)
    places = {components().component(name): place for name, _, place in rows}
    common = single(lines, "cuda source", "wheels")
    asked = {components().component(name) for name in words.split(",")}
    parts = [part for part in asked if part and places.get(part, common) == "wheels"]
    toolkit = single(lines, "cuda toolkit")
    for text in toolkit_requirements(
        parts, int(major), parse_toolkit(toolkit) if toolkit else None
    ):
        yield Root(
            selection="project",
            requirement=parsed_requirement(text),
            line=f"cuda components {words}",
        )


def filled(text: str, cuda: CudaFacts | None) -> str:
    """The text with its placeholders replaced by what is known; unknown ones stay."""

    def fact(match: re.Match[str]) -> str:
        value = cuda.needs.get(match[1]) if cuda else None
        return value if isinstance(value, str) else match[0]

    return _PLACEHOLDER.sub(fact, text)


def requirements(lines: Iterable[str], kind: str) -> list[Requirement]:
    """The requirements of all lines of a kind (``constraint``, ``override``, ``deny``, …)."""
    found = []
    for text in rests(lines, kind):
        try:
            found.append(parsed_requirement(text))
        except ValueError:
            continue
    return found


def rests(lines: Iterable[str], kind: str) -> list[str]:
    """What follows a kind, for each of its lines."""
    return [line[len(kind) + 1 :] for line in lines if line.startswith(f"{kind} ")]


def single(lines: Iterable[str], kind: str, default: str = "") -> str:
    """What follows a kind that stands at most once."""
    return next(iter(rests(lines, kind)), default)


@dataclass(frozen=True, slots=True)
class Replacements:
    """What the manifest puts in the place of other packages' requirements.

    ``placed`` are names that it says the place of: whatever url others ask for, that one counts.
    """

    overrides: tuple[Requirement, ...]
    excluded: frozenset[str]
    placed: frozenset[str] = frozenset()

    def of(self, requirement: Requirement) -> tuple[Requirement, ...]:
        """What is asked instead: itself, the overrides of its name, or nothing."""
        if requirement.name in self.excluded:
            return ()
        return tuple(item for item in self.overrides if item.name == requirement.name) or (
            requirement,
        )


def replacements(lines: Iterable[str]) -> Replacements:
    """The overrides and exclusions of a request."""
    lines = tuple(lines)
    return Replacements(
        overrides=tuple(requirements(lines, "override")),
        excluded=frozenset(canonicalize_name(name) for name in rests(lines, "exclude")),
        placed=frozenset(
            name
            for name, _, place in (line.partition(" ") for line in rests(lines, "source"))
            if not place.startswith("index=")
        ),
    )
