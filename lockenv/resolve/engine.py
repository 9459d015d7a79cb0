"""Propose, verify, search only if refused: the way to every resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import GaveUpError, NoSolutionError
from lockenv.resolve.answer import DEFAULT_BOUNDS, Bounds, Resolution, Root
from lockenv.resolve.asked import Asked
from lockenv.resolve.search import Refusal, RoundsError, Search
from lockenv.resolve.straight import straight
from lockenv.resolve.trace import Event, Trace
from lockenv.resolve.verify import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockenv.resolve.protocol import Candidate, Identifier, Source


class UnsolvableError(NoSolutionError):
    """Proven: no choice of candidates answers the roots. `explained` says it to a person."""

    def __init__(self, asked: Asked, roots: Sequence[Root], refusal: Refusal) -> None:
        self.asked = asked
        self.roots = tuple(roots)
        self.refusal = refusal
        super().__init__(
            "no-solution",
            "no set of packages answers every request",
            why=[f"you ask for {roots[number].requirement}" for number in refusal.roots],
            fix="remove or relax one of these",
        )


def resolve(
    sources: Mapping[str, Source],
    roots: Sequence[Root],
    *,
    proposal: Mapping[Identifier, Candidate] | None = None,
    bounds: Bounds = DEFAULT_BOUNDS,
    listen: Callable[[Event], None] | None = None,
) -> Resolution:
    """A verified choice of candidates that answers all the roots, in their order of importance.

    A proposal that holds is taken as it is; one that does not only leaves a note. The answer
    depends on the roots, the sources and the bounds, on nothing else. ``listen`` gets every step.

    Raises:
        UnsolvableError: there is no answer, as a complete search found.
        GaveUpError: the bound was reached; there may be an answer.
    """
    return resolve_asking(Asked(sources), roots, proposal=proposal, bounds=bounds, listen=listen)


def resolve_asking(
    asked: Asked,
    roots: Sequence[Root],
    *,
    proposal: Mapping[Identifier, Candidate] | None = None,
    bounds: Bounds = DEFAULT_BOUNDS,
    listen: Callable[[Event], None] | None = None,
) -> Resolution:
    """`resolve`, with what former runs over the same sources were told."""
    trace = Trace(listen)
    notes: list[str] = []
    if proposal is not None:
        found = walk(asked, roots, proposal)
        if not found.fault:
            trace("proposed", None, "the proposal holds")
            return Resolution(pins=found.pins, edges=found.edges, how="proposed")
        trace("refused", None, found.fault)
        notes.append(f"the proposal was not taken: {found.fault}")
    # Who listens wants to see the search.
    way = straight(asked, roots, bounds.rounds) if listen is None else None
    if way is not None and not (found := walk(asked, roots, way.pins)).fault:
        return Resolution(
            pins=found.pins,
            edges=found.edges,
            how="searched",
            rounds=way.rounds,
            notes=tuple(notes),
        )
    search = Search(asked, roots, bounds, trace)
    try:
        outcome = search.run()
    except RoundsError:
        raise _gave_up(f"{bounds.rounds} candidates were looked at without an answer") from None
    if isinstance(outcome, Refusal):
        raise UnsolvableError(asked, roots, outcome)
    found = walk(asked, roots, outcome)
    if found.fault:
        raise _gave_up(f"the search ended in an answer that does not hold: {found.fault}")
    notes += [
        f"{count} releases of {identifier.name} were not read: those around them cannot be used"
        for identifier, count in sorted(search.skipped.items())
    ]
    return Resolution(
        pins=found.pins,
        edges=found.edges,
        how="searched",
        rounds=search.rounds,
        notes=tuple(notes),
    )


def _gave_up(reason: str) -> GaveUpError:
    return GaveUpError(
        "gave-up",
        "the search for packages was given up; whether there is an answer is not known",
        why=reason,
        fix="narrow what you ask for: pin or bound the packages that have many releases",
    )
