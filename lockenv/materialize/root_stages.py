"""In which stages packages are unpacked and configured, as apt would; pure (Policy 7.2).

What the essential packages need comes first. A package with a preinst waits until what it
pre-depends on is configured, since that script may use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.debian import parse_relations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.materialize.debian_database import DpkgPackage

_NEEDS = ("Pre-Depends", "Depends")


def essential_closure(packages: Sequence[DpkgPackage]) -> set[str]:
    """The names of what Essential packages need to be configured: the first stage of a root."""
    essential = [package for package in packages if package.fields.get("Essential") == "yes"]
    return {package.name for package in _closure(essential, _by_name(packages))}


def stages_of(
    packages: Sequence[DpkgPackage], configured: Iterable[str]
) -> tuple[frozenset[str], ...]:
    """The qualified names of each stage after the first, whose packages are ``configured``."""
    by_name = _by_name(packages)
    names = set(configured)
    waiting = {one.qualified: one for one in packages if one.name not in names}
    stages = []
    while waiting:
        stage = waiting
        while early := _needed_before(stage.values(), by_name, waiting):
            if len(early) == len(stage):
                break  # they pre-depend on one another: no order is right
            stage = early
        stages.append(frozenset(stage))
        waiting = {name: one for name, one in waiting.items() if name not in stage}
    return tuple(stages)


def _needed_before(
    packages: Iterable[DpkgPackage],
    by_name: Mapping[str, Sequence[DpkgPackage]],
    waiting: Mapping[str, DpkgPackage],
) -> dict[str, DpkgPackage]:
    """What must be configured before the packages' preinsts run, of what is not yet."""
    direct = [
        other
        for package in packages
        if "preinst" in package.scripts
        for other in _needed(package, ("Pre-Depends",), by_name)
    ]
    found = _closure([one for one in direct if one.qualified in waiting], by_name)
    return {one.qualified: one for one in found if one.qualified in waiting}


def _closure(
    start: Iterable[DpkgPackage], by_name: Mapping[str, Sequence[DpkgPackage]]
) -> list[DpkgPackage]:
    waiting, found = list(start), {}
    while waiting:
        package = waiting.pop()
        if package.qualified not in found:
            found[package.qualified] = package
            waiting += _needed(package, _NEEDS, by_name)
    return list(found.values())


def _needed(
    package: DpkgPackage, fields: Iterable[str], by_name: Mapping[str, Sequence[DpkgPackage]]
) -> list[DpkgPackage]:
    """Of each group of alternatives the first that is here."""
    found: list[DpkgPackage] = []
    for field in fields:
        for alternatives in parse_relations(package.fields.get(field, "")):
            first = next((name for one in alternatives if (name := one.name) in by_name), None)
            found += by_name[first] if first else []
    return found


def _by_name(packages: Iterable[DpkgPackage]) -> dict[str, list[DpkgPackage]]:
    found: dict[str, list[DpkgPackage]] = {}
    for package in packages:
        found.setdefault(package.name, []).append(package)
        for alternatives in parse_relations(package.fields.get("Provides", "")):
            for relation in alternatives:
                found.setdefault(relation.name, []).append(package)
    return found
