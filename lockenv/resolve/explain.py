"""Why there is no answer, as values: the fewest roots that clash, the facts between, ways out.

Every statement was checked: a root is named only if the clash goes away without it (as far as the
bound allowed to try), and a way out only if the rest was solved that way. Where no single way leads
out there is more than one clash: then they are all looked for, and the ways were solved together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import GaveUpError
from lockenv.resolve.answer import DEFAULT_BOUNDS, Bounds, Resolution, Root
from lockenv.resolve.engine import UnsolvableError, resolve_asking
from lockenv.resolve.search import Need
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from lockenv.resolve.asked import Asked
    from lockenv.resolve.protocol import Candidate, Identifier, Rejected, Requirement
    from lockenv.resolve.search import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """These candidates of one name ask for one other name, each in its own words.

    ``candidates`` and ``requirements`` run side by side, in the order of the source.
    """

    identifier: Identifier
    candidates: tuple[Candidate, ...]
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """These candidates of one name cannot be used, for one reason."""

    identifier: Identifier
    candidates: tuple[Candidate, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Nothing on offer answers the requirement; what there is otherwise, and what was rejected."""

    requirement: Requirement
    offered: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way out that was solved: without the roots of an origin, or with others in their place."""

    removed: tuple[Root, ...]
    instead: tuple[Root, ...]
    pins: Mapping[Identifier, Candidate]


#: More clashes at a time than these are not looked for: the first ones tell what is wrong.
_MOST_CLASHES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``roots`` clash through ``links``; ``minimal`` says whether all of them were tried out.

    ``further`` are clashes that have nothing to do with this one. Where there are any, a way of
    each of them and one of this were solved together: those are all the ways there are.
    """

    roots: tuple[Root, ...]
    links: tuple[Link, ...]
    unusable: tuple[Unusable, ...]
    lacking: tuple[Lacking, ...]
    ways: tuple[Way, ...]
    minimal: bool
    further: tuple[Explanation, ...] = ()


def explain(
    error: UnsolvableError,
    *,
    relax: Callable[[Root], Sequence[Root]] | None = None,
    bounds: Bounds = DEFAULT_BOUNDS,
) -> Explanation:
    """What stands behind a refusal. ``relax`` proposes roots to try in the place of one.

    Roots of one origin stand and fall together (an extra's root comes with that of the bare name).
    """
    trial = _Trial(error.asked, bounds)
    first = _clash(trial, error.asked, error.roots, error.refusal)
    ways = tuple(_ways(trial, error.roots, first.roots, relax))
    if ways:
        return replace(first, ways=ways, minimal=trial.left >= 0)
    return _several(trial, error, first, relax)


def _clash(trial: _Trial, asked: Asked, roots: Sequence[Root], refusal: Refusal) -> Explanation:
    """One clash, without its ways out."""
    core, refusal = _smallest(trial, roots, refusal)
    needs = [_ordered(asked, need) for need in _in_reach(core, refusal.needs)]
    return Explanation(
        roots=tuple(core),
        links=_links(asked, needs),
        unusable=_unusable(asked, needs),
        lacking=_lacking(asked, core, needs),
        ways=(),
        minimal=trial.left >= 0,
    )


def _several(
    trial: _Trial,
    error: UnsolvableError,
    first: Explanation,
    relax: Callable[[Root], Sequence[Root]] | None,
) -> Explanation:
    """A clash without a way out of its own, and those beside it."""
    clashes = [first]
    rest = _without_all(error.roots, first)
    outcome = trial.outcome(rest)
    while outcome is not None and not isinstance(outcome, Resolution):
        if len(clashes) == _MOST_CLASHES:
            break
        clashes.append(_clash(trial, error.asked, rest, outcome))
        rest = _without_all(rest, clashes[-1])
        outcome = trial.outcome(rest)
    ways: list[Way] = []
    if isinstance(outcome, Resolution):
        roots: Sequence[Root] = error.roots
        for number, clash in enumerate(clashes):
            # With the other clashes out of the way: those before by the ways that were found.
            alone = roots
            for other in clashes[number + 1 :]:
                alone = _without_all(alone, other)
            way = next(_ways(trial, alone, clash.roots, relax), None)
            if way is None:
                ways = []
                break
            ways.append(way)
            roots = _replaced(roots, way.removed[0].origin, way.instead)
        # That nothing clashes where nothing is asked for helps nobody.
        ways = [replace(way, pins=ways[-1].pins) for way in ways if roots]
    return replace(first, ways=tuple(ways), further=tuple(clashes[1:]), minimal=trial.left >= 0)


def _without_all(roots: Sequence[Root], clash: Explanation) -> list[Root]:
    gone = {root.origin for root in clash.roots}
    return [root for root in roots if root.origin not in gone]


class _Trial:
    """Solves variations, as long as the bound allows."""

    def __init__(self, asked: Asked, bounds: Bounds) -> None:
        self._asked = asked
        self._bounds = Bounds(rounds=bounds.retry_rounds)
        self.left = bounds.retries

    def outcome(self, roots: Sequence[Root]) -> Resolution | Refusal | None:
        """The answer, the refusal, or None if it is not known."""
        self.left -= 1
        if self.left < 0:
            return None
        try:
            return resolve_asking(self._asked, roots, bounds=self._bounds)
        except UnsolvableError as error:
            return error.refusal
        except GaveUpError:
            return None


