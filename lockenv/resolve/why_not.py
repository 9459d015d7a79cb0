"""Why a better candidate was passed over: each is asked for by itself, and the answer compared."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lockenv.errors import GaveUpError
from lockenv.resolve.answer import Bounds, Resolution, Root
from lockenv.resolve.asked import Asked, Exactly
from lockenv.resolve.engine import UnsolvableError, resolve_asking
from lockenv.resolve.explain import explain
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockenv.resolve.protocol import Candidate, Identifier, Requirement, Source

# One version's question is a small one; what is not found in as many steps is left open.
_BOUNDS = Bounds(rounds=5_000, retries=8, retry_rounds=2_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A candidate that stands before the chosen one in its source's order, and what was against it.

    Exactly one of the three says so, or none where it was not found out: the ``unusable`` reason;
    the ``against`` facts (who asks, what; None is the user); what would have to ``move``, from the
    chosen candidate to another (None: would not be there).
    """

    candidate: Candidate
    unusable: str = ""
    against: tuple[tuple[Candidate | None, Requirement], ...] = ()
    moves: tuple[tuple[Candidate, Candidate | None], ...] = ()


def why_not(
    sources: Mapping[str, Source],
    roots: Sequence[Root],
    resolution: Resolution,
    identifier: Identifier,
    most: int = 10,
) -> tuple[PassedOver, ...]:
    """One reason for each of the best ``most`` candidates that were not taken, the best first."""
    asked = Asked(sources)
    pin = resolution.pins[identifier]
    better = itertools.takewhile(lambda each: each != pin, asked.candidates(identifier, ()))
    return tuple(
        _passed_over(asked, roots, resolution, candidate)
        for candidate in itertools.islice(better, most)
    )


def _passed_over(
    asked: Asked, roots: Sequence[Root], resolution: Resolution, candidate: Candidate
) -> PassedOver:
    direct = [
        root.requirement
        for root in roots
        if root.requirement.identifier == candidate.identifier
        and not asked.satisfies(root.requirement, candidate)
    ]
    if direct:
        return PassedOver(candidate=candidate, against=((None, direct[0]),))
    if asked.requirements(candidate) is None:
        return PassedOver(candidate=candidate, unusable=asked.unusable[candidate])
    forced = Root(requirement=Exactly(candidate), origin=Exactly(candidate))
    try:
        other = resolve_asking(asked, [forced, *roots], bounds=_BOUNDS)
    except UnsolvableError as error:
        return PassedOver(candidate=candidate, against=_against(error))
    except GaveUpError:
        return PassedOver(candidate=candidate)
    return PassedOver(candidate=candidate, moves=_moves(resolution, other, candidate.identifier))


def _against(error: UnsolvableError) -> tuple[tuple[Candidate | None, Requirement], ...]:
    """The clash in one line each: first what the user asks for, then who needs what."""
    explanation = explain(error, bounds=_BOUNDS)
    asks: list[tuple[Candidate | None, Requirement]] = [
        (None, root.requirement)
        for root in explanation.roots
        if not isinstance(root.requirement, Exactly)
    ]
    asks += [(link.candidates[0], link.requirements[0]) for link in explanation.links]
    return tuple(asks)


def _moves(
    resolution: Resolution, other: Resolution, identifier: Identifier
) -> tuple[tuple[Candidate, Candidate | None], ...]:
    return tuple(
        (pin, other.pins.get(name))
        for name, pin in resolution.pins.items()
        if name.name != identifier.name and name in other.pins and other.pins[name] != pin
    )
