"""The port of the engine: who has candidates implements `Source`; the engine asks three questions.

The vocabulary is resolvelib's, one level up: several ecosystems stand in one search, and each
identifier says which source answers for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One thing of which at most one candidate is chosen.

    ``ecosystem`` is pypi, deb, cuda, … and picks the source; ``qualifier`` is an extra, an
    architecture, or empty. An identifier with an extra is a candidate of its own whose requirements
    are the bare one at the same version and what the extra adds; that much is known of it before
    it is asked.
    """

    ecosystem: str
    name: str
    qualifier: str = ""


class Requirement(Protocol):
    """One ask. Hashable, compared by value."""

    @property
    def identifier(self) -> Identifier:
        """What it asks for."""

    def __str__(self) -> str:
        """As a user would write it."""


class Candidate(Protocol):
    """One possible answer. Hashable, compared by value; cheap to make."""

    @property
    def identifier(self) -> Identifier:
        """What it answers."""

    @property
    def version_text(self) -> str:
        """Its version, for messages; empty for what has none."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a version that exists is no candidate (``rejections``): for explanations only."""

    version: str
    reason: str


class UnusableCandidateError(Exception):
    """Raised by `Source.requirements`: this candidate cannot serve whatever is asked.

    For what only its metadata tells: unreadable, another Requires-Python, an extra that it lacks.
    The search takes another candidate; the reason is shown where there is none.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(Protocol):
    """Answers for one ecosystem. May be slow the first time; the same question has one answer.

    Raises only `lockenv.errors.LockenvError`: what cannot be read is a rejected candidate where
    another version may serve, an error where nothing below the user can decide.
    """

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Candidate]:
        """Every candidate that satisfies all the requirements, best first, lazily.

        Order is a total one: it depends on the requirements and on fixed preferences, never on
        earlier questions. An unknown name has no candidates. What is asked for by one more
        requirement may add candidates (a direct URL, a yanked file by ``==``, a pre-release
        where nothing else fits), never take away those that satisfy it.

        An identifier that may be left out offers a candidate for its absence, with an empty
        ``version_text``, first; such identifiers are settled after all others. An extra asks for
        the bare name too: a requirement on it comes with the same one on the bare identifier.
        """

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Whether the candidate (of the requirement's identifier) answers it. No network."""

    def requirements(self, candidate: Candidate) -> Sequence[Requirement]:
        """What the candidate asks for. May need its metadata: the costly question.

        Raises:
            UnusableCandidateError: if the metadata says that the candidate cannot serve.
        """

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """A hint that these will be asked about; returns at once. May do nothing."""

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:
        """Versions that exist but are not on offer for a plain ask, newest first.

        For explanations: no file for the target, after ``as-of``, yanked, a denied pre-release.
        """


@runtime_checkable
class Foresight(Protocol):
    """What a source may offer besides: to fetch metadata of several candidates side by side."""

    def prefetch_requirements(self, candidates: Sequence[Candidate]) -> None:
        """A hint that the requirements of these will be asked for soon; returns at once."""


@runtime_checkable
class Candid(Protocol):
    """What a source may offer besides: to tell beforehand when an ask changes what is on offer."""

    def lets_in(self, identifier: Identifier, requirements: Sequence[Requirement]) -> bool:
        """Whether anything is on offer for these that is not on offer where nothing is asked.

        May say yes where it is not sure: then more is read. A source without this always may.
        """
