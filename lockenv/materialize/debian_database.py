"""dpkg's own database for packages that were unpacked without dpkg, after dpkg's source and deb(5).

Pure: from the packages' control files to the texts of ``status``, ``triggers`` and their kin.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

from lockenv.formats.deb import info_name, parse_control
from lockenv.formats.debian import parse_relations
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True)
class DpkgPackage:
    """A package that lies unpacked in a root, from the facts that its fragment keeps."""

    facts: Mapping[str, str]

    @cached_property
    def fields(self) -> dict[str, str]:
        """Its control file."""
        text = self.facts["control"].encode("utf-8", "surrogateescape")
        return parse_control(text, "a package of the store")

    @property
    def name(self) -> str:
        """Its name."""
        return self.fields["Package"]

    @property
    def info(self) -> str:
        """What its files in the database begin with."""
        return info_name(self.fields)

    @property
    def qualified(self) -> str:
        """The name that tells it from the same package of another architecture."""
        architecture = self.fields["Architecture"]
        return self.name if architecture == "all" else f"{self.name}:{architecture}"

    @cached_property
    def conffiles(self) -> tuple[tuple[str, bool], ...]:
        """Its configuration files, and whether each goes away with an upgrade."""
        return tuple((path, removed) for path, removed in json.loads(self.facts["conffiles"]))

    @property
    def scripts(self) -> tuple[str, ...]:
        """Which maintainer scripts it has."""
        return tuple(self.facts["scripts"].split())


def render_status(
    packages: Iterable[DpkgPackage], state: str, sums: Mapping[str, str] | None = None
) -> str:
    """The paragraphs of ``var/lib/dpkg/status``, sorted; ``state`` is unpacked or installed.

    ``sums`` are the MD5 sums of configuration files that are installed, by path.
    """
    ordered = sorted(packages, key=lambda package: (package.name, package.fields["Architecture"]))
    return "".join(f"{_paragraph(package, state, sums or {})}\n" for package in ordered)


def _paragraph(package: DpkgPackage, state: str, sums: Mapping[str, str]) -> str:
    lines = [f"Package: {package.name}\n", f"Status: install ok {state}\n"]
    for name, value in package.fields.items():
        if name not in {"Package", "Status", "Conffiles"}:
            lines.append(f"{name}: {value}\n")
    # What dpkg has not configured yet has no sum: it says so in that place.
    there = {path: "newconffile" for path, _ in package.conffiles} if state == "unpacked" else sums
    if any(path in there for path, _ in package.conffiles):
        lines.append("Conffiles:\n")
    for path, removed in package.conffiles:
        if path in there:
            lines.append(f" /{path} {there[path]}{' remove-on-upgrade' if removed else ''}\n")
    return "".join(lines)


def render_triggers(packages: Iterable[DpkgPackage]) -> dict[str, str]:
    """The files of ``var/lib/dpkg/triggers``: who is interested in what (deb-triggers(5))."""
    files: dict[str, list[str]] = {}
    for package in sorted(packages, key=lambda package: package.qualified):
        for verb, name in _directives(package):
            if not verb.startswith("interest"):
                continue
            who = package.info + ("/noawait" if verb == "interest-noawait" else "")
            if name.startswith("/"):
                files.setdefault("File", []).append(f"{name} {who}\n")
            else:
                files.setdefault(name, []).append(f"{who}\n")
    return {name: "".join(lines) for name, lines in sorted(files.items())}


def render_activations(interested: Iterable[DpkgPackage], paths: Iterable[str]) -> str:
    """``triggers/Unincorp``: the file triggers that unpacking these paths sets off.

    Only for packages that are configured already; the others do their work when they are.
    """
    folders: set[str] = set()
    for path in paths:
        parts = path.split("/")
        folders.update("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    names = {
        name
        for package in interested
        for verb, name in _directives(package)
        if verb.startswith("interest") and name.startswith("/") and name.strip("/") in folders
    }
    return "".join(f"{name} -\n" for name in sorted(names))


def _directives(package: DpkgPackage) -> list[tuple[str, str]]:
    found = []
    for line in package.facts["triggers"].splitlines():
        verb, _, name = line.partition("#")[0].strip().partition(" ")
        if verb and name.strip():
            found.append((verb, name.strip()))
    return found


def replaces(package: DpkgPackage, other: str) -> bool:
    """Whether the package may write over files of the other (Policy 7.6.1)."""
    return any(
        relation.name == other
        for alternatives in parse_relations(package.fields.get("Replaces", ""))
        for relation in alternatives
    )
