"""External dependencies (PEP 725) by their names in Debian, as mappings of PEP 804.

The mappings are made by ``scripts/refresh_external_mapping.py`` from Debian's own indexes.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from lockenv.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

#: build, host or run (PEP 725), each with its packages.
Specs: TypeAlias = "Mapping[str, tuple[str, ...]]"

#: The suites that have a mapping, by the identifier of their ecosystem (PEP 804).
_ECOSYSTEMS = {
    ("debian", "bookworm"): "debian+12",
    ("debian", "trixie"): "debian+13",
}
_ROLES = ("build", "host", "run")
#: A DepURL (PEP 725): ``dep:TYPE/NAME[@VERSION][?QUALIFIERS][#SUBPATH]``, and a package URL of a
#: Debian package or of anything generic.
_DEP = re.compile(r"(?:dep|pkg):(?P<name>[^@?#]+)(?:@(?P<version>[^?#]*))?(?:\?[^#]*)?(?:#.*)?")
_DEB = re.compile(r"pkg:deb/(?:debian|ubuntu)/(?P<name>[a-z0-9][a-z0-9+.\-]+)")


class External(NamedTuple):
    """An external dependency: its identifier without a version, and the version as written."""

    identifier: str
    version: str


def parse_external(text: str) -> External:
    """A DepURL or package URL; ValueError if it is neither."""
    match = _DEP.fullmatch(text)
    if match is None or "/" not in match["name"]:
        raise ValueError(f"not an external dependency: {text[:100]!r}")
    scheme = "pkg" if text.startswith("pkg:deb/") else "dep"
    return External(f"{scheme}:{match['name'].rstrip('/')}", match["version"] or "")


def ecosystem(distribution: str, suite: str) -> str | None:
    """The identifier of a suite's mapping (``debian+12``), or None where there is none."""
    return _ECOSYSTEMS.get((distribution, suite))


@lru_cache(maxsize=4)
def mapping(name: str) -> Mapping[str, Specs]:
    """The mapping of an ecosystem: identifiers to packages by role; no package is an empty one."""
    place = files("lockenv.tables").joinpath("data", "external", f"{name}.mapping.json")
    document = Fields(json.loads(place.read_text(encoding="utf-8")))
    found: dict[str, Specs] = {}
    same: dict[str, str] = {}
    for row in document.tables("mappings"):
        identifier = row.required_text("id")
        specs = row.below("specs") if row.has("specs") else None
        if specs is None:
            same[identifier] = row.required_text("specs_from")
        else:
            found[identifier] = {role: specs.texts(role) for role in _ROLES}
    for identifier, other in same.items():
        found[identifier] = found[other]
    return found


def packages_for(external: External, name: str, role: str) -> tuple[str, ...] | None:
    """The packages of an ecosystem for a dependency in a role; None for an unmapped one."""
    direct = _DEB.fullmatch(external.identifier)
    if direct is not None:
        return (direct["name"],)
    specs = mapping(name).get(external.identifier)
    return None if specs is None else specs[role]
