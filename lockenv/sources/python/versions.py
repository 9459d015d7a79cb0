"""Versions, specifiers, requirements and markers by their text, parsed once.

The same texts come again and again: in every version of a project, in every round of a search.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How a metadata line says that it belongs to one extra alone, and how that extra is written.
_OF_EXTRA = re.compile(r""";(?!.*\bor\b).*\bextra\s*==\s*["']([^"']+)["'][\s)]*$""")


@lru_cache(maxsize=1 << 16)
def version_of(text: str) -> Version:
    """The version; InvalidVersion (a ValueError) if it is none."""
    return Version(text)


@lru_cache(maxsize=1 << 14)
def specifier_of(text: str) -> SpecifierSet:
    """The specifier set; InvalidSpecifier (a ValueError) if it is none."""
    return SpecifierSet(text)


@dataclass(frozen=True, slots=True)
class Line:
    """A requirement line, as `packaging.requirements.Requirement` has it but quicker to make."""

    name: str
    extras: frozenset[str]
    specifier: SpecifierSet
    url: str | None
    marker: Marker | None


#: The usual form, in which there is no address and nothing unusual; the rest is packaging's.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"[<>=!~]=?=?\s*[A-Za-z0-9._*+!-]+"
_USUAL = re.compile(
    rf"""({_NAME})\s*
        (?:\[\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*\]\s*)?
        (\()?\s*({_CLAUSE}(?:\s*,\s*{_CLAUSE})*)?\s*(?(3)\))\s*""",
    re.VERBOSE | re.ASCII,
)


@lru_cache(maxsize=1 << 15)
def requirement_of(text: str) -> Line | str:
    """The requirement, or why the text is none."""
    head, semicolon, condition = text.partition(";")
    match = _USUAL.fullmatch(head)
    try:
        if match is not None:
            extras = frozenset(one.strip() for one in match[2].split(",")) if match[2] else _NONE
            specifier = specifier_of(match[4] or "")
            marker = _marker_of(condition.strip()) if semicolon else None
            return Line(match[1], extras, specifier, None, marker)
        whole = Requirement(text)
    except ValueError as error:
        return str(error).partition("\n")[0]
    return Line(whole.name, frozenset(whole.extras), whole.specifier, whole.url, whole.marker)


_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=1 << 13)
def _marker_of(text: str) -> Marker:
    return Marker(text)


@lru_cache(maxsize=1 << 15)
def only_extra(text: str) -> str | None:
    """The extra without which a metadata line never holds, as far as a glance tells."""
    match = _OF_EXTRA.search(text) if "extra" in text else None
    return match[1] if match else None


@lru_cache(maxsize=1 << 13)
def admits_python(condition: str, python: str) -> bool:
    """Whether Requires-Python admits an interpreter, upper bounds included.

    What is no specifier (old metadata) limits nothing, as installers have always read it.
    """
    try:
        return specifier_of(condition).contains(python, prereleases=True)
    except ValueError:
        return True


class Markers:
    """Markers in one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._known: dict[tuple[str, str], bool] = {}

    def hold(self, marker: Marker | None, extra: str = "") -> bool:
        """Whether a marker holds, for one extra or for none."""
        if marker is None:
            return True
        key = (str(marker), extra)
        found = self._known.get(key)
        if found is None:
            found = marker.evaluate({**self._environment, "extra": extra})
            self._known[key] = found
        return found
