"""One engine for every ecosystem; asks through the protocol `Source`; explains; verifies."""

from lockenv.resolve.protocol import (
    Candidate,
    Foresight,
    Identifier,
    Rejected,
    Requirement,
    Source,
    UnusableCandidateError,
)

__all__ = [
    "Candidate",
    "Foresight",
    "Identifier",
    "Rejected",
    "Requirement",
    "Source",
    "UnusableCandidateError",
]
