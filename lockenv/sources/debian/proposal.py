"""One answer of the system layer in one universe: apt's walk, verified; a search where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError
from lockenv.resolve import Root, resolve
from lockenv.sources.debian.closure import Present, Violation, violations
from lockenv.sources.debian.releases import follow_release
from lockenv.sources.debian.requests import settle
from lockenv.sources.debian.search import (
    ECOSYSTEM,
    DebianSource,
    Need,
    package_identifier,
)
from lockenv.sources.debian.search import Present as Chosen
from lockenv.sources.debian.walk import Walk, default_policy
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockenv.model import System
    from lockenv.resolve import Requirement
    from lockenv.sources.debian.options import Choice
    from lockenv.sources.debian.requests import Asked, Requests
    from lockenv.sources.debian.universe import Listed, PackageName, Universe
    from lockenv.sources.debian.walk import Outcome, Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of one universe.

    ``pins`` are candidates that stand (a former lock's); ``installed`` is what a base image has.
    ``base`` says whether the minimal base system (essential packages, those of priority required,
    apt) is asked for too.
    """

    universe: Universe
    system: System
    asked: tuple[Asked, ...]
    pins: Mapping[PackageName, Listed] = field(default_factory=dict)
    installed: tuple[Listed, ...] = ()
    base: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What was chosen; ``problems`` is empty where the set stands and answers everything.

    ``chosen`` leaves out what the base image has. ``reasons`` tells who first asked for a package.
    """

    chosen: Mapping[PackageName, Listed]
    base: frozenset[PackageName]
    requests: Requests
    reasons: Mapping[PackageName, Listed | None]
    choices: tuple[Choice, ...] = ()
    problems: tuple[Violation, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    searched: bool = False


def propose(question: Question, *, search: bool) -> Proposal:
    """Apt's answer; where that does not stand and ``search`` says so, the engine's."""
    system = question.system
    policy = default_policy(question.universe, dict(question.pins))
    requests = settle(question.asked, question.universe, policy, system.prefer)
    pins = dict(question.pins) | requests.pins
    proposal = _walked(question, requests, pins)
    if proposal.problems and requests.releases:
        # Where apt gives up, what its rule is meant for: all that the release's package needs.
        installed = {one.key: one for one in question.installed}
        policy = default_policy(question.universe, pins)
        for listed, release in requests.releases:
            follow_release(question.universe, pins, policy, listed, release, installed)
        followed = _walked(question, requests, pins)
        if not followed.problems or search:
            proposal = replace(followed, searched=True)
    if proposal.problems and search:
        proposal = _searched(question, proposal, default_policy(question.universe, pins))
    there = {one.key: one for one in question.installed}
    chosen = {key: one for key, one in proposal.chosen.items() if there.get(key) is not one}
    return replace(proposal, chosen=chosen)


def _walked(question: Question, requests: Requests, pins: Mapping[PackageName, Listed]) -> Proposal:
    """The walk's answer with these candidates, verified."""
    universe, system = question.universe, question.system
    policy = default_policy(universe, pins)
    roots = _base_roots(question, policy)
    base, troubles = _base_of(question, policy, roots)
    walk = Walk(
        universe,
        policy,
        installed=(*question.installed, *base.values()),
        prefer=system.prefer,
        recommends=system.recommends,
    )
    walk.install(requests.wanted, [group for group, _ in requests.choices], requests.releases)
    outcome = walk.outcome()
    return Proposal(
        chosen=outcome.chosen,
        base=frozenset(base),
        requests=requests,
        reasons=outcome.reasons,
        choices=tuple(outcome.choices),
        problems=tuple(_problems(question, outcome.chosen, requests, roots)),
        troubles=(*troubles, *outcome.troubles),
    )


def _base_roots(question: Question, policy: Callable[[PackageName], Listed | None]) -> list[Listed]:
    if not question.base:
        return []
    native = question.universe.native
    candidates = (policy(key) for key in (*question.universe.marked(), ("apt", native)))
    found = {
        one.key: one
        for one in candidates
        if one is not None and (one.essential or one.rank == 1) and one.architecture == native
    }
    return [found[key] for key in sorted(found)]


def _base_of(
    question: Question,
    policy: Callable[[PackageName], Listed | None],
    roots: Sequence[Listed],
) -> tuple[dict[PackageName, Listed], list[Trouble]]:
    """The minimal base system, as a minbase bootstrap has it: never with recommendations."""
    if not roots:
        return {}, []
    walk = Walk(question.universe, policy, prefer=question.system.prefer)
    walk.install(roots)
    outcome: Outcome = walk.outcome()
    return outcome.chosen, outcome.troubles


def _problems(
    question: Question,
    chosen: Mapping[PackageName, Listed],
    requests: Requests,
    roots: Sequence[Listed],
) -> list[Violation]:
    native = question.universe.native
    found = violations(chosen.values(), native)
    present = Present(chosen.values(), native)
    if question.base and not roots:
        found.append(Violation(None, "base", "an essential package"))
    found += [Violation(None, "base", str(one)) for one in roots if one.key not in chosen]
    found += [
        Violation(None, "requested", str(one))
        for one in requests.wanted
        if chosen.get(one.key) is not one
    ]
    found += [
        Violation(None, "requested", asked.text)
        for group, asked in requests.choices
        if not present.holds(group, native)
    ]
    return found


def _searched(
    question: Question,
    proposal: Proposal,
    policy: Callable[[PackageName], Listed | None],
) -> Proposal:
    """The engine's answer, or the walk's with its problems where there is none."""
    requests = proposal.requests
    base_roots = _base_roots(question, policy)
    source = DebianSource(
        question.universe,
        policy,
        first=proposal.chosen,
        releases=[release for _, release in requests.releases],
    )
    native = question.universe.native
    asks: list[Requirement] = []
    for one in (*requests.wanted, *base_roots, *question.installed):
        versions = {one.version}
        if one.key not in requests.pins:
            versions |= {other.version for other in source.possible(one.key)}
        asks.append(Need(package_identifier(one.key), frozenset(versions), one.name))
    asks += [source.ask(group, native) for group, _ in requests.choices]
    try:
        answer = resolve({ECOSYSTEM: source}, [Root(requirement=ask) for ask in asks])
    except NoSolutionError:
        return replace(proposal, searched=False)
    chosen = {pin.listed.key: pin.listed for pin in answer.pins.values() if isinstance(pin, Chosen)}
    chosen = dict(sorted(chosen.items()))
    wanted = [chosen.get(one.key, one) for one in requests.wanted]
    settled = replace(requests, wanted=wanted)
    return replace(
        proposal,
        chosen=chosen,
        requests=settled,
        problems=tuple(_problems(question, chosen, settled, base_roots)),
        searched=True,
        choices=(),
    )
