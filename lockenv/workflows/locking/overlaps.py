"""Nothing overwrites anything: wheels that would write different bytes to one path (LE704)."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError
from lockenv.formats.contents import collisions_of_listings
from lockenv.lockfile import entries_of, parsed_requirement
from lockenv.model import Overlaps
from lockenv.workflows.locking.alignment import Steer
from lockenv.workflows.locking.parting import parted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockenv.formats.contents import Collision
    from lockenv.model import Lock, Manifest
    from lockenv.resolve import Resolution
    from lockenv.workflows.locking.python_answer import PythonAnswer
    from lockenv.workflows.locking.python_layer import PythonLayer

CODE = "LE704"


def overlap_notes(
    manifest: Manifest, layer: PythonLayer, solved: Mapping[str, PythonAnswer]
) -> list[str]:
    """What of the chosen wheels would be overwritten although it is let be, a line a pair.

    `NoSolutionError` where one wheel would break what another does (see `docs/cuda.md`).
    """
    lines: dict[str, list[str]] = {}
    for name, answer in solved.items():
        refused, told = _judged(manifest, layer, answer)
        if refused:
            ways = parted(
                refused,
                layer.contents.of(answer.resolution),
                partial(_holds_without, manifest, layer, answer),
            )
            raise _refusal(answer, refused, ways)
        for one in told:
            lines.setdefault(_line(one), []).append(name)
    return [f"{line} ({', '.join(names)})" for line, names in lines.items()]


def _judged(
    manifest: Manifest, layer: PythonLayer, answer: PythonAnswer
) -> tuple[list[Collision], list[Collision]]:
    """What cannot be, and what is only told, of the wheels that overwrite each other."""
    found = collisions_of_listings(layer.contents.of(answer.resolution), fold=_fold(answer))
    refused: list[Collision] = []
    told: list[Collision] = []
    if found:
        together = asked_together(answer.resolution)
        overlaps = overlaps_asked(manifest, answer.cell.name, together)
        for one in found:
            verdict = overlaps.verdict(*_names(one), harmful=bool(one.harmful))
            if verdict == "refuse":
                refused.append(one)
            elif verdict == "tell":
                told.append(one)
    return refused, told


def _holds_without(
    manifest: Manifest, layer: PythonLayer, answer: PythonAnswer, names: Sequence[str]
) -> bool:
    """Whether there is an answer that holds where these names are excluded."""
    try:
        other = layer.excluding(names).solve(answer.cell, Steer(preferred=answer.versions))
    except NoSolutionError:
        return False
    return not _judged(manifest, layer, other)[0]


def overlaps_asked(
    manifest: Manifest, target: str, together: frozenset[tuple[str, str]]
) -> Overlaps:
    """What the manifest says of wheels that overwrite each other in a target."""
    ignored = {
        ignore.package or "*"
        for ignore in manifest.ignores
        if ignore.code == CODE and ignore.target in {None, target}
    }
    word = manifest.policy.findings.get(CODE)
    return Overlaps(word=word, ignored=frozenset(ignored), together=together)


def overlaps_locked(lock: Lock, target: str) -> Overlaps:
    """The same as the lock records it, for whoever makes something from it."""
    lines = lock.request.get(target, ())
    words = [line.split(" ")[2] for line in lines if line.startswith(f"finding {CODE} ")]
    ignored = [line.split(" ")[2] for line in lines if line.startswith(f"ignore {CODE} ")]
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for name, package in entries_of(lock, target).items():
        asked[name] |= {parsed_requirement(text).name for text in package.dependencies}
    return Overlaps(
        word=next(iter(words), None), ignored=frozenset(ignored), together=_pairs(asked)
    )


def _names(collision: Collision) -> tuple[str, str]:
    return collision.one.partition(" ")[0], collision.other.partition(" ")[0]


def asked_together(resolution: Resolution) -> frozenset[tuple[str, str]]:
    """The pairs of names (each sorted) that one package asks for, its extras counted."""
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for identifier, requirements in resolution.edges.items():
        asked[identifier.name] |= {one.identifier.name for one in requirements}
    return _pairs(asked)


def _pairs(asked: Mapping[str, set[str]]) -> frozenset[tuple[str, str]]:
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
    answer: PythonAnswer, collisions: Sequence[Collision], ways: Sequence[str]
) -> NoSolutionError:
    from lockenv.sources.cuda import collision_error  # noqa: PLC0415 - start-up: only then

    error = collision_error(collisions, answer.resolution)
    assert error is not None  # noqa: S101 - there are collisions
    anyway = f'policy.findings = {{ {CODE} = "warn" }}, if it does not matter whose file stands'
    why = [f"target {answer.cell.name}", *error.why]
    return NoSolutionError(CODE, error.what, why=why, fix=[*(ways or error.fix), anyway])
