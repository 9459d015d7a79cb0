"""The one judge of every answer, proposed or found: a walk of our own from the roots."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockenv.resolve.answer import Root
    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Identifier, Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What the roots reach among the pins; ``fault`` is the first thing wrong, empty if nothing."""

    pins: Mapping[Identifier, Candidate]
    edges: Mapping[Identifier, tuple[Requirement, ...]]
    fault: str


def walk(asked: Asked, roots: Sequence[Root], pins: Mapping[Identifier, Candidate]) -> Walk:
    """Follow every requirement from the roots, and check that its pin is there and answers it.

    A pin must also still be on offer for all that is asked of it together.
    """
    reached: dict[Identifier, Candidate] = {}
    edges: dict[Identifier, tuple[Requirement, ...]] = {}
    onto: dict[Identifier, list[Requirement]] = {}
    fault = ""
    queue = deque(root.requirement for root in roots)
    while queue:
        requirement = queue.popleft()
        identifier = requirement.identifier
        candidate = pins.get(identifier)
        if candidate is None:
            fault = fault or f"nothing answers {requirement}"
            continue
        if not asked.satisfies(requirement, candidate):
            fault = fault or f"{_named(candidate)} does not answer {requirement}"
        onto.setdefault(identifier, []).append(requirement)
        if identifier in reached:
            continue
        reached[identifier] = candidate
        requirements = asked.requirements(candidate)
        if requirements is None:
            reason = asked.unusable[candidate]
            fault = fault or f"{_named(candidate)} cannot be used: {reason}"
            continue
        edges[identifier] = requirements
        queue.extend(requirements)
    return Walk(
        pins={key: reached[key] for key in sorted(reached)},
        edges={key: edges[key] for key in sorted(edges)},
        fault=fault or _not_offered(asked, reached, onto),
    )


def _not_offered(
    asked: Asked,
    reached: Mapping[Identifier, Candidate],
    onto: Mapping[Identifier, Sequence[Requirement]],
) -> str:
    for identifier, candidate in reached.items():
        requirements = list(dict.fromkeys(onto[identifier]))
        if candidate not in asked.candidates(identifier, requirements):
            return f"{_named(candidate)} is not on offer any more"
    return ""


def _named(candidate: Candidate) -> str:
    return f"{candidate.identifier.name} {candidate.version_text}".rstrip()
