"""Virtual packages: CUDA as things of which the search chooses one.

``cuda:major`` is the CUDA major of an attempt, ``cuda:driver`` the declared floor, ``cuda:sm:8.0``
one declared GPU each, ``cuda:toolkit`` the declared range, ``cuda:nvcc`` the compiler of
that major. In one attempt each has one candidate;
a package's candidate asks for those that it can serve, so that what cannot run is refused by the
same search that chooses everything else, and explained by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.resolve import Identifier, Rejected, Requirement
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockenv.resolve import Candidate

ECOSYSTEM = "cuda"
MAJOR = Identifier(ECOSYSTEM, "major")
DRIVER = Identifier(ECOSYSTEM, "driver")
TOOLKIT = Identifier(ECOSYSTEM, "toolkit")
NVCC = Identifier(ECOSYSTEM, "nvcc")


def gpu(capability: str) -> Identifier:
    """The identifier of one declared compute capability."""
    return Identifier(ECOSYSTEM, "sm", capability)


@dataclass(frozen=True, slots=True)
class VirtualCandidate:
    """What an attempt has of a virtual package: one value."""

    identifier: Identifier
    version_text: str


@dataclass(frozen=True, slots=True)
class VirtualRequirement:
    """What a package asks of a virtual one: the values that suit it, and that in words."""

    identifier: Identifier
    accepts: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.text


class CudaSource:
    """The source of the ecosystem ``cuda``: one value a name, fixed for an attempt."""

    def __init__(self, values: Mapping[Identifier, str]) -> None:
        self._values = dict(values)

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Candidate]:
        """The one value, if it suits every requirement."""
        value = self._values.get(identifier)
        if value is None:
            return
        candidate = VirtualCandidate(identifier, value)
        if all(self.satisfies(requirement, candidate) for requirement in requirements):
            yield candidate

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Whether the value is one of those that suit."""
        if not isinstance(requirement, VirtualRequirement):
            return False
        return candidate.version_text in requirement.accepts

    def requirements(self, candidate: Candidate) -> Sequence[Requirement]:  # noqa: ARG002 - the port
        """Nothing: a value asks for nothing."""
        return ()

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """Nothing to fetch."""

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:  # noqa: ARG002 - the port
        """None: a value is or is not."""
        return ()
