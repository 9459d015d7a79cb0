"""Worlds in memory for the engine: one of sets (for brute force), one that speaks PEP 440.

`SetWorld` holds numbered versions and requirements that are sets of numbers. Some asks only count
if the name is there at all (a conflict, as Debian has them), and a name may be a choice.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement as Pep508
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.resolve import Identifier, Rejected, Root, UnusableCandidateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.markers import Marker

    from lockenv.resolve import Candidate, Requirement


@dataclass(frozen=True, slots=True)
class Among:
    """Ask for one of these versions of a name; with ``if_present``, only if the name is there."""

    identifier: Identifier
    versions: frozenset[int]
    if_present: bool = False

    def __str__(self) -> str:
        among = ",".join(map(str, sorted(self.versions)))
        word = " if present" if self.if_present else ""
        return f"{self.identifier.name} in {{{among}}}{word}"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A version of a name; number 0 is its absence."""

    identifier: Identifier
    number: int

    @property
    def version_text(self) -> str:
        return str(self.number) if self.number else ""


def among(name: str, *versions: int, if_present: bool = False) -> Among:
    """The ask for one of these versions."""
    return Among(Identifier("set", name), frozenset(versions), if_present)


class SetWorld:
    """A `Source` of numbered versions, the highest best."""

    def __init__(self, packages: Mapping[str, Mapping[int, Sequence[Among]]]) -> None:
        self.packages = packages
        self.asked: list[Numbered] = []
        # Names that some ask mentions only for the case that they are there.
        self._avoidable = {
            ask.identifier.name
            for versions in packages.values()
            for asks in versions.values()
            for ask in asks
            if ask.if_present
        }

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Numbered]:
        absence = [Numbered(identifier, 0)] if identifier.name in self._avoidable else []
        numbers = sorted(self.packages.get(identifier.name, {}), reverse=True)
        for candidate in itertools.chain(absence, (Numbered(identifier, n) for n in numbers)):
            if all(self.satisfies(each, candidate) for each in requirements):
                yield candidate

    def lets_in(self, identifier: Identifier, requirements: Sequence[Requirement]) -> bool:
        return not set(self.candidates(identifier, ())).issuperset(
            self.candidates(identifier, requirements)
        )

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        assert isinstance(requirement, Among)
        assert isinstance(candidate, Numbered)
        if candidate.number == 0:
            return requirement.if_present
        return candidate.number in requirement.versions

    def requirements(self, candidate: Candidate) -> Sequence[Among]:
        assert isinstance(candidate, Numbered)
        self.asked.append(candidate)
        if candidate.number == 0:
            return ()
        return self.packages[candidate.identifier.name][candidate.number]

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """Everything is here already."""

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:  # noqa: ARG002 - port
        """Nothing is ever rejected here."""
        return []


def roots(*asks: Requirement) -> list[Root]:
    """The asks as a user's, each with its number as origin."""
    return [Root(requirement=ask, origin=f"line {number}") for number, ask in enumerate(asks, 1)]


def answerable(
    packages: Mapping[str, Mapping[int, Sequence[Among]]], asks: Sequence[Among]
) -> bool:
    """Whether any choice of versions at all answers the asks: brute force tries every one."""
    names = sorted(packages)
    every = [[0, *sorted(packages[name])] for name in names]
    return any(
        holds(packages, asks, dict(zip(names, chosen, strict=True)))
        for chosen in itertools.product(*every)
    )


def holds(
    packages: Mapping[str, Mapping[int, Sequence[Among]]],
    asks: Sequence[Among],
    chosen: Mapping[str, int],
) -> bool:
    """Whether these versions (0: not there) answer the asks and all that they ask for."""

    def met(ask: Among) -> bool:
        number = chosen.get(ask.identifier.name, 0)
        return ask.if_present if number == 0 else number in ask.versions

    return all(map(met, asks)) and all(
        all(map(met, packages[name][number])) for name, number in chosen.items() if number
    )


# Python.


@dataclass(frozen=True, slots=True)
class Ask:
    """A requirement of PEP 508 on one identifier, its marker already judged."""

    identifier: Identifier
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    url: str = ""

    def __str__(self) -> str:
        extra = f"[{self.identifier.qualifier}]" if self.identifier.qualifier else ""
        if self.url:
            return f"{self.identifier.name}{extra} @ {self.url}"
        return f"{self.identifier.name}{extra}{self.specifier}"


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project, from the index or from an address of its own."""

    identifier: Identifier
    version: Version
    url: str = ""

    @property
    def version_text(self) -> str:
        return str(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a release says of itself."""

    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    yanked: bool = False
    python: str = ""
    unreadable: str = ""
    rejected: str = ""


