"""What apt's walk keeps for each package: what it was, may become and will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.debian import Relation, compare_versions
from lockenv.sources.debian.universe import answers, clashes_with, siblings_clash
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.formats.debian import Alternatives
    from lockenv.sources.debian.universe import Listed, PackageName, Universe

#: Stands as the version of a negative relation that no field states but multi-arch implies.
_IMPLIED = "multi-arch"


@dataclass(slots=True)
class State:
    """apt's StateCache: now, possible, next; whether marked for installation, gone, or fixed."""

    current: Listed | None
    candidate: Listed | None
    install: Listed | None = None
    marked: bool = False
    deleted: bool = False
    protected: bool = False


class Board:
    """The states of all packages that the walk has met, and look-ups over what will be there."""

    def __init__(
        self,
        universe: Universe,
        policy: Callable[[PackageName], Listed | None],
        installed: Iterable[Listed],
        *,
        recommends: bool,
    ) -> None:
        self.universe = universe
        self.recommends = recommends
        self._policy = policy
        self._states: dict[PackageName, State] = {}
        self._providing: dict[str, dict[PackageName, Listed]] = {}
        for one in installed:
            wanted = policy(one.key)
            # apt never goes back: what is installed stays where the archives are behind it.
            newer = wanted is not None and compare_versions(wanted.version, one.version) > 0
            state = self._states[one.key] = State(one, wanted if newer else one)
            self.set_install(one.key, state, one)

    def state(self, key: PackageName) -> State:
        """The state of a package; a new one has its candidate by policy."""
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = State(None, self._policy(key))
        return state

    def met(self, key: PackageName) -> State | None:
        """The state of a package that the walk has met."""
        return self._states.get(key)

    def states(self) -> list[tuple[PackageName, State]]:
        """Every state so far, in the order in which they were met."""
        return list(self._states.items())

    def candidate(self, key: PackageName) -> Listed | None:
        """The candidate of a package that exists."""
        return self.state(key).candidate if self.universe.versions(*key) else None

    def switch(self, listed: Listed) -> None:
        """Apt's SetCandidateVersion: what was to be installed of it follows."""
        state = self.state(listed.key)
        if state.marked and state.install is state.candidate:
            self.set_install(listed.key, state, listed)
        state.candidate = listed

    def set_install(self, key: PackageName, state: State, listed: Listed | None) -> None:
        """What will be there of a package: a version, or nothing."""
        if state.install is listed:
            return
        if state.install is not None:
            for provided in state.install.provides:
                self._providing.get(provided.name, {}).pop(key, None)
        state.install = listed
        if listed is not None:
            for provided in listed.provides:
                self._providing.setdefault(provided.name, {})[key] = listed

    def there(self, name: str) -> Iterator[Listed]:
        """What will be there of that name, or providing it."""
        for architecture in self.universe.architectures:
            state = self._states.get((name, architecture))
            if state is not None and state.install is not None:
                yield state.install
        yield from list(self._providing.get(name, {}).values())

    def holds(self, alternatives: Alternatives, asker: str) -> bool:
        """Whether what will be there answers one of the alternatives."""
        native = self.universe.native
        return any(
            answers(relation, asker, listed, native)
            for relation in alternatives
            for listed in self.there(relation.name)
        )

    def held_before(self, alternatives: Alternatives, asker: str) -> bool:
        """Whether what was there before the walk answers one of the alternatives."""
        native = self.universe.native
        for relation in alternatives:
            keys = [(relation.name, architecture) for architecture in self.universe.architectures]
            keys += [provider.key for provider in self.universe.providers(relation.name)]
            for key in keys:
                state = self.met(key)
                current = state.current if state is not None else None
                if current is not None and answers(relation, asker, current, native):
                    return True
        return False

    def is_broken(self, listed: Listed) -> bool:
        """Whether one of its own relations does not hold."""
        return any(
            not self.holds(alternatives, listed.architecture)
            for _, alternatives in listed.needs(recommends=self.recommends)
        ) or any(self.is_violated(listed, relation) for relation in self.negatives(listed))

    def stands(self, listed: Listed) -> bool:
        """Whether all that a package needs holds already, and nothing that it forbids is there."""
        return all(
            self.holds(alternatives, listed.architecture) for _, alternatives in listed.needs()
        ) and not any(self.is_violated(listed, relation) for relation in self.negatives(listed))

    def is_violated(self, one: Listed, relation: Relation) -> bool:
        """Whether something will be there that a negative relation forbids."""
        return any(self.forbids(one, relation, other) for other in self.there(relation.name))

    def negatives(self, listed: Listed) -> Iterator[Relation]:
        """Its Conflicts and Breaks, and what multi-arch implies: no sibling out of step."""
        yield from listed.clashes
        for architecture in self.universe.architectures:
            if architecture != listed.architecture:
                yield Relation(listed.name, architecture, "", _IMPLIED)

    def forbids(self, one: Listed, relation: Relation, other: Listed) -> bool:
        """Whether a negative relation of one package means another."""
        if relation.version == _IMPLIED and not relation.operator:
            return siblings_clash(one, other) and relation.qualifier == other.architecture
        return clashes_with(one, relation, other)

    def forbidden_candidates(self, one: Listed, relation: Relation) -> list[Listed]:
        """The candidates that a negative relation means."""
        keys: dict[PackageName, None] = {}
        for architecture in self.universe.architectures:
            if self.universe.versions(relation.name, architecture):
                keys[relation.name, architecture] = None
        for provider in self.universe.providers(relation.name):
            keys[provider.key] = None
        keys.pop(one.key, None)
        candidates = (self.state(key).candidate for key in keys)
        return [
            candidate
            for candidate in candidates
            if candidate is not None and self.forbids(one, relation, candidate)
        ]

    def forbidden_installed(self, one: Listed, relation: Relation) -> list[Listed]:
        """What was there before and will be, and is meant by a negative relation."""
        return [
            other
            for other in self.there(relation.name)
            if other.key != one.key
            and self.state(other.key).current is other
            and self.forbids(one, relation, other)
        ]

    def keep(self, key: PackageName, state: State) -> bool:
        """Apt's MarkKeep: as it was before, unless it is protected."""
        if state.protected:
            return False
        self.set_install(key, state, state.current)
        state.marked = state.deleted = False
        return True

    def may_delete(self, state: State, listed: Listed) -> bool:
        """Whether a package may go: never what is essential, important or asked for."""
        return not (state.protected or listed.essential or listed.important)

    def delete(self, key: PackageName, state: State) -> bool:
        """Apt's MarkDelete."""
        listed = state.install or state.current
        if listed is not None and not self.may_delete(state, listed):
            return False
        self.set_install(key, state, None)
        state.marked, state.deleted = False, True
        return True

    def change(self, key: PackageName, state: State) -> None:
        """Apt's MarkInstall_StateChange: the candidate will be there."""
        state.deleted = False
        state.marked = state.candidate is not state.current
        self.set_install(key, state, state.candidate)

    def discard(self, key: PackageName, state: State) -> None:
        """Apt's MarkInstall_DiscardInstall: not now, and not later either."""
        if not state.marked and state.install is state.candidate is state.current:
            return
        self.set_install(key, state, state.current)
        state.marked = False
        state.candidate = state.install
