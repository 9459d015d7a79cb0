"""``package/release``: which candidates move along with a version from a named release.

`switch_candidates` is apt's rule to the letter (SetCandidateRelease of 2.6 to 3.1), so that where
apt has an answer ours is the same; `follow_release` is for where it has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.sources.debian.universe import NEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lockenv.formats.debian import Alternatives, Relation
    from lockenv.sources.debian.board import Board
    from lockenv.sources.debian.universe import Listed, PackageName, Universe


def switch_candidates(board: Board, releases: Sequence[tuple[Listed, str]]) -> None:
    """Apt's propagateReleaseCandidateSwitching, after what is asked for has been marked."""
    for start, _ in releases:
        board.switch(start)
    changed: list[PackageName] = []
    for start, release in releases:
        changed.append(start.key)
        _switch(board, start, release, changed)


def _switch(board: Board, listed: Listed, release: str, changed: list[PackageName]) -> bool:
    """SetCandidateRelease. What was switched before a failure stays switched, as in apt."""
    board.switch(listed)
    before = len(changed)
    for name, alternatives in listed.needs(recommends=board.recommends):
        if any(_is_fine(board, listed, relation) for relation in alternatives):
            continue
        if not _helps(board, listed, alternatives, release, changed) and name in NEEDS:
            del changed[before:]
            return False
    return True


def _is_fine(board: Board, asker: Listed, relation: Relation) -> bool:
    """Whether a relation needs no switch: it holds already, or its answer could be taken now."""
    key = (relation.name, asker.architecture)
    providers = [
        one
        for one in board.universe.providers(relation.name)
        if one.name != relation.name
        and (one.architecture == asker.architecture or one.multi_arch == "foreign")
    ]
    if not providers and not board.universe.versions(*key):
        return False
    state = board.state(key)
    if state.current is not None and relation.fits(state.current.version):
        return True
    candidate = state.candidate
    if not relation.operator and providers:
        return any(board.candidate(one.key) is one and board.stands(one) for one in providers)
    return candidate is not None and relation.fits(candidate.version) and board.stands(candidate)


def _helps(
    board: Board,
    asker: Listed,
    alternatives: Alternatives,
    release: str,
    changed: list[PackageName],
) -> bool:
    """Whether switching the candidate of one alternative to the release answers the group."""
    for place, relation in enumerate(alternatives):
        key = (relation.name, asker.architecture)
        versions = board.universe.versions(*key)
        found = next((one for one in versions if one.is_of(release)), None)
        if not relation.operator or found is None or not relation.fits(found.version):
            continue
        former = board.state(key).candidate
        if found is former and key in changed:
            return True
        changed.append(key)
        if _switch(board, found, release, changed):
            return True
        if place == len(alternatives) - 1:
            return False
        if former is not None:
            board.switch(former)
        changed.pop()
    return False


def follow_release(
    universe: Universe,
    pins: dict[PackageName, Listed],
    policy: Callable[[PackageName], Listed | None],
    start: Listed,
    release: str,
    installed: Mapping[PackageName, Listed],
) -> None:
    """What apt's rule is meant for: every candidate that a release's package needs moves along.

    Apt itself gives up at the first dependency whose own dependencies are not installed yet.
    """
    pins[start.key] = start
    moved = {start.key}
    waiting = [start]
    while waiting:
        listed = waiting.pop(0)
        for _, alternatives in listed.needs():
            if _is_answered(universe, pins, policy, installed, listed, alternatives):
                continue
            for relation in alternatives:
                if not relation.operator:
                    continue
                key = (relation.name, listed.architecture)
                found = next(
                    (one for one in universe.versions(*key) if one.is_of(release)),
                    None,
                )
                if found is None or not relation.fits(found.version):
                    continue
                if key not in moved:
                    moved.add(key)
                    pins[key] = found
                    waiting.append(found)
                break


def _is_answered(
    universe: Universe,
    pins: Mapping[PackageName, Listed],
    policy: Callable[[PackageName], Listed | None],
    installed: Mapping[PackageName, Listed],
    asker: Listed,
    alternatives: Alternatives,
) -> bool:
    def candidate(key: PackageName) -> Listed | None:
        return pins.get(key) or policy(key)

    for relation in alternatives:
        key = (relation.name, asker.architecture)
        now = installed.get(key)
        if now is not None and relation.fits(now.version):
            return True
        found = candidate(key)
        if found is not None and relation.fits(found.version):
            return True
        if not relation.operator and any(
            candidate(one.key) is one for one in universe.providers(relation.name)
        ):
            return True
    return False
