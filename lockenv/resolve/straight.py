"""The straight way: each name's best candidate, as long as nothing stands in the way.

Most sets of requests have no conflict at all. For those this finds what `search` would, step by
step in the same order, and reads no more of each name than its best two candidates. At the first
thing that only a search can judge it gives up, and the search begins anew with what was read.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from lockenv.resolve.protocol import Identifier
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.resolve.answer import Root
    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Requirement


class _BlockedError(Exception):
    """Something that only the search can judge."""


@dataclass(slots=True, kw_only=True)
class _Name:
    """One name that has to be there: what is asked of it, and the best that is on offer."""

    identifier: Identifier
    met: int = -1  # which place it had among the names that had to be there; -1: none yet
    asks: dict[Requirement, None] = field(default_factory=dict)
    unusable: set[Candidate] = field(default_factory=set)
    best: tuple[Candidate, ...] = ()  # the best two for these asks; empty: not looked at
    chosen: Candidate | None = None

    @property
    def is_settled(self) -> bool:
        """Whether one candidate alone is possible."""
        return len(self.best) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Straight:
    """The candidates that were chosen, and how many were looked at."""

    pins: Mapping[Identifier, Candidate]
    rounds: int


def straight(asked: Asked, roots: Sequence[Root], rounds: int) -> Straight | None:
    """What a search of so many rounds would find without a single conflict, or None."""
    try:
        return _Way(asked, rounds).walk(roots)
    except _BlockedError:
        return None


class _Way:
    def __init__(self, asked: Asked, rounds: int) -> None:
        self._asked = asked
        self._rounds = rounds
        self._names: dict[Identifier, _Name] = {}
        self._met = 0

    def walk(self, roots: Sequence[Root]) -> Straight:
        self._asked.prefetch(dict.fromkeys(root.requirement.identifier for root in roots))
        for root in roots:
            self._ask(root.requirement)
        looked_at = 0
        while (name := self._next()) is not None:
            looked_at += 1
            if looked_at > self._rounds:
                raise _BlockedError
            self._settle(name)
        pins = {name.identifier: name.chosen for name in self._names.values() if name.chosen}
        return Straight(pins=pins, rounds=looked_at)

    def _ask(self, requirement: Requirement) -> None:
        """One more ask, which must not bring in what is not on offer without it."""
        identifier = requirement.identifier
        name = self._names.get(identifier)
        if name is None:
            name = self._names[identifier] = _Name(identifier=identifier)
        if requirement in name.asks:
            return
        if self._asked.lets_in(identifier, (requirement,)):
            raise _BlockedError
        if name.chosen is not None and not self._asked.satisfies(requirement, name.chosen):
            raise _BlockedError
        name.asks[requirement] = None
        name.best = ()

    def _next(self) -> _Name | None:
        """The name to settle next: one with a single candidate, else the one met first."""
        found = [name for name in self._names.values() if name.chosen is None]
        for name in found:
            self._look(name)
        fresh = [name for name in found if name.met < 0]
        for name in fresh:
            name.met = self._met
            self._met += 1
        if fresh:
            self._asked.prefetch_requirements([self._pick(name) for name in fresh])
        return min(found, key=lambda name: (not name.is_settled, name.met), default=None)

    def _look(self, name: _Name) -> None:
        if name.best:
            return
        asks = tuple(name.asks)
        if len(asks) > 1 and self._asked.lets_in(name.identifier, asks):
            raise _BlockedError
        name.best = tuple(islice(self._offers(name), 2))
        # Nothing is possible; or the name may be left out, which is for last.
        if not name.best or not name.best[0].version_text:
            raise _BlockedError

    def _offers(self, name: _Name) -> Iterator[Candidate]:
        for candidate in self._asked.candidates(name.identifier, tuple(name.asks)):
            if candidate not in name.unusable:
                yield candidate

    def _pick(self, name: _Name) -> Candidate:
        """The best candidate that goes with the bare name, if it is an extra's."""
        if self._fits_sibling(name.best[0]):
            return name.best[0]
        if name.is_settled:
            raise _BlockedError
        for candidate in self._offers(name):
            if self._fits_sibling(candidate):
                return candidate
        raise _BlockedError

    def _fits_sibling(self, candidate: Candidate) -> bool:
        identifier, text = candidate.identifier, candidate.version_text
        if not identifier.qualifier:
            return True
        bare = self._names.get(Identifier(identifier.ecosystem, identifier.name))
        if bare is None:
            return True
        if bare.chosen is not None:
            return bare.chosen.version_text == text
        return any(each.version_text == text for each in self._offers(bare))

    def _settle(self, name: _Name) -> None:
        candidate = self._pick(name)
        requirements = self._asked.requirements(candidate)
        if requirements is None:
            name.unusable.add(candidate)
            name.best = ()
            return
        self._asked.prefetch(dict.fromkeys(each.identifier for each in requirements))
        name.chosen = candidate
        for requirement in requirements:
            if requirement.identifier != name.identifier:
                self._ask(requirement)
            elif self._asked.lets_in(name.identifier, (requirement,)) or not self._asked.satisfies(
                requirement, candidate
            ):
                raise _BlockedError