DEFAULT_ENVIRONMENT = {
    "python_version": "3.12",
    "python_full_version": "3.12.1",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


class PythonWorld:
    """A `Source` over releases in memory, with `Foresight`; counts what it was asked.

    ``packages`` maps names to versions to what they publish, ``urls`` addresses to (name, version,
    what it publishes). ``preferred`` versions go first, ``lowest`` turns the order round.
    """

    def __init__(
        self,
        packages: Mapping[str, Mapping[str, Published]],
        *,
        urls: Mapping[str, tuple[str, str, Published]] | None = None,
        environment: Mapping[str, str] | None = None,
        preferred: Mapping[str, str] | None = None,
        lowest: bool = False,
        pre_releases: str = "if-needed",
    ) -> None:
        self._urls = urls or {}
        self._environment = {**DEFAULT_ENVIRONMENT, **(environment or {})}
        self._preferred: dict[str, Version] = {
            canonicalize_name(name): Version(text) for name, text in (preferred or {}).items()
        }
        self._lowest = lowest
        self._pre_releases = pre_releases
        self._packages: dict[str, dict[Version, Published]] = {
            canonicalize_name(name): {Version(text): what for text, what in versions.items()}
            for name, versions in packages.items()
        }
        self._order: dict[str, list[Version]] = {}
        self.asked: list[Release] = []
        self.foreseen: list[Release] = []

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Release]:
        asks = [ask for ask in requirements if isinstance(ask, Ask)]
        address = next((ask.url for ask in asks if ask.url), "")
        if address:
            release = self._at(identifier, address)
            if release is not None and all(self.satisfies(ask, release) for ask in asks):
                yield release
            return
        for version in self._matching(identifier.name, asks):
            yield Release(identifier, version)

    def _at(self, identifier: Identifier, address: str) -> Release | None:
        found = self._urls.get(address)
        if found is None or canonicalize_name(found[0]) != identifier.name:
            return None
        return Release(identifier, Version(found[1]), address)

    def _matching(self, name: str, asks: Sequence[Ask]) -> list[Version]:
        versions = self._sorted(name)
        published = self._packages.get(name, {})
        exact = any(spec.operator in {"==", "==="} for ask in asks for spec in ask.specifier)
        usable = [
            version
            for version in versions
            if not published[version].rejected and (exact or not published[version].yanked)
        ]
        for ask in asks:
            usable = list(ask.specifier.filter(usable, prereleases=True))
        if self._pre_releases == "allow":
            return usable
        wanted = any(
            spec.version.endswith(".*") is False and Version(spec.version).is_prerelease
            for ask in asks
            for spec in ask.specifier
        )
        final = [version for version in usable if not version.is_prerelease]
        if self._pre_releases == "deny":
            return final
        return usable if wanted or not final else final

    def _sorted(self, name: str) -> list[Version]:
        if name not in self._order:
            order = sorted(self._packages.get(name, {}), reverse=not self._lowest)
            first = self._preferred.get(name)
            self._order[name] = sorted(order, key=lambda version: version != first)
        return self._order[name]

    def lets_in(self, identifier: Identifier, requirements: Sequence[Requirement]) -> bool:
        anyway = set(self.candidates(identifier, ()))
        return not anyway.issuperset(self.candidates(identifier, requirements))

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        assert isinstance(requirement, Ask)
        assert isinstance(candidate, Release)
        if requirement.url:
            return requirement.url == candidate.url
        return requirement.specifier.contains(candidate.version, prereleases=True)

    def requirements(self, candidate: Candidate) -> Sequence[Ask]:
        assert isinstance(candidate, Release)
        self.asked.append(candidate)
        what = self._what(candidate)
        if what.unreadable:
            raise UnusableCandidateError(what.unreadable)
        if what.python and not SpecifierSet(what.python).contains(
            self._environment["python_full_version"]
        ):
            raise UnusableCandidateError(f"needs Python {what.python}")
        extra = candidate.identifier.qualifier
        if not extra:
            return self.asks(what.requires)
        if extra not in what.extras:
            raise UnusableCandidateError(f"has no extra {extra}")
        bare = Identifier(candidate.identifier.ecosystem, candidate.identifier.name)
        same = (
            Ask(bare, url=candidate.url)
            if candidate.url
            else Ask(bare, SpecifierSet(f"=={candidate.version}"))
        )
        return [same, *self.asks(what.extras[extra])]

    def _what(self, candidate: Release) -> Published:
        if candidate.url:
            return self._urls[candidate.url][2]
        return self._packages[candidate.identifier.name][candidate.version]

    def asks(self, texts: Iterable[str]) -> list[Ask]:
        """Requirements as the engine sees them: one for the bare name, one for each extra."""
        found: list[Ask] = []
        for text in texts:
            parsed = Pep508(text)
            if not self._applies(parsed.marker):
                continue
            name = canonicalize_name(parsed.name)
            for extra in ["", *sorted(canonicalize_name(each) for each in parsed.extras)]:
                identifier = Identifier("pypi", name, extra)
                found.append(Ask(identifier, parsed.specifier, parsed.url or ""))
        return found

    def _applies(self, marker: Marker | None) -> bool:
        return marker is None or marker.evaluate({**self._environment, "extra": ""})

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """Everything is here already."""

    def prefetch_requirements(self, candidates: Sequence[Candidate]) -> None:
        self.foreseen += [each for each in candidates if isinstance(each, Release)]

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:
        published = self._packages.get(identifier.name, {})
        reasons = {
            version: published[version].rejected or self._unwanted(version, published[version])
            for version in sorted(published, reverse=True)
        }
        return [Rejected(str(version), why) for version, why in reasons.items() if why]

    def _unwanted(self, version: Version, what: Published) -> str:
        if what.yanked:
            return "is yanked"
        if version.is_prerelease and self._pre_releases == "deny":
            return "is a pre-release, which are denied"
        return ""

    def roots(self, *texts: str) -> list[Root]:
        """The requirements as a user's, each with its text as origin."""
        return [Root(requirement=ask, origin=text) for text in texts for ask in self.asks([text])]


def simple(packages: Mapping[str, Mapping[str, Sequence[str]]]) -> PythonWorld:
    """A world of releases that only require."""
    return PythonWorld(
        {
            name: {text: Published(requires=tuple(asks)) for text, asks in versions.items()}
            for name, versions in packages.items()
        }
    )
