"""Locked system packages against the signed archives: the archives' word for `verify`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lockenv.errors import SourceError
from lockenv.model import Finding
from lockenv.sources.debian.indexes import open_indexes
from lockenv.sources.debian.record import entry_of
from lockenv.sources.debian.suites import open_suites, reopen, suites_of
from lockenv.sources.debian.universe import Universe
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.model import ArchiveState, LockedSystemPackage, System
    from lockenv.sources.debian.suites import OpenSuite, Suite, World


def confirm_system(
    system: System,
    architecture: str,
    packages: Sequence[LockedSystemPackage],
    states: Sequence[ArchiveState],
    world: World,
) -> Iterator[Finding]:
    """In what the archives do not say of packages what the lock says.

    The recorded state is asked where it can be had, by the digest of its signed Release; else the
    present one, whose signature is verified. Codes: ``hash-differs``, ``fact-differs`` (the lock
    is not to be believed), ``not-listed`` (it cannot be confirmed), LE801. Raises what an archive
    does.
    """
    suites = {(one.url, one.suite): one for one in suites_of(system, architecture, world.keyrings)}
    waiting: defaultdict[str, list[LockedSystemPackage]] = defaultdict(list)
    for package in packages:
        waiting[package.archive].append(package)
    for state in states:
        suite = suites.get((state.url, state.suite))
        if suite is None:
            words = f"the lock takes packages from {state.url} {state.suite}"
            yield _finding("LE801", f"{words}, which the manifest does not name")
            continue
        yield from _of_state(suite, state, waiting.pop(state.key, []), (system, world))


def _of_state(
    suite: Suite,
    state: ArchiveState,
    packages: list[LockedSystemPackage],
    asked: tuple[System, World],
) -> Iterator[Finding]:
    system, world = asked
    recorded = _universe(reopen(suite, state, world), suite, asked)
    if recorded is not None:
        left = []
        for package in packages:
            found = list(_differences(package, recorded, system))
            left += [package] if found[:1] == ["absent"] else []
            yield from (one for one in found if isinstance(one, Finding))
        for package in left:
            words = f"{package.name} {package.version} is not in {state.key}"
            yield _finding("fact-differs", f"{words}, from which it is locked", package)
        return
    opened = open_suites([suite], world)[0]
    if opened.state.date == state.date and opened.state != replace(state, targets=()):
        yield _finding("fact-differs", f"{state.key} has another Release than the one locked")
    present = _universe(opened, suite, asked)
    for package in packages:
        for one in _differences(package, present, system) if present else ["absent"]:
            if isinstance(one, Finding):
                yield one
            else:
                words = f"{package.name} {package.version} is not in {suite.suite} any more"
                yield _finding("not-listed", f"{words}, and {state.key} cannot be had", package)


def _universe(
    opened: OpenSuite | None, suite: Suite, asked: tuple[System, World]
) -> Universe | None:
    if opened is None:
        return None
    system, world = asked
    try:
        indexes = open_indexes([opened], world)
    except SourceError:
        return None  # its index files are gone
    return Universe(indexes, suite.architectures[0], system.architectures)


def _differences(
    package: LockedSystemPackage, universe: Universe, system: System
) -> Iterator[Finding | str]:
    """What differs; "absent" where the version is not listed."""
    native = universe.native
    architecture = native if package.architecture == "all" else package.architecture
    listed = [
        one
        for one in universe.versions(package.name, architecture)
        if one.version == package.version
    ]
    if not listed:
        yield "absent"
        return
    entries = [entry_of(one, recommends=system.recommends) for one in listed]
    same = [one for one in entries if one.digest == package.digest]
    label = f"{package.name} {package.version}"
    if not same:
        words = f"{label} is locked as {package.digest.hex[:12]}..."
        says = entries[0].digest.hex[:12]
        yield _finding("hash-differs", f"{words}, its archive lists {says}...", package)
        return
    for fact in ("size", "path", "source", "relations", "multi_arch", "essential", "priority"):
        values = [getattr(one, fact) for one in same]
        if getattr(package, fact) not in values:
            words = f"{label} is locked with another {fact.replace('_', '-')}"
            yield _finding("fact-differs", f"{words} than its archive lists", package)


def _finding(code: str, message: str, package: LockedSystemPackage | None = None) -> Finding:
    name = package.name if package is not None else None
    return Finding(code=code, message=message, layer="system", package=name)
