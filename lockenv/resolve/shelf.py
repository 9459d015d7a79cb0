"""Candidates as bits: a set of versions is an integer, a requirement the set that meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Identifier, Requirement

ABSENT = 1  # the lowest bit of every set: nothing of this name is chosen
REST = 2  # the next: some candidate that was not looked at yet, after all those that were

#: How many candidates are looked at from the first that is asked for; where these will not do, all.
FIRST = 16


class Shelf:
    """The candidates of one identifier that were ever looked at, each with a bit of its own.

    Of a long row only the first are looked at; `REST` stands for all others until one of them is
    needed. A requirement that one of these may meet has it in its set, so whatever is learned
    about those looked at holds whatever the others are.

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
        # What is on offer whatever is asked; all else must be let in by a requirement.
        self._row = asked.candidates(identifier, ())
        self._ahead: dict[Candidate, None] = {}  # drawn from the row, but without a bit yet
        self._is_drawn = False
        self._always = 0
        self._look_at(FIRST)
        self.optional = bool(self.candidates) and not self.candidates[0].version_text

    @property
    def full(self) -> int:
        """Every candidate looked at so far, the rest if there is one, and absence."""
        return (4 << len(self.candidates)) - 1 & ~(0 if self._ahead else REST)

    @property
    def always(self) -> int:
        """What is on offer whatever is asked, the rest and absence with it."""
        return self._always | ABSENT | (REST if self._ahead else 0)

    def extend(self) -> None:
        """Look at the rest too, since none of those looked at will do."""
        self._look_at(None)
        # Some of them may meet what was asked before.
        self._masks.clear()

    def _look_at(self, count: int | None) -> None:
        """Look at so many more of the row, or at all; one further is drawn to know of the rest."""
        number = 0
        while count is None or number < count:
            candidate = next(iter(self._ahead), None) or self._draw()
            if candidate is None:
                return
            del self._ahead[candidate]
            self._add(candidate)
            self._always |= self._bits[candidate]
            number += 1
        if not self._ahead:
            self._draw()

    def _draw(self) -> Candidate | None:
        """The next of the row, not looked at yet."""
        for candidate in self._row:
            if candidate not in self._bits:
                self._ahead[candidate] = None
                return candidate
        return None

    def is_rest(self, candidate: Candidate) -> bool:
        """Whether a candidate is one of the rest; what is not must be let in."""
        while candidate not in self._ahead:
            if self._draw() is None:
                return False
        return True

    def _add(self, candidate: Candidate) -> None:
        self.candidates.append(candidate)
        bit = 2 << len(self.candidates)
        self._bits[candidate] = bit
        text = candidate.version_text
        self._by_text[text] = self._by_text.get(text, 0) | bit

    @property
    def has_rest(self) -> bool:
        """Whether some were not looked at."""
        return bool(self._ahead)

    def bit(self, candidate: Candidate) -> int:
        """The bit of a candidate; 0 for one never looked at."""
        return self._bits.get(candidate, 0)

    def of(self, mask: int) -> Iterator[Candidate]:
        """The candidates of a set, in the order in which they were first offered."""
        left = mask & self.full & ~(ABSENT | REST)
        while left:
            lowest = left & -left
            yield self.candidates[lowest.bit_length() - 3]
            left ^= lowest

    def named(self, version_text: str) -> int:
        """The candidates whose version reads so."""
        return self._by_text.get(version_text, 0)

    def beyond(self, other: Shelf) -> int:
        """What may have the version of something that the other shelf did not look at yet."""
        mask = REST
        for text, bits in self._by_text.items():
            if not other.named(text):
                mask |= bits
        return mask

    def open(self, requirement: Requirement) -> None:
        """Look at what the first ask for the name wants, and at some more after it."""
        wanted = next(iter(self._asked.candidates(self.identifier, (requirement,))), None)
        if wanted is not None and wanted not in self._bits and self.is_rest(wanted):
            place = next(n for n, each in enumerate(self._ahead) if each == wanted)
            self._look_at(place + FIRST)
            self._masks.clear()
        self.mask(requirement)

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
            bit = self._bits.get(candidate)
            if bit is None:
                if self.is_rest(candidate):
                    if not mask & REST and not self._asked.lets_in(self.identifier, requirements):
                        return mask | REST  # what is on offer after it is of the rest too
                    mask |= REST
                    continue
                if self._ahead:
                    self._look_at(None)
                    self._masks.clear()
                    self._let_in(candidate)
                    return self.offered(requirements)
                bit = self._let_in(candidate)
            mask |= bit
        return mask

    def _let_in(self, candidate: Candidate) -> int:
        """Take in what only certain asks offer."""
        self._add(candidate)
        bit = self._bits[candidate]
        for former, known in self._masks.items():
            if self._asked.satisfies(former, candidate):
                self._masks[former] = known | bit
        return bit
