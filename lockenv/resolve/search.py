"""The complete search: finds an answer or proves from what the sources said that there is none."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockenv.resolve.clauses import NOWHERE, Clause, Trail
from lockenv.resolve.protocol import Identifier
from lockenv.resolve.shelf import ABSENT, Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockenv.resolve.answer import Bounds, Root
    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Requirement
    from lockenv.resolve.trace import Trace

# How often a name must lose its best candidates to another one before it is settled first;
# five is what uv found to serve its users, and our worlds show no better number.
_PATIENCE = 5
# After so many refused candidates of one name the next ones are fetched side by side, twice as many
# as were refused, up to a number that keeps connections busy without asking for much in vain.
_FORETELL_AFTER = 3
_FORETELL_MOST = 50


# The first and the longest stride through a row of releases that cannot be used.
_STRIDES = (4, 128)


class RoundsError(Exception):
    """The bound was reached."""


class ReopenedError(Exception):
    """A requirement let in candidates that were not there before: what was learned may be wrong."""


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


class _Row(NamedTuple):
    """What a source offers for some asks: what was read of it, and the rest."""

    asks: tuple[Requirement, ...]
    rest: Iterator[Candidate]
    read: list[tuple[int, Candidate]]


def _ladder(length: int) -> list[int]:
    """The places that long strides through a row of this length touch if nothing stops them."""
    stride, longest = _STRIDES
    places = []
    place = stride - 1
    while place < length:
        places.append(place)
        stride = min(2 * stride, longest)
        place += stride
    return places


class Search:
    """One search over all the roots; `run` may be called once."""

    def __init__(self, asked: Asked, roots: Sequence[Root], bounds: Bounds, trace: Trace) -> None:
        self._asked = asked
        self._roots = roots
        self._bounds = bounds
        self._row = bounds.row
        self._trace = trace
        self.rounds = 0
        self._shelves: dict[Identifier, Shelf] = {}
        self._looked_at: dict[Candidate, None] = {}  # whose requirements are facts, for a new start
        self._reset()

    def _reset(self) -> None:
        self._trail = Trail()
        self._names: dict[Identifier, int] = {}
        self._shelf: list[Shelf] = []
        self._known: list[int] = []  # per name: the candidates whose requirements are facts
        self._facts: dict[tuple[int, Requirement], Clause] = {}
        self._onto: list[list[Clause]] = []  # per name: the given clauses that ask for it
        # Per name: what was asked when nothing was on offer, and what was possible then.
        self._locks: list[list[tuple[list[Requirement], int]]] = []
        self._keys: set[int] = set()  # the given clauses (by id) whose asks would have let some in
        self._rows: list[_Row | None] = []  # per name: what is on offer for what was asked last
        self._needs: list[list[Clause]] = []  # per name: the facts about what it asks for
        # Per name: what the candidates refused last in a row asked too much of, and how many.
        self._streak: list[tuple[int, int]] = []
        self.skipped: dict[Identifier, int] = {}  # how many releases were not read
        self._refused: list[int] = []  # per name: candidates refused in a row
        self._foretold: list[int] = []  # per name: the candidates that were hinted at
        self._lost: list[int] = []  # per name: how often others stood in its way
        self._rank: list[int] = []  # per name: 0 to be settled early, 1, 2 late
        self._seen: dict[int, int] = {}  # names that had to be there, numbered in that order

    def run(self) -> dict[Identifier, Candidate] | Refusal:
        """The chosen candidates, or why there are none.

        Raises:
            RoundsError: when the bound is reached.
        """
        while True:
            try:
                return self._run()
            except ReopenedError:
                self._trace("reopen", None, "new candidates came in; what was learned is dropped")
                self._reset()

    def _run(self) -> dict[Identifier, Candidate] | Refusal:
        self._begin()
        checked = False
        while True:
            broken = self._trail.propagate()
            if broken is None:
                following = self._next()
                if following is not None:
                    broken = self._settle(following)
                elif checked:
                    return self._answer()
                else:
                    # What was taken back may have hidden what a clause says: look at all again.
                    self._trail.recheck(self._facts.values())
                checked = following is None
            if broken is not None:
                learned, level = self._trail.learn(broken)
                if level is None and any(leaf.assumed for leaf in learned.leaves()):
                    self._trace("reread", None, "a refusal must not rest on what was not read")
                    self._row = 0
                    raise ReopenedError
                if level is None:
                    return self._refusal(learned)
                self._trail.jump(level)
                self._trace("jump", None, f"back to choice {level}")
                if learned is not broken:
                    self._trail.add(learned)

    def _begin(self) -> None:
        self._asked.prefetch(dict.fromkeys(root.requirement.identifier for root in self._roots))
        for number, root in enumerate(self._roots):
            name = self._name(root.requirement.identifier)
            mask = self._mask(name, root.requirement)
            clause = Clause(terms={name: ~mask}, root=number, requirement=root.requirement)
            self._onto[name].append(clause)
            self._trail.add(clause)
        for candidate in self._looked_at:
            name = self._name(candidate.identifier)
            self._learn_facts(name, self._shelf[name].bit(candidate), candidate)

    # What there is.

    def _name(self, identifier: Identifier) -> int:
        number = self._names.get(identifier)
        if number is not None:
            return number
        shelf = self._shelves.get(identifier)
        if shelf is None:
            shelf = self._shelves[identifier] = Shelf(self._asked, identifier)
        number = self._names[identifier] = self._trail.add_name(shelf.full)
        self._shelf.append(shelf)
        self._known.append(0)
        self._onto.append([])
        self._refused.append(0)
        self._needs.append([])
        self._streak.append((NOWHERE, 0))
        self._foretold.append(0)
        self._lost.append(0)
        self._locks.append([])
        self._rows.append(None)
        self._rank.append(3 if shelf.optional else 1)
        return number

    def _mask(self, name: int, requirement: Requirement) -> int:
        shelf = self._shelf[name]
        mask = shelf.mask(requirement)
        if shelf.full != self._trail.full(name):
            raise ReopenedError
        for asks, left in self._locks[name]:
            if self._offered(name, [*asks, requirement]) & left:
                raise ReopenedError
        return mask

    def _offered(self, name: int, requirements: Sequence[Requirement]) -> int:
        shelf = self._shelf[name]
        mask = shelf.offered(requirements)
        if shelf.full != self._trail.full(name):
            raise ReopenedError
        return mask

    def _learn_facts(self, name: int, bit: int, candidate: Candidate) -> list[Clause]:
        """Ask what a candidate requires: the clauses that say so."""
        requirements = self._asked.requirements(candidate)
        self._looked_at.setdefault(candidate)
        if requirements is None:
            self._known[name] |= bit
            clause = Clause(terms={name: bit}, owner=name)
            self._trail.add(clause)
            return [clause]
        self._asked.prefetch(dict.fromkeys(each.identifier for each in requirements))
        clauses = [self._learn_fact(name, bit, requirement) for requirement in requirements]
        self._known[name] |= bit
        return [clause for clause in clauses if clause is not None]

    def _learn_fact(self, name: int, bit: int, requirement: Requirement) -> Clause | None:
        clause = self._facts.get((name, requirement))
        if clause is not None:
            if id(clause) in self._keys:
                raise ReopenedError
            self._trail.widen(clause, name, bit)
            return clause
        target = self._name(requirement.identifier)
        mask = self._mask(target, requirement)
        if target == name:
            if mask & bit:
                return None
            clause = Clause(terms={name: bit}, owner=name, requirement=requirement)
        else:
            clause = Clause(terms={name: bit, target: ~mask}, owner=name, requirement=requirement)
            self._facts[name, requirement] = clause
            self._needs[name].append(clause)
            self._onto[target].append(clause)
        self._trail.add(clause)
        return clause

    # What to settle next, and on what.

    def _open(self) -> list[int]:
        """Names that must be there and whose candidate, or its requirements, are not known."""
        trail = self._trail
        return [
            name
            for name in range(len(self._shelf))
            if trail.required(name)
            and not (trail.settled(name) and self._known[name] & trail.left[name])
        ]

    def _next(self) -> int | None:
        """The name to settle next; None when all are settled."""
        found = self._open()
        fresh = [name for name in found if name not in self._seen]
        for name in fresh:
            self._seen[name] = len(self._seen)
        if fresh:
            picked = [self._pick(name) for name in fresh]
            self._asked.prefetch_requirements([each for each in picked if each is not None])
        found.sort(key=lambda name: (self._urgency(name), self._seen[name]))
        for name in found:
            # A name with nothing on offer now may be let in by what is settled after it: wait.
            if self._pick(name) is not None:
                return name
        return found[0] if found else None

    def _urgency(self, name: int) -> int:
        if self._trail.settled(name):
            return -1
        return self._rank[name]

    def _asks(self, name: int) -> list[Clause]:
        """The given clauses by which the name must be there now."""
        left = self._trail.left
        return [
            clause
            for clause in self._onto[name]
            if clause.owner == NOWHERE or not left[clause.owner] & ~clause.terms[clause.owner]
        ]

    def _pick(self, name: int) -> Candidate | None:
        """The best candidate on offer that is still possible."""
        shelf = self._shelf[name]
        left = self._trail.left[name]
        if self._trail.settled(name) and left & shelf.always:
            return next(shelf.of(left))
        asks = tuple(clause.requirement for clause in self._asks(name) if clause.requirement)
        fallback: Candidate | None = None
        for bit, candidate in self._offers(name, asks):
            if not bit & left:
                continue
            if self._fits_sibling(shelf.identifier, candidate):
                return candidate
            fallback = fallback or candidate
        return fallback

    def _offers(self, name: int, asks: tuple[Requirement, ...]) -> Iterator[tuple[int, Candidate]]:
        """What the source offers, best first; the last answer for a name is kept as far as read."""
        row = self._rows[name]
        if row is None or row.asks != asks:
            source = self._asked.candidates(self._shelf[name].identifier, asks)
            row = self._rows[name] = _Row(asks, source, [])
        yield from row.read
        for candidate in row.rest:
            bit = self._shelf[name].bit(candidate)
            if not bit:
                self._offered(name, asks)
            row.read.append((bit, candidate))
            yield bit, candidate

    def _fits_sibling(self, identifier: Identifier, candidate: Candidate) -> bool:
        """Whether an extra's candidate has a version that is still possible for the bare name.

        Only an order among candidates: any other version would be refused after asking for it.
        """
        if not identifier.qualifier:
            return True
        bare = self._names.get(Identifier(identifier.ecosystem, identifier.name))
        if bare is None or not self._trail.required(bare):
            return True
        return bool(self._shelf[bare].named(candidate.version_text) & self._trail.left[bare])

    def _settle(self, name: int) -> Clause | None:
        self.rounds += 1
        if self.rounds > self._bounds.rounds:
            raise RoundsError
        candidate = self._pick(name)
        if candidate is None:
            return self._lock(name)
        shelf = self._shelf[name]
        bit = shelf.bit(candidate)
        if not self._known[name] & bit:
            facts = self._learn_facts(name, bit, candidate)
            against = self._levels_against(name, facts)
            broken = self._trail.propagate()
            if broken is not None or not self._trail.left[name] & bit:
                self._trace("refuse", shelf.identifier, candidate.version_text)
                return None if self._note_refused(name, bit, against) else broken
        self._refused[name] = 0
        self._streak[name] = (NOWHERE, 0)
        if not self._trail.settled(name):
            self._trace("choose", shelf.identifier, candidate.version_text)
            self._trail.choose(name, bit)
        else:
            self._trace("follow", shelf.identifier, candidate.version_text)
        return None

    def _levels_against(self, name: int, facts: list[Clause]) -> list[int]:
        """The choices that a candidate's requirements collide with.

        Without those of names that were put first themselves: two must not overtake each other.
        """
        trail = self._trail
        levels = [
            trail.level_of(other, mask)
            for clause in facts
            for other, mask in clause.terms.items()
            if other != name and not trail.left[other] & ~mask
        ]
        return [level for level in levels if level and self._rank[trail.chosen[level - 1]]]

    def _note_refused(self, name: int, bit: int, against: list[int]) -> bool:
        """Count whose choice stood in the way; whether the name goes before it from now on."""
        self._refused[name] += 1
        self._foretell(name, bit)
        if self._in_a_row(name, bit):
            self._stride(name, bit)
        self._lost[name] += bool(against)
        if self._lost[name] < _PATIENCE or self._rank[name] != 1 or not against:
            return False
        self._rank[name] = 0
        self._trace("early", self._shelf[name].identifier, "others stood in its way")
        self._trail.jump(min(against) - 1)
        return True

    def _foretell(self, name: int, bit: int) -> None:
        """In a row of refusals, hint at the candidates after the refused one.

        Not only at those possible now: where the row is that of a name whose every release pins
        this one, another one is possible each time.
        """
        if self._refused[name] < _FORETELL_AFTER:
            return
        ahead = min(_FORETELL_MOST, 2 * self._refused[name])
        waiting = (self._foretold[name] & ~self._known[name]).bit_count()
        if 2 * waiting > ahead:
            return
        shelf = self._shelf[name]
        after = shelf.always & -2 * bit & ~self._foretold[name] & ~self._known[name]
        upcoming = list(itertools.islice(shelf.of(after), ahead - waiting))
        for candidate in upcoming:
            self._foretold[name] |= shelf.bit(candidate)
        self._asked.prefetch_requirements(upcoming)

    # Long rows of releases that cannot be used, each for what it asks of one and the same name.

    def _obstacles(self, name: int, bit: int) -> list[int]:
        """The names of which this candidate asks for what no answer can have."""
        trail = self._trail
        return [
            other
            for clause in self._needs[name]
            if clause.terms[name] & bit
            for other, mask in clause.terms.items()
            if other != name and not trail.always_left(other) & ~mask
        ]

    def _in_a_row(self, name: int, bit: int) -> bool:
        """Whether enough candidates of the name met the same obstacle one after the other."""
        obstacles = self._obstacles(name, bit)
        former, count = self._streak[name]
        if former in obstacles:
            self._streak[name] = (former, count + 1)
        else:
            self._streak[name] = (obstacles[0], 1) if obstacles else (NOWHERE, 0)
        return bool(self._row) and self._streak[name][1] >= self._row

    def _stride(self, name: int, bit: int) -> None:
        """From a candidate that met the obstacle to the first that does not, in long strides."""
        obstacle, _ = self._streak[name]
        self._streak[name] = (NOWHERE, 0)
        shelf = self._shelf[name]
        after = shelf.always & -2 * bit & self._trail.always_left(name)
        row = list(shelf.of(after))
        stride, longest = _STRIDES
        met, free = -1, len(row)
        assumed = 0
        self._asked.prefetch_requirements([row[place] for place in _ladder(len(row))])
        while free - met > 1:
            place = min(met + stride, len(row) - 1) if free == len(row) else (met + free) // 2
            if self._meets(obstacle, name, row[place]):
                for passed in row[met + 1 : place]:
                    assumed |= shelf.bit(passed) & ~self._known[name]
                met = place
                stride = min(2 * stride, longest)
            else:
                free = place
        if assumed:
            self._trace("assume", shelf.identifier, f"{assumed.bit_count()} releases are no better")
            self.skipped[shelf.identifier] = (
                self.skipped.get(shelf.identifier, 0) + assumed.bit_count()
            )
            self._trail.add(Clause(terms={name: assumed}, owner=name, assumed=True))

    def _meets(self, obstacle: int, name: int, candidate: Candidate) -> bool:
        self.rounds += 1
        bit = self._shelf[name].bit(candidate)
        if not self._known[name] & bit:
            self._learn_facts(name, bit, candidate)
        return obstacle in self._obstacles(name, bit)

    # Where nothing is on offer although something is possible.

    def _lock(self, name: int) -> Clause | None:
        """Learn that with just these asks nothing is on offer, unless another ask lets some in."""
        asks = self._asks(name)
        wanted = [clause.requirement for clause in asks if clause.requirement]
        left = self._trail.left
        terms = {name: ~self._offered(name, wanted) & ~ABSENT}
        for clause in asks:
            if clause.owner != NOWHERE:
                terms[clause.owner] = terms.get(clause.owner, -1) & clause.terms[clause.owner]
        keys = self._unlocking(name, wanted, asks)
        for key in keys:
            without = terms.get(key.owner, -1) & ~key.terms[key.owner]
            if not left[key.owner] & without:
                # One of the keys is bound to turn: let it.
                self._trail.choose(key.owner, key.terms[key.owner])
                return None
            terms[key.owner] = without
        for key in keys:
            if left[key.owner] & ~terms[key.owner]:
                self._trail.choose(key.owner, terms[key.owner])
        self._keys.update(id(key) for key in keys)
        self._locks[name].append((wanted, left[name]))
        clause = Clause(terms=terms, basis=tuple(asks))
        self._trail.add(clause)
        return clause

    def _unlocking(
        self, name: int, wanted: list[Requirement], asks: Iterable[Clause]
    ) -> list[Clause]:
        """The given clauses, not in force now, whose requirement would let in what is left."""
        active = set(map(id, asks))
        left = self._trail.left[name]
        return [
            clause
            for clause in self._onto[name]
            if id(clause) not in active
            and clause.requirement is not None
            and self._offered(name, [*wanted, clause.requirement]) & left
        ]

    # What comes out.

    def _answer(self) -> dict[Identifier, Candidate]:
        return {
            shelf.identifier: next(shelf.of(self._trail.left[name]))
            for name, shelf in enumerate(self._shelf)
            if self._trail.required(name)
        }

    def _refusal(self, clause: Clause) -> Refusal:
        leaves = list(clause.leaves())
        return Refusal(
            roots=tuple(sorted({leaf.root for leaf in leaves if leaf.root != NOWHERE})),
            needs=tuple(
                Need(
                    candidates=tuple(self._shelf[leaf.owner].of(leaf.terms[leaf.owner])),
                    requirement=leaf.requirement,
                )
                for leaf in leaves
                if leaf.owner != NOWHERE
            ),
        )
