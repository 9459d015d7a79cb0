"""resolvelib as a second opinion: an engine that others wrote, to compare answers with.

Its `Resolution` alone is used: the result extraction of its `Resolver` follows orphaned parents for
ever on some graphs with cycles. On graphs without cycles it is right, on others mostly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolvelib.providers import AbstractProvider
from resolvelib.reporters import BaseReporter
from resolvelib.resolvers import Resolution, ResolutionImpossible

from lockenv.resolve import Candidate, Identifier, Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from resolvelib.resolvers import RequirementInformation

    from lockenv.resolve import Root, Source

    Information = RequirementInformation[Requirement, Candidate]


def second_opinion(source: Source, roots: Sequence[Root], rounds: int) -> bool:
    """Whether resolvelib finds an answer.

    Raises:
        resolvelib.ResolutionTooDeep: after so many rounds.
    """
    resolution = Resolution(_Provider(source), BaseReporter[Requirement, Candidate, Identifier]())
    try:
        resolution.resolve([root.requirement for root in roots], max_rounds=rounds)
    except ResolutionImpossible:
        return False
    return True


class _Provider(AbstractProvider[Requirement, Candidate, Identifier]):
    def __init__(self, source: Source) -> None:
        self._source = source

    def identify(self, requirement_or_candidate: Requirement | Candidate) -> Identifier:
        return requirement_or_candidate.identifier

    def get_preference(
        self,
        identifier: Identifier,
        resolutions: Mapping[Identifier, Candidate],  # noqa: ARG002 - passed by name
        candidates: Mapping[Identifier, Iterator[Candidate]],  # noqa: ARG002
        information: Mapping[Identifier, Iterator[Information]],  # noqa: ARG002
        backtrack_causes: Sequence[Information],  # noqa: ARG002
    ) -> str:
        return identifier.name

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[Requirement]],
        incompatibilities: Mapping[Identifier, Iterator[Candidate]],
    ) -> Callable[[], Iterator[Candidate]]:
        asks = list(requirements[identifier])
        refused = set(incompatibilities[identifier])
        offered = self._source.candidates
        return lambda: (each for each in offered(identifier, asks) if each not in refused)

    def is_satisfied_by(self, requirement: Requirement, candidate: Candidate) -> bool:
        return self._source.satisfies(requirement, candidate)

    def get_dependencies(self, candidate: Candidate) -> Iterable[Requirement]:
        return self._source.requirements(candidate)
