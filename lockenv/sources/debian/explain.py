"""Why no set of system packages answers: the pair that clashes, and the chain to each."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError
from lockenv.formats.debian import render_alternatives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.sources.debian.closure import Violation
    from lockenv.sources.debian.proposal import Proposal
    from lockenv.sources.debian.universe import Listed, PackageName
    from lockenv.sources.debian.walk import Trouble

#: As many separate clashes as a person reads at once.
_SHOWN = 3


def unsolved(proposal: Proposal, target: str) -> NoSolutionError:
    """The error for a proposal that does not stand and for which the search found nothing."""
    lines: list[str] = []
    culprits: dict[str, None] = {}
    for asker, text, other in _clashes(proposal):
        for one in (asker, other):
            if one is None:
                continue
            chain = _chain(proposal.reasons, one)
            request = _asked_for(proposal, chain[0])
            if request:
                culprits[chain[0].name] = None
            lines += [line for line in (request, *_links(chain)) if line and line not in lines]
        if asker is None:
            lines += [line for line in _choice_of(proposal, text) if line not in lines]
        lines.append(text)
    names = list(culprits)
    if len(names) > 1:
        fix = f"ask for only one of {', '.join(names)}"
    elif names:
        fix = f"drop {names[0]} from system.packages, or ask for another version of it"
    else:
        fix = "relax system.packages, or add an archive that has what is missing"
    return NoSolutionError(
        "no-solution",
        f"no set of system packages answers every request for target {target}",
        why=lines,
        fix=fix,
    )


def _clashes(proposal: Proposal) -> Iterator[tuple[Listed | None, str, Listed | None]]:
    seen: set[frozenset[str]] = set()
    shown = 0
    for trouble in _relevant(proposal):
        other = trouble.other
        pair = frozenset({str(trouble.asker), str(other or trouble.relation)})
        if pair in seen or shown == _SHOWN:
            continue
        seen.add(pair)
        shown += 1
        who = str(trouble.asker) if trouble.asker else "the request"
        if other is not None:
            yield trouble.asker, f"{who} conflicts with {trouble.relation}, which {other} is", other
        else:
            yield trouble.asker, f"{who} needs {trouble.relation}, and {trouble.reason}", None
    if not shown:
        for violation in proposal.problems[:_SHOWN]:
            yield violation.asker, str(violation), violation.other


def _relevant(proposal: Proposal) -> list[Trouble]:
    """The walk's troubles that lead to a problem: clashes, and what was missing at the bottom."""
    bottom = [
        trouble
        for trouble in proposal.troubles
        if trouble.other is not None or "cannot be installed" not in trouble.reason
    ]
    wanted = {one.key for one in proposal.requests.wanted}
    clashes = [trouble for trouble in bottom if trouble.other is not None]
    direct = [trouble for trouble in clashes if trouble.asker and trouble.asker.key in wanted]
    return direct or bottom


def _chain(reasons: Mapping[PackageName, Listed | None], one: Listed) -> list[Listed]:
    chain, seen = [one], {one.key}
    while (asker := reasons.get(chain[0].key)) is not None and asker.key not in seen:
        chain.insert(0, asker)
        seen.add(asker.key)
    return chain


def _links(chain: list[Listed]) -> Iterator[str]:
    for asker, one in pairwise(chain):
        yield f"{asker} needs {one}"


def _asked_for(proposal: Proposal, first: Listed) -> str:
    asked = proposal.requests.answers.get(first.key)
    return f"you ask for {asked[0].text}    {asked[0].where}" if asked else ""


def _choice_of(proposal: Proposal, text: str) -> Iterator[str]:
    """The request with alternatives that a line speaks of."""
    for group, asked in proposal.requests.choices:
        if render_alternatives(group) in text:
            yield f"you ask for {asked.text}    {asked.where}"


def describe(problem: Violation) -> str:
    """One problem in a line, as the reason of a move."""
    return str(problem)
