"""Debian packages as the engine sees them: for where apt's walk fails, or another layer refuses it.

Candidates are apt's (never a version of lower priority than apt's own), the walk's choices first.
``a | b`` and virtual names are choice packages; Conflicts and Breaks ask for an absent candidate,
which is offered as long as nothing needs the package.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from lockenv.formats.debian import render_alternatives
from lockenv.resolve import Identifier, Rejected
from lockenv.sources.debian.universe import answers, clashes_with, satisfies, siblings_clash
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from lockenv.formats.debian import Alternatives, Relation
    from lockenv.resolve import Candidate, Requirement
    from lockenv.sources.debian.universe import Listed, PackageName, Universe

ECOSYSTEM = "deb"
_ANYTHING = "?"


@dataclass(frozen=True, slots=True)
class Present:
    """A package at a version."""

    identifier: Identifier
    listed: Listed

    @property
    def version_text(self) -> str:
        """The version."""
        return self.listed.version


@dataclass(frozen=True, slots=True)
class Absent:
    """A package that is not there."""

    identifier: Identifier

    @property
    def version_text(self) -> str:
        """Nothing."""
        return ""


@dataclass(frozen=True, slots=True)
class Option:
    """A choice settled: this package answers the alternatives."""

    identifier: Identifier
    listed: Listed

    @property
    def version_text(self) -> str:
        """What was chosen."""
        return str(self.listed)


@dataclass(frozen=True, slots=True)
class Need:
    """A package is asked for, at one of these versions; ``text`` is the relation as written."""

    identifier: Identifier
    versions: frozenset[str]
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Choose:
    """One of several packages is asked for."""

    identifier: Identifier
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Without:
    """A package must not be there at one of these versions."""

    identifier: Identifier
    versions: frozenset[str]
    text: str

    def __str__(self) -> str:
        return f"no {self.text}"


Ask: TypeAlias = Need | Choose | Without


def package_identifier(key: PackageName) -> Identifier:
    """The engine's name for a package."""
    return Identifier(ECOSYSTEM, *key)


class DebianSource:
    """Implements the engine's ``Source`` over a universe.

    ``first`` are the walk's choices, which are tried before all others. ``releases`` are those
    that requests name (``package/release``): their versions are tried last, whatever their rank.
    """

    def __init__(
        self,
        universe: Universe,
        policy: Callable[[PackageName], Listed | None],
        *,
        first: Mapping[PackageName, Listed],
        releases: Collection[str] = (),
    ) -> None:
        self._universe = universe
        self._policy = policy
        self._first = first
        self._releases = tuple(releases)
        self._choices: dict[Identifier, tuple[Option, ...]] = {}
        self._possible: dict[PackageName, tuple[Listed, ...]] = {}

    def possible(self, key: PackageName) -> tuple[Listed, ...]:
        """The versions that may be chosen, best first."""
        found = self._possible.get(key)
        if found is None:
            candidate = self._policy(key)
            best = [one for one in (self._first.get(key), candidate) if one is not None]
            lowest = candidate.priority if candidate is not None else 0
            versions = self._universe.versions(*key)
            others = [one for one in versions if one.priority >= lowest]
            named = [
                one for one in versions if any(one.is_of(release) for release in self._releases)
            ]
            found = tuple(dict.fromkeys([*best, *others, *named]))
            self._possible[key] = found
        return found

    # -- the engine's three questions -------------------------------------------------------------

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Candidate]:
        """A choice's options, or a package's versions, or absence if nothing needs it."""
        options = self._choices.get(identifier)
        if options is not None:
            yield from options
            return
        if not any(isinstance(each, Need) for each in requirements):
            yield Absent(identifier)
            return
        for listed in self.possible((identifier.name, identifier.qualifier)):
            candidate = Present(identifier, listed)
            if all(self.satisfies(each, candidate) for each in requirements):
                yield candidate

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Whether the version is among those that are asked for, or not among the forbidden."""
        match requirement, candidate:
            case Need(), Present():
                return candidate.version_text in requirement.versions
            case Without(), Present():
                return candidate.version_text not in requirement.versions
            case Without(), Absent():
                return True
            case Choose(), Option():
                return True
            case _:
                return False

    def requirements(self, candidate: Candidate) -> Sequence[Requirement]:
        """What a package's relations ask for, and what they forbid."""
        if isinstance(candidate, Option):
            return [self._need(candidate.listed, str(candidate.listed))]
        if not isinstance(candidate, Present):
            return []
        listed = candidate.listed
        needs = [self.ask(alternatives, listed.architecture) for _, alternatives in listed.needs()]
        return [*needs, *self._without(listed)]

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """Nothing is far away."""

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:
        """Versions of lower priority than apt's candidate."""
        key = (identifier.name, identifier.qualifier)
        possible = self.possible(key)
        return [
            Rejected(one.version, f"its archive has priority {one.priority}")
            for one in self._universe.versions(*key)
            if one not in possible
        ]

    # -- what relations mean -----------------------------------------------------------------------

    def _need(self, listed: Listed, text: str) -> Need:
        return Need(package_identifier(listed.key), frozenset({listed.version}), text)

    def ask(self, alternatives: Alternatives, asker: str) -> Need | Choose:
        """Alternatives as one requirement: of the only package that answers, or of a choice."""
        text = render_alternatives(alternatives)
        answering: dict[Listed, None] = {}
        for relation in alternatives:
            for listed in self._answering(relation, asker):
                answering[listed] = None
        keys = {listed.key for listed in answering}
        if len(keys) == 1:
            (key,) = keys
            return Need(package_identifier(key), frozenset(one.version for one in answering), text)
        if not keys:
            # Nothing answers: a package that is not there.
            return Need(Identifier(ECOSYSTEM, alternatives[0].name, _ANYTHING), frozenset(), text)
        identifier = Identifier(ECOSYSTEM, text, f"{_ANYTHING}{asker}")
        if identifier not in self._choices:
            chosen = [one for one in answering if self._first.get(one.key) is one]
            self._choices[identifier] = tuple(
                Option(identifier, one) for one in dict.fromkeys([*chosen, *answering])
            )
        return Choose(identifier, text)

    def _answering(self, relation: Relation, asker: str) -> Iterator[Listed]:
        native = self._universe.native
        for architecture in self._universe.architectures:
            for one in self.possible((relation.name, architecture)):
                if satisfies(relation, asker, one, native):
                    yield one
        # Providers in apt's order but for what depends on the walk: priority, then name.
        providers = {one.key: one.rank for one in self._universe.providers(relation.name)}
        for key in sorted(providers, key=lambda name: (providers[name], name)):
            for one in self.possible(key):
                if one.name != relation.name and answers(relation, asker, one, native):
                    yield one

    def _without(self, listed: Listed) -> Iterator[Without]:
        universe = self._universe
        for relation in listed.clashes:
            keys: dict[PackageName, None] = {
                (relation.name, architecture): None for architecture in universe.architectures
            }
            for provider in universe.providers(relation.name):
                keys[provider.key] = None
            for key in keys:
                meant = partial(clashes_with, listed, relation)
                yield from self._forbid(key, str(relation), meant)
        for architecture in universe.architectures:
            if architecture != listed.architecture:
                sibling = (listed.name, architecture)
                yield from self._forbid(sibling, ":".join(sibling), partial(siblings_clash, listed))

    def _forbid(
        self, key: PackageName, text: str, forbids: Callable[[Listed], bool]
    ) -> Iterator[Without]:
        versions: Collection[str] = {one.version for one in self.possible(key) if forbids(one)}
        if versions:
            yield Without(package_identifier(key), frozenset(versions), text)
