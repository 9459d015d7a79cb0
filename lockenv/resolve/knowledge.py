"""What the sources have said so far, as clauses: names, their candidates, who asks for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockenv.resolve.clauses import NOWHERE, Clause, Trail
from lockenv.resolve.protocol import Identifier
from lockenv.resolve.shelf import ABSENT, Shelf
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockenv.resolve.answer import Root
    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Requirement


class ReopenedError(Exception):
    """A requirement let in candidates that were not there before: what was learned may be wrong."""


class _Row(NamedTuple):
    """What a source offers for some asks: what was read of it, and the rest."""

    asks: tuple[Requirement, ...]
    rest: Iterator[Candidate]
    read: list[tuple[int, Candidate]]


@dataclass(slots=True, kw_only=True)
class Entry:
    """One name: its candidates, and what is known of them."""

    shelf: Shelf
    met: int = -1  # which place it had among the names that had to be there; -1: none yet
    known: int = 0  # the candidates whose requirements are facts
    needs: list[Clause] = field(default_factory=list)  # the facts about what it asks for
    onto: list[Clause] = field(default_factory=list)  # the given clauses that ask for it
    row: _Row | None = None  # what is on offer for what was asked last
    # What was asked when nothing was on offer, and what was possible then.
    locks: list[tuple[list[Requirement], int]] = field(default_factory=list)
    guarded: bool = False  # whether something was learned from who asks for it


class Knowledge:
    """The facts of one search, and the trail of what follows from them and from its choices.

    Every method may raise `ReopenedError`: then `restart`.
    """

    def __init__(self, asked: Asked, roots: Sequence[Root]) -> None:
        self._asked = asked
        self._roots = roots
        self._shelves: dict[Identifier, Shelf] = {}
        self._looked_at: dict[Candidate, None] = {}  # whose requirements are facts, in that order
        self.trail = Trail()
        self.entries: list[Entry] = []
        self.numbers: dict[Identifier, int] = {}
        self.facts: dict[tuple[int, Requirement], Clause] = {}
        self._keys: set[int] = set()  # the given clauses (by id) whose asks would have let some in

    def restart(self) -> None:
        """Forget what was learned and chosen, and say again what is known."""
        self.trail = Trail()
        self.entries = []
        self.numbers = {}
        self.facts = {}
        self._keys = set()
        self._asked.prefetch(dict.fromkeys(root.requirement.identifier for root in self._roots))
        for candidate in self._looked_at:
            # All that is let in must be there before anything is learned, or this never ends.
            for requirement in self._asked.requirements(candidate) or ():
                self._shelf(requirement.identifier).mask(requirement)
        for number, root in enumerate(self._roots):
            name = self.number(root.requirement)
            mask = self._mask(name, root.requirement)
            clause = Clause(terms={name: ~mask}, root=number, requirement=root.requirement)
            self.entries[name].onto.append(clause)
            self.trail.add(clause)
        for candidate in self._looked_at:
            if candidate.identifier not in self.numbers:
                self._enter(candidate.identifier)
            name = self.numbers[candidate.identifier]
            self.learn(name, self.entries[name].shelf.bit(candidate), candidate)

    def number(self, requirement: Requirement) -> int:
        """The number of the name that a requirement asks for; a new one if it is the first."""
        number = self.numbers.get(requirement.identifier)
        return self._enter(requirement.identifier, requirement) if number is None else number

    def _enter(self, identifier: Identifier, requirement: Requirement | None = None) -> int:
        shelf = self._shelf(identifier)
        if requirement is not None:
            # What the first ask lets in is there before anything can be learned about the name.
            shelf.mask(requirement)
        number = self.numbers[identifier] = self.trail.add_name(shelf.full)
        self.entries.append(Entry(shelf=shelf))
        return number

    def _shelf(self, identifier: Identifier) -> Shelf:
        shelf = self._shelves.get(identifier)
        if shelf is None:
            shelf = self._shelves[identifier] = Shelf(self._asked, identifier)
        return shelf

    def _mask(self, name: int, requirement: Requirement) -> int:
        entry = self.entries[name]
        mask = entry.shelf.mask(requirement)
        if entry.shelf.full != self.trail.full(name):
            raise ReopenedError
        for asks, left in entry.locks:
            if self._offered(name, [*asks, requirement]) & left:
                raise ReopenedError
        return mask

    def _offered(self, name: int, requirements: Sequence[Requirement]) -> int:
        shelf = self.entries[name].shelf
        mask = shelf.offered(requirements)
        if shelf.full != self.trail.full(name):
            raise ReopenedError
        return mask

    def learn(self, name: int, bit: int, candidate: Candidate) -> list[Clause]:
        """Ask what a candidate requires: the clauses that say so, each handed to the trail."""
        entry = self.entries[name]
        requirements = self._asked.requirements(candidate)
        self._looked_at.setdefault(candidate)
        if requirements is None:
            entry.known |= bit
            clause = Clause(terms={name: bit}, owner=name)
            self.trail.add(clause)
            return [clause]
        self._asked.prefetch(dict.fromkeys(each.identifier for each in requirements))
        clauses = [self._learn_one(name, bit, requirement) for requirement in requirements]
        entry.known |= bit
        return [clause for clause in clauses if clause is not None]

    def _learn_one(self, name: int, bit: int, requirement: Requirement) -> Clause | None:
        clause = self.facts.get((name, requirement))
        if clause is not None:
            if id(clause) in self._keys:
                raise ReopenedError
            self.trail.widen(clause, name, bit)
            return clause
        target = self.number(requirement)
        mask = self._mask(target, requirement)
        if self.entries[target].guarded:
            raise ReopenedError
        if target == name:
            if mask & bit:
                return None
            clause = Clause(terms={name: bit}, owner=name, requirement=requirement)
        else:
            clause = Clause(terms={name: bit, target: ~mask}, owner=name, requirement=requirement)
            self.facts[name, requirement] = clause
            self.entries[name].needs.append(clause)
            self.entries[target].onto.append(clause)
        self.trail.add(clause)
        return clause

    # What is on offer.

    def open(self) -> list[int]:
        """Names that must be there and whose candidate, or its requirements, are not known."""
        found = []
        for name, left in enumerate(self.trail.left):
            # The trail's own predicates, spelled out: this runs for every name in every round.
            if not left & ABSENT and (left & (left - 1) or not left & self.entries[name].known):
                found.append(name)
        return found

    def pick(self, name: int) -> Candidate | None:
        """The best candidate on offer that is still possible."""
        shelf = self.entries[name].shelf
        left = self.trail.left[name]
        if self.trail.settled(name) and left & shelf.always:
            return next(shelf.of(left))
        fallback: Candidate | None = None
        for bit, candidate in self._offers(name):
            if not bit & left:
                continue
            if self._fits_sibling(shelf.identifier, candidate):
                return candidate
            fallback = fallback or candidate
        return fallback

    def _asks(self, name: int) -> list[Clause]:
        """The given clauses by which the name must be there now."""
        left = self.trail.left
        return [
            clause
            for clause in self.entries[name].onto
            if clause.owner == NOWHERE or not left[clause.owner] & ~clause.terms[clause.owner]
        ]

    def _offers(self, name: int) -> Iterator[tuple[int, Candidate]]:
        """What the source offers, best first; the last answer for a name is kept as far as read."""
        entry = self.entries[name]
        asks = tuple(clause.requirement for clause in self._asks(name) if clause.requirement)
        row = entry.row
        if row is None or row.asks != asks:
            source = self._asked.candidates(entry.shelf.identifier, asks)
            row = entry.row = _Row(asks, source, [])
        yield from row.read
        for candidate in row.rest:
            bit = entry.shelf.bit(candidate)
            if not bit:
                self._offered(name, asks)
            row.read.append((bit, candidate))
            yield bit, candidate

    def _fits_sibling(self, identifier: Identifier, candidate: Candidate) -> bool:
        """Whether an extra's candidate has a version that is still possible for the bare name."""
        bare = self._sibling(identifier)
        if bare is None or not self.trail.required(bare):
            return True
        return bool(self.entries[bare].shelf.named(candidate.version_text) & self.trail.left[bare])

    def _sibling(self, identifier: Identifier) -> int | None:
        """The bare name of an extra, if it was met."""
        if not identifier.qualifier:
            return None
        return self.numbers.get(Identifier(identifier.ecosystem, identifier.name))

    def pair(self, name: int, candidate: Candidate) -> bool:
        """Where an extra's candidate does not go with the bare name: take all such away.

        That an extra needs the bare name at its own version is so by what an extra is
        (`Identifier`), so none of them has to be asked. False if the candidate may be tried.
        """
        entry = self.entries[name]
        bare = self._sibling(entry.shelf.identifier)
        if bare is None or self._fits_sibling(entry.shelf.identifier, candidate):
            return False
        shelf, possible = self.entries[bare].shelf, self.trail.left[bare]
        unfit = without = 0
        for each in entry.shelf.of(self.trail.left[name] & ~entry.known):
            # What the bare name does not have yet may still be let in by the extra's own ask.
            named = shelf.named(each.version_text)
            if named and not named & possible:
                unfit |= entry.shelf.bit(each)
                without |= named
        if not unfit & entry.shelf.bit(candidate):
            return False
        self.trail.add(Clause(terms={name: unfit, bare: ~without}))
        return True

    # Where nothing is on offer although something is possible.

    def lock(self, name: int) -> Clause | None:
        """Learn that with just these asks nothing is on offer, unless another ask lets some in.

        Chooses that the others do not ask; the broken clause, or None if one of them has to.
        """
        trail = self.trail
        asks = self._asks(name)
        wanted = [clause.requirement for clause in asks if clause.requirement]
        terms = {name: ~self._offered(name, wanted) & ~ABSENT}
        for clause in asks:
            if clause.owner != NOWHERE:
                terms[clause.owner] = terms.get(clause.owner, -1) & clause.terms[clause.owner]
        keys = self._unlocking(name, wanted, asks)
        for key in keys:
            without = terms.get(key.owner, -1) & ~key.terms[key.owner]
            if not trail.left[key.owner] & without:
                # One of the keys is bound to turn: let it.
                trail.choose(key.owner, key.terms[key.owner])
                return None
            terms[key.owner] = without
        for key in keys:
            if trail.left[key.owner] & ~terms[key.owner]:
                trail.choose(key.owner, terms[key.owner])
        self._keys.update(id(key) for key in keys)
        self.entries[name].locks.append((wanted, trail.left[name]))
        clause = Clause(terms=terms, basis=tuple(asks))
        trail.add(clause)
        return clause

    def _unlocking(
        self, name: int, wanted: list[Requirement], asks: Iterable[Clause]
    ) -> list[Clause]:
        """The given clauses, not in force now, whose requirement would let in what is left."""
        active = set(map(id, asks))
        left = self.trail.left[name]
        return [
            clause
            for clause in self.entries[name].onto
            if id(clause) not in active
            and clause.requirement is not None
            and self._offered(name, [*wanted, clause.requirement]) & left
        ]

    def unfounded(self) -> Clause | None:
        """In an answer: a clause against what is not on offer for what is asked of it in the end.

        Such a candidate was let in by an ask that is gone, or by one that nobody asks for.
        """
        for name, entry in enumerate(self.entries):
            let_in = self.trail.required(name) and not self.trail.left[name] & entry.shelf.always
            if let_in and self.pick(name) is None:
                return self.lock(name)
        if any(entry.locks for entry in self.entries):
            return self._unsupported()
        return None

    def _unsupported(self) -> Clause | None:
        """The clause that forbids what is there only to let in something else."""
        trail = self.trail
        reached = self._reached()
        idle = [
            name
            for name in range(len(self.entries))
            if trail.required(name) and name not in reached
        ]
        if not idle:
            return None
        terms = {idle[0]: ~ABSENT}
        for name in idle:
            self.entries[name].guarded = True
            for clause in self.entries[name].onto:
                self._keys.add(id(clause))
                if clause.owner not in idle:
                    without = terms.get(clause.owner, -1) & ~clause.terms[clause.owner]
                    terms[clause.owner] = without
        for name, mask in terms.items():
            if trail.left[name] & ~mask:
                trail.choose(name, mask)
        clause = Clause(terms=terms)
        trail.add(clause)
        return clause

    def _reached(self) -> set[int]:
        left = self.trail.left
        names = [self.numbers[root.requirement.identifier] for root in self._roots]
        reached = set(names)
        while names:
            name = names.pop()
            for clause in self.entries[name].needs:
                if not left[name] & ~clause.terms[name]:
                    fresh = set(clause.terms) - reached
                    reached |= fresh
                    names += sorted(fresh)
        return reached
