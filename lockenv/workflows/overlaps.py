"""Nothing overwrites anything: wheels that would write different bytes to one path (LE704)."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError
from lockenv.formats.contents import collisions_of_listings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lockenv.formats.contents import Collision
    from lockenv.model import Manifest
    from lockenv.resolve import Resolution
    from lockenv.workflows.contents import Contents
    from lockenv.workflows.python_layer import PythonAnswer

CODE = "LE704"
#: How many pairs of wheels a message names.
_PAIRS = 6


def overlap_notes(
    manifest: Manifest, contents: Contents, solved: Mapping[str, PythonAnswer]
) -> list[str]:
    """What of the chosen wheels would be overwritten although it is let be, a line a pair.

    `NoSolutionError` where one wheel would break what another does (see `docs/cuda.md`).
    """
    lines: dict[str, list[str]] = {}
    for name, answer in solved.items():
        found = collisions_of_listings(contents.of(answer.resolution), fold=_fold(answer))
        refused, told = judged(manifest, name, found, asked_together(answer.resolution))
        if refused:
            raise _refusal(name, refused, answer.resolution)
        for collision in told:
            lines.setdefault(_line(collision), []).append(name)
    return [f"{line} ({', '.join(names)})" for line, names in lines.items()]


def judged(
    manifest: Manifest,
    target: str,
    collisions: Iterable[Collision],
    together: frozenset[tuple[str, str]],
) -> tuple[list[Collision], list[Collision]]:
    """The collisions that are errors, and those that are told.

    By the manifest's word for LE704, which says it for every path; without one only what does harm
    counts, and it is told, not refused, where one package asks for both wheels: then its makers
    have put them together.
    """
    word = manifest.policy.findings.get(CODE)
    refused, told = [], []
    for collision in collisions:
        names = (collision.one.partition(" ")[0], collision.other.partition(" ")[0])
        if word == "off" or _is_ignored(manifest, target, names):
            continue
        if word == "error" or (collision.harmful and word is None and names not in together):
            refused.append(collision)
        elif collision.harmful:
            told.append(collision)
    return refused, told


def _is_ignored(manifest: Manifest, target: str, names: tuple[str, str]) -> bool:
    return any(
        ignore.code == CODE
        and (ignore.package is None or ignore.package in names)
        and ignore.target in {None, target}
        for ignore in manifest.ignores
    )


def asked_together(resolution: Resolution) -> frozenset[tuple[str, str]]:
    """The pairs of names (each sorted) that one package asks for, its extras counted."""
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for identifier, requirements in resolution.edges.items():
        asked[identifier.name] |= {one.identifier.name for one in requirements}
    return frozenset(
        pair for name, names in asked.items() for pair in combinations(sorted(names - {name}), 2)
    )


def _fold(answer: PythonAnswer) -> Callable[[str], str] | None:
    """How a target's file system takes names for one."""
    if answer.cell.target.platform.is_linux:
        return None
    from lockenv.formats.wheel import collision_key  # noqa: PLC0415 - start-up: only there

    return collision_key


def _line(collision: Collision) -> str:
    more = len(collision.harmful) - 1
    also = f" and {more} more files" if more > 1 else " and another file" if more else ""
    return (
        f"{collision.one} and {collision.other} both write {collision.harmful[0]}{also}: "
        f"{collision.other}'s stands"
    )


def _refusal(
    target: str, collisions: Sequence[Collision], resolution: Resolution
) -> NoSolutionError:
    from lockenv.sources.cuda import collision_error  # noqa: PLC0415 - start-up: only then

    error = collision_error(collisions, resolution)
    return NoSolutionError(CODE, error.what, why=[f"target {target}", *error.why], fix=error.fix)
