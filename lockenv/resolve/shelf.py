"""Candidates as bits: a set of versions is an integer, a requirement the set that meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Identifier, Requirement

ABSENT = 1  # the lowest bit of every set: nothing of this name is chosen


class Shelf:
    """All candidates of one identifier that were ever offered, each with a bit of its own.

    Negative integers are sets that hold every bit but some, so the complement of a set needs no
    knowledge of how many candidates there are.
    """

    def __init__(self, asked: Asked, identifier: Identifier) -> None:
        self.identifier = identifier
        self._asked = asked
        self._bits: dict[Candidate, int] = {}
        self._masks: dict[Requirement, int] = {}
        self.candidates: list[Candidate] = []
        self._by_text: dict[str, int] = {}
        for candidate in asked.candidates(identifier, ()):
            self._add(candidate)
        # What is on offer whatever is asked; the rest must be let in by a requirement.
        self.always = self.full
        self.optional = bool(self.candidates) and not self.candidates[0].version_text

    @property
    def full(self) -> int:
        """Every candidate seen so far, and absence."""
        return (2 << len(self.candidates)) - 1

    def _add(self, candidate: Candidate) -> None:
        if candidate in self._bits:
            return
        self.candidates.append(candidate)
        bit = 1 << len(self.candidates)
        self._bits[candidate] = bit
        text = candidate.version_text
        self._by_text[text] = self._by_text.get(text, 0) | bit

    def bit(self, candidate: Candidate) -> int:
        """The bit of a candidate; 0 for one never seen."""
        return self._bits.get(candidate, 0)

    def of(self, mask: int) -> Iterator[Candidate]:
        """The candidates of a set, in the order in which they were first offered."""
        left = mask & self.full & ~ABSENT
        while left:
            lowest = left & -left
            yield self.candidates[lowest.bit_length() - 2]
            left ^= lowest

    def named(self, version_text: str) -> int:
        """The candidates whose version reads so."""
        return self._by_text.get(version_text, 0)

    def mask(self, requirement: Requirement) -> int:
        """The candidates that meet the requirement. The shelf may grow by what it lets in."""
        mask = self._masks.get(requirement)
        if mask is not None:
            return mask
        mask = self.offered((requirement,))
        for candidate in self.of(self.full & ~self.always & ~mask):
            if self._asked.satisfies(requirement, candidate):
                mask |= self._bits[candidate]
        self._masks[requirement] = mask
        return mask

    def offered(self, requirements: Sequence[Requirement]) -> int:
        """The candidates that the source offers for these requirements together."""
        mask = 0
        for candidate in self._asked.candidates(self.identifier, requirements):
            if candidate not in self._bits:
                self._add(candidate)
                for former, known in self._masks.items():
                    if self._asked.satisfies(former, candidate):
                        self._masks[former] = known | self._bits[candidate]
            mask |= self._bits[candidate]
        return mask
