"""Why each pin of a new lock moved: the ask that the old version fails, or what the manifest says.

The system layer tells its own moves as it makes them; those that were asked for are told here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.lockfile import diff, entries_of, named_target, roots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.model import Lock, LockedPackage
    from lockenv.workflows.locking.moves import Moves


def moved_reasons(former: Lock | None, new: Lock, moves: Moves, *, every: bool) -> list[str]:
    """One line for each pin that moved, each with its reason, targets that agree joined.

    Those that were asked to move, and those of the layers beside Python's, whose reason stands in
    the manifest, only if ``every`` one is wanted (``lock --explain``).
    """
    found: dict[str, list[str]] = {}
    for target in new.targets:
        for line in _target_reasons(former, new, target.name, moves, every=every):
            found.setdefault(line, []).append(target.name)
    if every and former is not None:
        for line, targets in _other_layers(former, new, moves):
            found.setdefault(line, []).extend(targets)
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


#: The request's lines that decide on a layer, and the layer's name in ``--upgrade`` and ``-P``.
_DECIDING = {
    "interpreter": ("interpreter", ("python ", "python-source ", "requires-python ")),
    "system": ("system", ("system ",)),
    "cuda": ("cuda", ("cuda ",)),
    "base": ("base", ("base ",)),
}
#: The layers as ``-P`` names them.
_PREFIXES = {"system": "deb", "cuda": "cuda", "base": "base"}


def _other_layers(former: Lock, new: Lock, moves: Moves) -> Iterator[tuple[str, list[str]]]:
    """The moves of the layers beside Python's, each with what the manifest or the user changed."""
    for change in diff(former, new).changes:
        if change.layer not in _DECIDING or change.kind not in {"up", "down", "changed", "rebuilt"}:
            continue
        layer, starts = _DECIDING[change.layer]
        prefix = "" if change.layer == "interpreter" else f"{change.layer} "
        step = f"{prefix}{change.name} {change.before} -> {change.after}"
        name = change.name.partition(":")[0] if change.layer == "system" else change.name
        asked = (
            moves.interpreter
            if change.layer == "interpreter"
            else layer in moves.layers or bool(moves.of(_PREFIXES[change.layer], [name]))
        )
        if change.layer == "system" and not asked:
            continue  # the layer itself has told it
        changed = _changed_lines(former, new, change.targets, starts)
        if changed and change.layer != "system":
            yield f"{step}: the manifest now says {', '.join(changed)}", list(change.targets)
        elif asked:
            yield f"{step}: it was asked to move", list(change.targets)
        else:
            yield (
                f"{step}: what else moved asks for it, or its archive has it no more",
                list(change.targets),
            )


def _changed_lines(
    former: Lock, new: Lock, targets: Iterable[str], starts: tuple[str, ...]
) -> list[str]:
    """The lines of the request that decide on a layer and that the former lock did not have."""
    found: dict[str, None] = {}
    for target in targets:
        before = set(former.request.get(target, ()))
        for line in new.request.get(target, ()):
            if line.startswith(starts) and line not in before and target in former.request:
                found[line] = None
    return list(found)


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
