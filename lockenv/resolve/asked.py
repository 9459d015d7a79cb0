"""The sources with a memory: what a candidate requires is asked once, however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.resolve.protocol import Candid, Foresight, UnusableCandidateError
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockenv.resolve.protocol import Candidate, Identifier, Rejected, Requirement, Source


@dataclass(frozen=True, slots=True)
class Exactly:
    """The ask for one candidate and no other, to find out what would be; no source sees it."""

    candidate: Candidate

    @property
    def identifier(self) -> Identifier:
        """What the candidate answers."""
        return self.candidate.identifier

    def __str__(self) -> str:
        return f"{self.candidate.identifier.name} {self.candidate.version_text}"


class Asked:
    """Every question of one run goes through here.

    Safe to share between searches over the same sources: it remembers facts, never choices.
    ``costly`` counts the candidates whose requirements were asked for.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._requirements: dict[Candidate, tuple[Requirement, ...] | None] = {}
        self.unusable: dict[Candidate, str] = {}

    @property
    def costly(self) -> int:
        """How many candidates were asked for their requirements."""
        return len(self._requirements)

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Candidate]:
        """As the source answers."""
        exact = [each for each in requirements if isinstance(each, Exactly)]
        passed = [each for each in requirements if not isinstance(each, Exactly)]
        found = self._sources[identifier.ecosystem].candidates(identifier, passed)
        if not exact:
            return found
        return (each for each in found if all(each == ask.candidate for ask in exact))

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """As the source answers."""
        if isinstance(requirement, Exactly):
            return requirement.candidate == candidate
        source = self._sources[requirement.identifier.ecosystem]
        return source.satisfies(requirement, candidate)

    def lets_in(self, identifier: Identifier, requirements: Sequence[Requirement]) -> bool:
        """As the source answers, if it can tell; else it may well be."""
        if any(isinstance(each, Exactly) for each in requirements):
            return True
        source = self._sources[identifier.ecosystem]
        return not isinstance(source, Candid) or source.lets_in(identifier, requirements)

    def requirements(self, candidate: Candidate) -> tuple[Requirement, ...] | None:
        """What the candidate asks for, each once; None if it turned out not to be usable."""
        try:
            return self._requirements[candidate]
        except KeyError:
            pass
        source = self._sources[candidate.identifier.ecosystem]
        found: tuple[Requirement, ...] | None
        try:
            found = tuple(dict.fromkeys(source.requirements(candidate)))
        except UnusableCandidateError as error:
            self.unusable[candidate] = error.reason
            found = None
        self._requirements[candidate] = found
        return found

    def known(self, candidate: Candidate) -> bool:
        """Whether the requirements of the candidate were asked for before."""
        return candidate in self._requirements

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:
        """As the source answers."""
        return self._sources[identifier.ecosystem].rejections(identifier)

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """Tell each source which of its names will be asked about, in the given order."""
        grouped: dict[str, list[Identifier]] = {}
        for identifier in identifiers:
            grouped.setdefault(identifier.ecosystem, []).append(identifier)
        for ecosystem, names in grouped.items():
            self._sources[ecosystem].prefetch(names)

    def prefetch_requirements(self, candidates: Sequence[Candidate]) -> None:
        """Tell sources with foresight which candidates are next, of any ecosystem."""
        grouped: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            if not self.known(candidate):
                grouped.setdefault(candidate.identifier.ecosystem, []).append(candidate)
        for ecosystem, wanted in grouped.items():
            source = self._sources[ecosystem]
            if isinstance(source, Foresight):
                source.prefetch_requirements(wanted)
