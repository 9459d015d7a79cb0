"""What is asked of the engine and what it answers: roots, bounds, resolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from lockenv.resolve.protocol import Candidate, Identifier, Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One ask of the user's. ``origin`` is the caller's own mark for where it stands."""

    requirement: Requirement
    origin: Hashable = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long to try before giving up; in steps, not seconds, so that every machine agrees.

    ``rounds`` are candidates looked at in one search. After ``row`` releases in a row that can
    never be used, all for what they ask of one other name, the rest of the row is sampled: between
    two such releases the others are taken to be no better. An answer is verified all the same, only
    a newer release may be missed that asks for less than those around it; a refusal never rests on
    it. 0 reads every release. ``retries`` are the searches that one
    explanation may run, each of at most ``retry_rounds``.
    """

    # The hardest real sets known (a thousand releases of boto3 and botocore each) need about four
    # thousand rounds; a search that is ten times as long will not be waited for.
    rounds: int = 50_000
    # Long enough that ordinary rows are read whole; boto3 and botocore have thousands.
    row: int = 16
    retries: int = 60
    retry_rounds: int = 10_000


DEFAULT_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """All that was chosen, verified, and nothing that the roots do not reach.

    ``pins`` and ``edges`` are sorted by identifier; an edge leads to ``requirement.identifier``.
    ``notes`` say, for a person, why a proposal was not taken, and which releases were not read.
    """

    pins: Mapping[Identifier, Candidate]
    edges: Mapping[Identifier, tuple[Requirement, ...]]
    how: Literal["proposed", "searched"]
    rounds: int = 0
    notes: tuple[str, ...] = ()
