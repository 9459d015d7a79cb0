"""What cannot be: clauses over sets of candidates, how they narrow what is left, how they combine.

After PubGrub (Natalie Weizenbaum, 2018) and conflict-driven clause learning, over finite sets: a
clause says that its names cannot all lie in its sets at once. Version ranges need no algebra then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockenv.resolve.shelf import ABSENT
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.resolve.protocol import Requirement

NOWHERE = -1  # a position before the first step; a name that is none


@dataclass(slots=True, kw_only=True, eq=False)
class Clause:
    """Not all of ``terms`` (name to set) hold together.

    Either given (by root number ``root``; or because the ``owner``'s candidates have the
    ``requirement``, or cannot be used at all when there is none), or ``assumed`` of the owner's
    candidates without asking, or learned from its ``basis``.
    """

    terms: dict[int, int]
    root: int = NOWHERE
    owner: int = NOWHERE
    requirement: Requirement | None = None
    basis: tuple[Clause, ...] = ()
    assumed: bool = False

    def leaves(self) -> Iterator[Clause]:
        """The given clauses that this one follows from, each once."""
        seen: set[int] = set()
        stack = [self]
        while stack:
            clause = stack.pop()
            if id(clause) in seen:
                continue
            seen.add(id(clause))
            if clause.root != NOWHERE or clause.owner != NOWHERE:
                yield clause
            stack.extend(reversed(clause.basis))


class Step(NamedTuple):
    """One narrowing: the set of a name before it, why, and how many choices stand before."""

    name: int
    before: int
    clause: Clause | None
    level: int


class Trail:
    """What is left of each name, and every step that led there. Level 0 rests on no choice."""

    def __init__(self) -> None:
        self.left: list[int] = []
        self.chosen: list[int] = []  # the name of each choice that stands
        self._full: list[int] = []
        self._steps: list[Step] = []
        # Per name: where it was narrowed, and what was left after.
        self._history: list[list[tuple[int, int]]] = []
        self._watch: list[list[Clause]] = []
        self._queue: list[int] = []
        # Clauses that may say something at once: new ones, and those whose steps were taken back.
        self._fresh: list[Clause] = []
        # Clauses of one term, until they were applied where nothing takes them back.
        self._units: list[Clause] = []

    def add_name(self, full: int) -> int:
        """A number for a new name of which ``full`` is possible."""
        self.left.append(full)
        self._full.append(full)
        self._history.append([])
        self._watch.append([])
        return len(self.left) - 1

    def add(self, clause: Clause) -> None:
        """Take a clause in; `propagate` draws what follows from it."""
        if len(clause.terms) > 1:
            for name in clause.terms:
                self._watch[name].append(clause)
        else:
            self._units.append(clause)
        self._fresh.append(clause)

    def recheck(self, clauses: Iterable[Clause]) -> None:
        """Have `propagate` look at these once more."""
        self._fresh.extend(clauses)

    def widen(self, clause: Clause, name: int, mask: int) -> None:
        """The clause holds of more candidates of the name."""
        clause.terms[name] |= mask
        self._fresh.append(clause)

    def choose(self, name: int, bit: int) -> None:
        """A choice of our own, at a new level."""
        self.chosen.append(name)
        self._narrow(name, bit, None)

    @property
    def level(self) -> int:
        """How many choices stand."""
        return len(self.chosen)

    def _narrow(self, name: int, allowed: int, clause: Clause | None) -> None:
        before = self.left[name]
        after = before & allowed
        self._history[name].append((len(self._steps), after))
        self._steps.append(Step(name, before, clause, self.level))
        self.left[name] = after
        self._queue.append(name)

    def _is_broken(self, clause: Clause) -> bool:
        """Whether all terms of the clause hold; if all but one do, the last is narrowed."""
        left = self.left
        undecided = NOWHERE
        for name, mask in clause.terms.items():
            if left[name] & ~mask:
                if undecided != NOWHERE:
                    return False
                undecided = name
        if undecided == NOWHERE:
            return True
        mask = clause.terms[undecided]
        if left[undecided] & mask:
            self._narrow(undecided, ~mask, clause)
        return False

    def propagate(self) -> Clause | None:
        """Draw everything that follows; the first clause found broken, if any."""
        while self._fresh or self._queue:
            while self._fresh:
                if self._is_broken(self._fresh[-1]):
                    return self._fresh[-1]
                self._fresh.pop()
            if not self.chosen:
                self._units.clear()
            if self._queue:
                name = self._queue.pop()
                # The newest clauses first: what was just learned is what matters here.
                # Where the name's own term does not hold yet, its narrowing says nothing new.
                left = self.left[name]
                for clause in reversed(self._watch[name]):
                    if not left & ~clause.terms[name] and self._is_broken(clause):
                        self._queue.append(name)
                        self._fresh.append(clause)
                        return clause
        return None

    def jump(self, level: int) -> None:
        """Back to the state in which ``level`` choices stood."""
        while self._steps and self._steps[-1].level > level:
            step = self._steps.pop()
            self.left[step.name] = step.before
            self._history[step.name].pop()
            if step.clause is not None:
                self._fresh.append(step.clause)
        self._fresh.extend(self._units)
        del self.chosen[level:]

    def level_of(self, name: int, mask: int) -> int:
        """The choice since which what is left of the name lies in the set; 0 if since the start."""
        place = self._since(name, mask)
        return 0 if place == NOWHERE else self._steps[place].level

    def _since(self, name: int, mask: int) -> int:
        """The earliest step after which what is left of the name lies in the set."""
        if not self._full[name] & ~mask:
            return NOWHERE
        for position, after in self._history[name]:
            if not after & ~mask:
                return position
        raise AssertionError("the clause does not hold")

    def learn(self, clause: Clause) -> tuple[Clause, int | None]:
        """From a broken clause: one that would have prevented it, and the level to go back to.

        The level is None if the clause rests on no choice: then there is no answer at all.
        """
        while True:
            places = {name: self._since(name, mask) for name, mask in clause.terms.items()}
            last = max(places.values(), default=NOWHERE)
            if last == NOWHERE:
                return clause, None
            step = self._steps[last]
            name = step.name
            mask = clause.terms[name]
            before = max((at for other, at in places.items() if other != name), default=NOWHERE)
            after = next(left for at, left in self._history[name] if at == last)
            # What this one step left of the whole; the steps before it may have done the rest.
            alone = after if step.clause is None else ~step.clause.terms[name]
            if self._full[name] & alone & ~mask:
                before = max(before, self._since(name, mask | ~alone))
            level = 0 if before == NOWHERE else self._steps[before].level
            if step.clause is None or level < step.level:
                return clause, level
            clause = self._combine(clause, step.clause, name)

    def _combine(self, clause: Clause, other: Clause, name: int) -> Clause:
        """What both say together once the name is left out, as far as that is possible."""
        terms = dict(clause.terms)
        for shared, mask in other.terms.items():
            terms[shared] = terms[shared] & mask if shared in terms else mask
        terms[name] = clause.terms[name] | other.terms[name]
        kept = {key: mask for key, mask in terms.items() if self._full[key] & ~mask}
        return Clause(terms=kept, basis=(clause, other))

    def always_left(self, name: int) -> int:
        """What is left of the name whatever is chosen."""
        found = self._full[name]
        for position, after in self._history[name]:
            if self._steps[position].level:
                break
            found = after
        return found

    def full(self, name: int) -> int:
        """All that was possible of the name at the start."""
        return self._full[name]

    def required(self, name: int) -> bool:
        """Whether some candidate of the name must be there."""
        return not self.left[name] & ABSENT

    def settled(self, name: int) -> bool:
        """Whether exactly one possibility is left."""
        left = self.left[name]
        return not left & (left - 1)
