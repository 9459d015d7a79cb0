"""One engine for every ecosystem; asks through the protocol `Source`; explains; verifies."""

from lockenv.resolve.answer import Bounds, Resolution, Root
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
    "Bounds",
    "Candidate",
    "Foresight",
    "Identifier",
    "Rejected",
    "Requirement",
    "Resolution",
    "Root",
    "Source",
    "UnusableCandidateError",
]
