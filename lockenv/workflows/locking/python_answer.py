"""What the search for one cell chose, and what that amounts to package by package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import DirectoryPin, LockedPackage
from lockenv.sources.python import (
    OWN,
    PythonCandidate,
    PythonRequirement,
    PythonSource,
    pin,
)
from lockenv.values import dataclass, replace
from lockenv.workflows.locking.assemble import Chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.resolve import Identifier, Resolution
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.cuda_answer import CudaAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonAnswer:
    """What the search for one cell chose."""

    cell: Cell
    source: PythonSource
    resolution: Resolution
    versions: Mapping[str, str]
    cuda: CudaAnswer | None = None


def chosen_packages(answer: PythonAnswer) -> list[Chosen]:
    """What an answer amounts to, package by package; asks for sizes that the index did not say."""
    reached = _selections(answer)
    extras: dict[str, set[str]] = {}
    for identifier in answer.resolution.pins:
        if identifier.qualifier:
            extras.setdefault(identifier.name, set()).add(identifier.qualifier)
    found = []
    for identifier, candidate in answer.resolution.pins.items():
        if identifier.qualifier or not isinstance(candidate, PythonCandidate):
            continue
        if candidate.release.kind == OWN:
            continue
        active = frozenset(extras.get(identifier.name, ()))
        metadata = answer.source.metadata(candidate.release)
        found.append(
            Chosen(
                package=replace(pin(answer.source, candidate.release), extras=()),
                requires=metadata.requires_dist,
                extras=active,
                selections=frozenset(reached[identifier.name]),
            )
        )
    own = answer.source.own
    if own is not None:
        found.append(
            Chosen(
                package=LockedPackage(
                    name=own.name, directory=DirectoryPin(path=".", editable=True)
                ),
                requires=own.metadata.requires_dist,
                extras=frozenset(extras.get(own.name, ())),
                selections=frozenset({"project", *reached.get(own.name, ())}),
            )
        )
    return found


def _selections(answer: PythonAnswer) -> dict[str, set[str]]:
    """The selections of the project that reach each name."""
    reached: dict[str, set[str]] = {}
    edges = answer.resolution.edges
    by_selection: dict[str, list[Identifier]] = {}
    for root in answer.cell.roots:
        for asked in answer.source.asked(root.ask.requirement):
            by_selection.setdefault(root.selection, []).append(asked.identifier)
    for selection, starts in by_selection.items():
        for identifier in _closure(starts, edges):
            reached.setdefault(identifier.name, set()).add(selection)
    return reached


def _closure(
    starts: Iterable[Identifier], edges: Mapping[Identifier, tuple[object, ...]]
) -> set[Identifier]:
    seen: set[Identifier] = set()
    waiting = list(starts)
    while waiting:
        identifier = waiting.pop()
        if identifier in seen:
            continue
        seen.add(identifier)
        waiting += [
            requirement.identifier
            for requirement in edges.get(identifier, ())
            if isinstance(requirement, PythonRequirement)
        ]
    return seen
