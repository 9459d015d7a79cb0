"""The Python layer against itself: closure, selections, versions, files (LE201, LE207)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.lockfile.asked import Replacements, replacements, requirements, roots
from lockenv.lockfile.requirements import admits, answers, holds, parsed_requirement
from lockenv.lockfile.selection import artifact_for, entries_of, selections_of, walk
from lockenv.lockfile.self_fault import SelfFault
from lockenv.lockfile.targets import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

    from lockenv.model import Artifact, Lock, LockedPackage, LockedTarget, Target


def python_faults(lock: Lock) -> Iterator[SelfFault]:
    """Everything that does not follow, package by package and target by target."""
    unreadable = list(_unreadable(lock))
    if unreadable:
        yield from unreadable
        return
    groups: defaultdict[int, set[str]] = defaultdict(set)
    extras: defaultdict[int, set[str]] = defaultdict(set)
    numbers = {id(package): number for number, package in enumerate(lock.packages)}
    for locked in lock.targets:
        entries = entries_of(lock, locked.name)
        for selection in selections_of(lock, locked.name):
            for name, found in walk(lock, locked, entries, {selection}).extras.items():
                groups[numbers[id(entries[name])]].add(selection)
                extras[numbers[id(entries[name])]] |= found
        yield from _missing(lock, locked, entries)
        yield from _misfits(lock, locked, entries, numbers)
        yield from _file_faults(locked, entries, numbers)
    for number, package in enumerate(lock.packages):
        yield from _selection_faults(package, number, groups[number], extras[number])


def _unreadable(lock: Lock) -> Iterator[SelfFault]:
    for number, package in enumerate(lock.packages):
        for text in package.dependencies:
            try:
                parsed_requirement(text)
            except ValueError:
                message = f"{{place}}: {package.name} has {text[:100]!r}, which is no requirement"
                yield SelfFault("LE201", message, None, package.name, ("packages", number))


def _missing(
    lock: Lock, locked: LockedTarget, entries: Mapping[str, LockedPackage]
) -> Iterator[SelfFault]:
    for name, edges in sorted(walk(lock, locked, entries).missing.items()):
        edge = min(edges, key=lambda edge: (edge.asker, edge.requirement))
        message = f"{{place}}: {edge.asker} asks for {edge.requirement}, which is not locked"
        yield SelfFault("LE201", message, locked.name, name)


def _selection_faults(
    package: LockedPackage, number: int, groups: set[str], extras: set[str]
) -> Iterator[SelfFault]:
    path = ("packages", number)
    if not groups:
        message = f"{{place}}: nothing leads to {package.name} {package.version or ''}".rstrip()
        yield SelfFault("LE201", message, None, package.name, path)
    elif groups != set(package.groups):
        says, reach = ", ".join(package.groups) or "none", ", ".join(sorted(groups))
        message = f"{{place}}: {package.name} says that {says} leads to it, but {reach} does"
        yield SelfFault("LE201", message, None, package.name, path)
    elif extras != set(package.extras):
        says, asked = ", ".join(package.extras) or "none", ", ".join(sorted(extras)) or "none"
        message = f"{{place}}: {package.name} has the extras {says}, but asked are {asked}"
        yield SelfFault("LE201", message, None, package.name, path)


def _misfits(
    lock: Lock,
    locked: LockedTarget,
    entries: Mapping[str, LockedPackage],
    numbers: Mapping[int, int],
) -> Iterator[SelfFault]:
    """LE207: each pin answers the project, the constraints and every package that asks for it."""
    lines = lock.request.get(locked.name, ())
    instead = replacements(lines)
    for asker, asked in _all_asks(lock, locked, entries, instead):
        package = entries.get(asked.name)
        if package is None or (asked.url and asked.name in instead.placed):
            continue
        if not answers(package, asked):
            message = f"{{place}}: {package.name} {package.version or ''} is not {asked},"
            message = f"{message} which {asker} asks"
            path = ("packages", numbers[id(package)])
            yield SelfFault("LE207", message, locked.name, package.name, path)


def _all_asks(
    lock: Lock,
    locked: LockedTarget,
    entries: Mapping[str, LockedPackage],
    instead: Replacements,
) -> Iterator[tuple[str, Requirement]]:
    lines = lock.request.get(locked.name, ())
    for root in roots(lines, locked):
        for asked in instead.of(root.requirement):
            yield root.selection, asked
    for limit in requirements(lines, "constraint"):
        yield "a constraint", limit
    markers = target_of(locked).markers
    for package in entries.values():
        for text in package.dependencies:
            requirement = parsed_requirement(text)
            if holds(requirement, markers, package.extras):
                for asked in instead.of(requirement):
                    yield package.name, asked


def _file_faults(
    locked: LockedTarget, entries: Mapping[str, LockedPackage], numbers: Mapping[int, int]
) -> Iterator[SelfFault]:
    """Each package has one file for the target, of its own name, that the target can install."""
    target = target_of(locked)
    tags = frozenset(map(str, target.tags))
    for package in entries.values():
        path = ("packages", numbers[id(package)])
        artifact = artifact_for(package, locked.name)
        for code, message in _one_file(package, artifact, target, tags):
            yield SelfFault(code, f"{{place}}: {message}", locked.name, package.name, path)


def _one_file(
    package: LockedPackage, artifact: Artifact | None, target: Target, tags: frozenset[str]
) -> Iterator[tuple[str, str]]:
    if package.requires_python and not admits(package.requires_python, target.python):
        asked = package.requires_python
        yield "LE207", f"{package.name} needs Python {asked}, {target.name} has {target.python}"
    if package.directory or package.vcs:
        return
    if artifact is None:
        yield "LE201", f"{package.name} has no file for {target.name}"
    elif artifact.name.endswith(".whl"):
        yield from _wheel(package, artifact.name, target, tags)
    # The versions in old sdists' names are spelled too freely to be compared.
    elif package.archive is None and not canonicalize_name(artifact.name).startswith(
        f"{package.name}-"
    ):
        yield "LE201", f"{artifact.name} is not an sdist of {package.name}"


def _wheel(
    package: LockedPackage, file: str, target: Target, tags: frozenset[str]
) -> Iterator[tuple[str, str]]:
    # Binary distribution format: {name}-{version}(-{build})?-{python}-{abi}-{platform}.whl
    parts = file.removesuffix(".whl").split("-")
    if (
        len(parts) not in {5, 6}
        or canonicalize_name(parts[0]) != package.name
        or not _is_version(parts[1], package.version or "")
    ):
        yield "LE201", f"{file} is not a wheel of {package.name} {package.version}"
        return
    accepted = any(
        f"{python}-{abi}-{platform}" in tags
        for python in parts[-3].split(".")
        for abi in parts[-2].split(".")
        for platform in parts[-1].split(".")
    )
    if not accepted:
        yield "LE207", f"{file} cannot be installed on {target.name}"


def _is_version(written: str, version: str) -> bool:
    """Whether a file name's version is this one; old tools wrote ``_`` for others."""
    spellings = (written, written.replace("_", "+", 1), written.replace("_", "-"))
    return any(admits(f"=={version}", spelling) for spelling in spellings)
