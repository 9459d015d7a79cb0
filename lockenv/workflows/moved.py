"""Why each pin of a new lock moved: the ask that the old version fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.lockfile import entries_of, named_target, roots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.model import Lock, LockedPackage
    from lockenv.workflows.moves import Moves


def moved_reasons(former: Lock | None, new: Lock, moves: Moves, *, every: bool) -> list[str]:
    """One line for each Python pin that moved, each with its reason, targets that agree joined.

    Those that were asked to move only if ``every`` one is wanted (``lock --explain``).
    """
    found: dict[str, list[str]] = {}
    for target in new.targets:
        for line in _target_reasons(former, new, target.name, moves, every=every):
            found.setdefault(line, []).append(target.name)
    count = len(new.targets)
    return [
        line if len(targets) == count else f"{line} ({', '.join(targets)})"
        for line, targets in sorted(found.items())
    ]


def _target_reasons(
    former: Lock | None, new: Lock, target: str, moves: Moves, *, every: bool
) -> Iterator[str]:
    if former is None:
        return
    before = entries_of(former, target)
    after = entries_of(new, target)
    asked = moves.of("pypi", before)
    for name, package in after.items():
        old = before.get(name)
        if old is None or old.version is None or old.version == package.version:
            continue
        if name in asked and not every:
            continue
        step = f"{name} {old.version} -> {package.version}"
        yield f"{step}: {_reason(new, target, after, old) or _other(name, asked)}"


def _other(name: str, asked: frozenset[str]) -> str:
    if name in asked:
        return "it was asked to move"
    return "what held it at the former version has moved"


def _reason(new: Lock, target: str, packages: dict[str, LockedPackage], old: LockedPackage) -> str:
    """Who asks now for what the old version is not; the manifest's own words first."""
    for root in roots(new.request.get(target, ()), named_target(new, target)):
        if canonicalize_name(root.requirement.name) == old.name and not _admits(
            str(root.requirement), old
        ):
            return f"{root.selection} asks {root.requirement}"
    for name, package in sorted(packages.items()):
        for text in package.dependencies:
            requirement = Requirement(text)
            if canonicalize_name(requirement.name) == old.name and not _admits(text, old):
                return f"{name} {package.version} asks {text}"
    return ""


def _admits(text: str, old: LockedPackage) -> bool:
    requirement = Requirement(text)
    return old.version is not None and requirement.specifier.contains(old.version, prereleases=True)