def _origins(roots: Sequence[Root]) -> list[Hashable]:
    return list(dict.fromkeys(root.origin for root in roots))


def _without(roots: Sequence[Root], origin: Hashable) -> list[Root]:
    return [root for root in roots if root.origin != origin]


def _smallest(trial: _Trial, roots: Sequence[Root], refusal: Refusal) -> tuple[list[Root], Refusal]:
    """Leave out origin after origin, the last first, as long as the rest still clashes."""
    core = [roots[number] for number in refusal.roots]
    for origin in reversed(_origins(core)):
        rest = _without(core, origin)
        if len(rest) == len(core) or not rest:
            continue
        outcome = trial.outcome(rest)
        if outcome is not None and not isinstance(outcome, Resolution):
            refusal = outcome
            core = [rest[number] for number in outcome.roots]
    return core, refusal


def _in_reach(core: Sequence[Root], needs: Sequence[Need]) -> list[Need]:
    """The facts in the order in which a walk from the roots meets them."""
    by_owner: dict[Identifier, list[Need]] = {}
    for need in needs:
        by_owner.setdefault(need.candidates[0].identifier, []).append(need)
    found: list[Need] = []
    names = list(dict.fromkeys(root.requirement.identifier for root in core))
    for name in names:
        for need in by_owner.pop(name, ()):
            found.append(need)
            if need.requirement is not None and need.requirement.identifier not in names:
                names.append(need.requirement.identifier)
    return found


def _ordered(asked: Asked, need: Need) -> Need:
    return Need(
        candidates=tuple(_best_first(asked, need.candidates)),
        requirement=need.requirement,
    )


def _best_first(asked: Asked, candidates: Iterable[Candidate]) -> list[Candidate]:
    """In the order of the source; what only some requirement lets in comes last."""
    left = dict.fromkeys(candidates)
    identifier = next(iter(left)).identifier
    found = [each for each in asked.candidates(identifier, ()) if each in left]
    return [*found, *(each for each in left if each not in set(found))]


def _links(asked: Asked, needs: Sequence[Need]) -> tuple[Link, ...]:
    rows: dict[tuple[Identifier, Identifier], dict[Candidate, Requirement]] = {}
    for need in needs:
        if need.requirement is None:
            continue
        owner = need.candidates[0].identifier
        row = rows.setdefault((owner, need.requirement.identifier), {})
        for candidate in need.candidates:
            row.setdefault(candidate, need.requirement)
    found = []
    for (owner, _), row in rows.items():
        candidates = _best_first(asked, row)
        requirements = tuple(row[candidate] for candidate in candidates)
        found.append(
            Link(identifier=owner, candidates=tuple(candidates), requirements=requirements)
        )
    return tuple(found)


def _unusable(asked: Asked, needs: Sequence[Need]) -> tuple[Unusable, ...]:
    rows: dict[tuple[Identifier, str], list[Candidate]] = {}
    for need in needs:
        if need.requirement is None:
            for candidate in need.candidates:
                key = (candidate.identifier, asked.unusable[candidate])
                rows.setdefault(key, []).append(candidate)
    return tuple(
        Unusable(
            identifier=identifier,
            candidates=tuple(_best_first(asked, candidates)),
            reason=reason,
        )
        for (identifier, reason), candidates in rows.items()
    )


def _lacking(asked: Asked, core: Sequence[Root], needs: Sequence[Need]) -> tuple[Lacking, ...]:
    asks = [root.requirement for root in core]
    asks += [need.requirement for need in needs if need.requirement is not None]
    found = []
    named: set[Identifier] = set()
    for requirement in dict.fromkeys(asks):
        identifier = requirement.identifier
        if identifier in named or any(True for _ in asked.candidates(identifier, [requirement])):
            continue
        named.add(identifier)
        found.append(
            Lacking(
                requirement=requirement,
                offered=tuple(asked.candidates(identifier, ())),
                rejected=tuple(asked.rejections(identifier)),
            )
        )
    return tuple(found)


def _ways(
    trial: _Trial,
    roots: Sequence[Root],
    core: Sequence[Root],
    relax: Callable[[Root], Sequence[Root]] | None,
) -> Iterator[Way]:
    """At most one way out for each origin of a clash; each costs searches only when it is asked."""
    for origin in _origins(core):
        removed = tuple(root for root in roots if root.origin == origin)
        proposals: list[tuple[Root, ...]] = []
        if relax is not None:
            proposals = [(one,) for root in removed for one in relax(root)]
        for instead in [*proposals, ()]:
            changed = _replaced(roots, origin, instead)
            outcome = trial.outcome(changed)
            if isinstance(outcome, Resolution):
                yield Way(removed=removed, instead=instead, pins=outcome.pins)
                break


def _replaced(roots: Sequence[Root], origin: Hashable, instead: Sequence[Root]) -> list[Root]:
    """The roots with others in the place of those of one origin."""
    place = next(number for number, root in enumerate(roots) if root.origin == origin)
    before = [root for root in roots[:place] if root.origin != origin]
    after = [root for root in roots[place:] if root.origin != origin]
    return [*before, *instead, *after]
