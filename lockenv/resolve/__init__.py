"""One engine for every ecosystem; asks through the protocol `Source`; explains; verifies."""

from lockenv.resolve.answer import Bounds, Resolution, Root
from lockenv.resolve.engine import UnsolvableError, resolve
from lockenv.resolve.explain import Explanation, Lacking, Link, Unusable, Way, explain
from lockenv.resolve.message import explained, rejected_lines
from lockenv.resolve.protocol import (
    Candidate,
    Foresight,
    Identifier,
    Rejected,
    Requirement,
    Source,
    UnusableCandidateError,
)
from lockenv.resolve.trace import Event, render_event
from lockenv.resolve.why_not import PassedOver, why_not

__all__ = [
    "Bounds",
    "Candidate",
    "Event",
    "Explanation",
    "Foresight",
    "Identifier",
    "Lacking",
    "Link",
    "PassedOver",
    "Rejected",
    "Requirement",
    "Resolution",
    "Root",
    "Source",
    "UnsolvableError",
    "Unusable",
    "UnusableCandidateError",
    "Way",
    "explain",
    "explained",
    "rejected_lines",
    "render_event",
    "resolve",
    "why_not",
]
