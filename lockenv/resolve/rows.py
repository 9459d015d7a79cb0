"""Long rows of releases that cannot be used: fetched ahead, and sampled where they go on and on."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lockenv.resolve.clauses import NOWHERE, Clause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.resolve.asked import Asked
    from lockenv.resolve.knowledge import Knowledge
    from lockenv.resolve.protocol import Candidate, Identifier
    from lockenv.resolve.trace import Trace

# After so many refused candidates of one name the next ones are fetched side by side, twice as many
# as were refused, up to a number that keeps connections busy without asking for much in vain.
_FORETELL_AFTER = 3
_FORETELL_MOST = 50
# The first and the longest stride through a row of releases that cannot be used.
_STRIDES = (4, 128)


def _ladder(length: int) -> Iterator[int]:
    """The places that long strides through a row of this length touch if nothing stops them."""
    stride, longest = _STRIDES
    place = stride - 1
    while place < length:
        yield place
        stride = min(2 * stride, longest)
        place += stride


class Rows:
    """How often in a row candidates of a name were refused, and what to do about it."""

    def __init__(self, asked: Asked, known: Knowledge, row: int, trace: Trace) -> None:
        self._asked = asked
        self._known = known
        self.row = row  # 0: read every release
        self._trace = trace
        self._refused: dict[int, int] = {}
        self._foretold: dict[int, int] = {}
        # Per name: what the candidates refused last asked too much of, and how many did so.
        self._streak: dict[int, tuple[int, int]] = {}
        self.skipped: dict[Identifier, int] = {}  # how many releases were not read
        self.looked_at = 0

    def restart(self) -> None:
        """Names have new numbers, and nothing is assumed any more."""
        self._refused.clear()
        self._foretold.clear()
        self._streak.clear()
        self.skipped.clear()

    def end(self, name: int) -> None:
        """A candidate of the name was not refused."""
        self._refused[name] = 0
        self._streak.pop(name, None)

    def refused(self, name: int, bit: int) -> None:
        """One more candidate of the name was refused."""
        self._refused[name] = self._refused.get(name, 0) + 1
        self._foretell(name, bit)
        if self._in_a_row(name, bit):
            self._stride(name, bit)

    def _foretell(self, name: int, bit: int) -> None:
        """Hint at the candidates after the refused one.

        Not only at those possible now: where the row is that of a name whose every release pins
        this one, another one is possible each time.
        """
        refused = self._refused[name]
        if refused < _FORETELL_AFTER:
            return
        ahead = min(_FORETELL_MOST, 2 * refused)
        entry = self._known.entries[name]
        foretold = self._foretold.get(name, 0)
        waiting = (foretold & ~entry.known).bit_count()
        if 2 * waiting > ahead:
            return
        after = entry.shelf.always & -2 * bit & ~foretold & ~entry.known
        upcoming = list(itertools.islice(entry.shelf.of(after), ahead - waiting))
        for candidate in upcoming:
            foretold |= entry.shelf.bit(candidate)
        self._foretold[name] = foretold
        self._asked.prefetch_requirements(upcoming)

    def _obstacles(self, name: int, bit: int) -> list[int]:
        """The names of which this candidate asks for what no answer can have."""
        trail = self._known.trail
        return [
            other
            for clause in self._known.entries[name].needs
            if clause.terms[name] & bit
            for other, mask in clause.terms.items()
            if other != name and not trail.always_left(other) & ~mask
        ]

    def _in_a_row(self, name: int, bit: int) -> bool:
        """Whether enough candidates of the name met the same obstacle one after the other."""
        obstacles = self._obstacles(name, bit)
        former, count = self._streak.get(name, (NOWHERE, 0))
        if former in obstacles:
            self._streak[name] = (former, count + 1)
        else:
            self._streak[name] = (obstacles[0], 1) if obstacles else (NOWHERE, 0)
        return bool(self.row) and self._streak[name][1] >= self.row

    def _stride(self, name: int, bit: int) -> None:
        """From a candidate that met the obstacle to the first that does not, in long strides."""
        obstacle, _ = self._streak.pop(name)
        entry = self._known.entries[name]
        after = entry.shelf.always & -2 * bit & self._known.trail.always_left(name)
        row = list(entry.shelf.of(after))
        self._asked.prefetch_requirements([row[place] for place in _ladder(len(row))])
        stride, longest = _STRIDES
        met, free = -1, len(row)
        assumed = 0
        while free - met > 1:
            place = min(met + stride, len(row) - 1) if free == len(row) else (met + free) // 2
            if self._meets(obstacle, name, row[place]):
                for passed in row[met + 1 : place]:
                    assumed |= entry.shelf.bit(passed) & ~entry.known
                met = place
                stride = min(2 * stride, longest)
            else:
                free = place
        if assumed:
            self._assume(name, assumed)

    def _meets(self, obstacle: int, name: int, candidate: Candidate) -> bool:
        self.looked_at += 1
        entry = self._known.entries[name]
        bit = entry.shelf.bit(candidate)
        if not entry.known & bit:
            self._known.learn(name, bit, candidate)
        return obstacle in self._obstacles(name, bit)

    def _assume(self, name: int, assumed: int) -> None:
        identifier = self._known.entries[name].shelf.identifier
        count = assumed.bit_count()
        self._trace("assume", identifier, f"{count} releases are no better")
        self.skipped[identifier] = self.skipped.get(identifier, 0) + count
        self._known.trail.add(Clause(terms={name: assumed}, owner=name, assumed=True))
