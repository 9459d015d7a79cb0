"""The complete search: finds an answer or proves from what the sources said that there is none.

Where the proof stops: a candidate that is not on offer until something asks for it (a yanked file,
a pre-release) is considered only where what was read asks for it, not for what it would bring with
it itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.resolve.clauses import NOWHERE, Clause
from lockenv.resolve.knowledge import Knowledge, ReopenedError
from lockenv.resolve.rows import Rows
from lockenv.resolve.trace import render_identifier
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.resolve.answer import Bounds, Root
    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Identifier, Requirement
    from lockenv.resolve.trace import Trace

# How often a name must lose its best candidates to another one before it is settled first;
# five is what uv found to serve its users, and our worlds show no better number.
_PATIENCE = 5


class RoundsError(Exception):
    """The bound was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A fact that a refusal rests on: these candidates ask for this, or cannot be used (None)."""

    candidates: tuple[Candidate, ...]
    requirement: Requirement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """There is no answer, as follows from these roots (by number) and these facts."""

    roots: tuple[int, ...]
    needs: tuple[Need, ...]


class Search:
    """One search over all the roots; `run` may be called once."""

    def __init__(self, asked: Asked, roots: Sequence[Root], bounds: Bounds, trace: Trace) -> None:
        self._asked = asked
        self._bounds = bounds
        self._trace = trace
        self._known = Knowledge(asked, roots)
        self._rows = Rows(asked, self._known, bounds.row, trace)
        self._settled = 0
        self._met = 0  # how many names had to be there so far
        self._lost: dict[Identifier, int] = {}  # how often others stood in the way of a name
        self._early: set[Identifier] = set()  # those that are settled before others for that
        # Per name that stood in the way of others: those others, which are settled before it.
        self._after: dict[Identifier, set[Identifier]] = {}

    @property
    def rounds(self) -> int:
        """How many candidates were looked at."""
        return self._settled + self._rows.looked_at

    @property
    def skipped(self) -> dict[Identifier, int]:
        """How many releases of a name were not read because those around them cannot be used."""
        return self._rows.skipped

    def run(self) -> dict[Identifier, Candidate] | Refusal:
        """The chosen candidates, or why there are none.

        Raises:
            RoundsError: when the bound is reached.
        """
        while True:
            try:
                self._known.restart()
                found = self._run()
            except ReopenedError:
                self._trace("reopen", None, "new candidates came in; what was learned is dropped")
                found = None
            if found is not None:
                return found
            # With what is known now, names may do in the order in which they are met.
            self._rows.restart()
            self._met = 0
            self._lost.clear()
            self._early.clear()
            self._after.clear()

    def _run(self) -> dict[Identifier, Candidate] | Refusal | None:
        """What `run` says, or None if it has to start again."""
        trail = self._known.trail
        checked = False
        while True:
            broken = trail.propagate()
            if broken is None:
                following = self._next()
                if following is not None:
                    broken = self._settle(following)
                elif checked:
                    level = trail.level
                    broken = self._known.unfounded()
                    if broken is None and trail.level == level:
                        return self._answer()
                else:
                    # What was taken back may have hidden what a clause says: look at all again.
                    trail.recheck(self._known.facts.values())
                checked = following is None
            if broken is not None:
                learned, back = trail.learn(broken)
                if back is None:
                    return self._refusal(learned)
                trail.jump(back)
                self._trace("jump", None, f"back to choice {back}")
                if learned is not broken:
                    trail.add(learned)

    def _identifier(self, name: int) -> Identifier:
        return self._known.entries[name].shelf.identifier

    # What to settle next, and on what.

    def _next(self) -> int | None:
        """The name to settle next; None when all are settled."""
        found = self._known.open()
        entries = self._known.entries
        fresh = [name for name in found if entries[name].met < 0]
        for name in fresh:
            entries[name].met = self._met
            self._met += 1
        if fresh:
            picked = [self._known.pick(name) for name in fresh]
            self._asked.prefetch_requirements([each for each in picked if each is not None])
        waiting = found
        while waiting:
            name = min(waiting, key=self._urgency)
            # A name with nothing on offer now may be let in by what is settled after it: wait.
            if self._known.pick(name) is not None:
                return name
            waiting = [other for other in waiting if other != name]
        return min(found, key=self._urgency) if found else None

    def _urgency(self, name: int) -> tuple[int, int]:
        """Forced names first, then those put early, then as met; then those that have to wait.

        What may be left out comes last.
        """
        entry = self._known.entries[name]
        identifier = entry.shelf.identifier
        if self._known.trail.settled(name):
            rank = 0
        elif entry.shelf.optional:
            rank = 4
        elif self._waits(identifier):
            rank = 3
        else:
            rank = 1 if identifier in self._early else 2
        return rank, entry.met

    def _waits(self, identifier: Identifier) -> bool:
        """Whether a name in whose way this one stood is not settled yet.

        It may not even be met: whoever asks for it is settled before this name too then.
        """
        trail, numbers = self._known.trail, self._known.numbers
        return any(
            other not in numbers or not trail.settled(numbers[other])
            for other in self._after.get(identifier, ())
        )

    def _settle(self, name: int) -> Clause | None:
        """Settle a name on its best candidate, if what that asks for allows; a broken clause."""
        self._settled += 1
        if self.rounds > self._bounds.rounds:
            raise RoundsError
        candidate = self._known.pick(name)
        if candidate is None:
            return self._known.lock(name)
        if self._known.pair(name, candidate):
            return None
        trail = self._known.trail
        entry = self._known.entries[name]
        bit = entry.shelf.bit(candidate)
        if not entry.known & bit:
            facts = self._known.learn(name, bit, candidate)
            against = self._levels_against(name, facts)
            broken = trail.propagate()
            if broken is not None or not trail.left[name] & bit:
                detail = candidate.version_text + self._said(against)
                self._trace("refuse", entry.shelf.identifier, detail)
                self._rows.refused(name, bit)
                return None if self._overtakes(name, against) else broken
        self._rows.end(name)
        if trail.settled(name):
            self._trace("follow", entry.shelf.identifier, candidate.version_text)
        else:
            self._trace("choose", entry.shelf.identifier, candidate.version_text)
            trail.choose(name, bit)
        return None

    def _levels_against(self, name: int, facts: list[Clause]) -> list[int]:
        """The choices that a candidate's requirements collide with.

        Without those of names that were put first themselves: two must not overtake each other.
        """
        trail = self._known.trail
        levels = [
            trail.level_of(other, mask)
            for clause in facts
            for other, mask in clause.terms.items()
            if other != name and not trail.left[other] & ~mask
        ]
        return [
            level
            for level in levels
            if level and self._identifier(trail.chosen[level - 1]) not in self._early
        ]

    def _overtakes(self, name: int, against: list[int]) -> bool:
        """Count whose choice stood in the way; whether the name goes before it from now on."""
        identifier = self._identifier(name)
        if not against or identifier in self._early or self._known.entries[name].shelf.optional:
            return False
        self._lost[identifier] = self._lost.get(identifier, 0) + 1
        if self._lost[identifier] < _PATIENCE:
            return False
        self._early.add(identifier)
        for level in against:
            stood = self._identifier(self._known.trail.chosen[level - 1])
            self._after.setdefault(stood, set()).add(identifier)
        self._trace("early", identifier, f"is settled before others{self._said(against)}")
        self._known.trail.jump(min(against) - 1)
        return True

    def _said(self, against: list[int]) -> str:
        """Which choices stand in the way, for the trace; nothing where it is none."""
        chosen = self._known.trail.chosen
        names = sorted({self._identifier(chosen[level - 1]) for level in against})
        return f" against {', '.join(map(render_identifier, names))}" if names else ""

    # What comes out.

    def _answer(self) -> dict[Identifier, Candidate]:
        trail = self._known.trail
        return {
            entry.shelf.identifier: next(entry.shelf.of(trail.left[name]))
            for name, entry in enumerate(self._known.entries)
            if trail.required(name)
        }

    def _refusal(self, clause: Clause) -> Refusal | None:
        leaves = list(clause.leaves())
        if any(leaf.assumed for leaf in leaves):
            self._trace("reread", None, "a refusal must not rest on what was not read")
            self._rows.row = 0
            return None
        return Refusal(
            roots=tuple(sorted({leaf.root for leaf in leaves if leaf.root != NOWHERE})),
            needs=tuple(
                Need(
                    candidates=tuple(
                        self._known.entries[leaf.owner].shelf.of(leaf.terms[leaf.owner])
                    ),
                    requirement=leaf.requirement,
                )
                for leaf in leaves
                if leaf.owner != NOWHERE
            ),
        )
