"""Versions, specifiers, requirements and markers by their text, parsed once.

The same texts come again and again: in every version of a project, in every round of a search.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.markers import Marker

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


@lru_cache(maxsize=1 << 15)
def requirement_of(text: str) -> Requirement | str:
    """The requirement, or why the text is none."""
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        return str(error).partition("\n")[0]


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
    except InvalidSpecifier:
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
