"""Locking the system layer of one target: apt's answer, verified, with the fewest moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError, SourceError
from lockenv.formats.debian import parse_relations, parse_stanzas
from lockenv.model import SILENT, ArchiveState
from lockenv.sources.debian.closure import NOWHERE, listed_of
from lockenv.sources.debian.explain import unsolved
from lockenv.sources.debian.indexes import open_indexes
from lockenv.sources.debian.proposal import Proposal, Question, propose
from lockenv.sources.debian.record import LockedSystem, Move, record
from lockenv.sources.debian.requests import parse_asked
from lockenv.sources.debian.suites import open_suites, reopen, suites_of
from lockenv.sources.debian.universe import Listed, Standing, Universe
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.model import LockedSystemPackage, Progress
    from lockenv.sources.debian.requests import Asked
    from lockenv.sources.debian.suites import OpenSuite, Suite, World
    from lockenv.sources.debian.system_request import SystemRequest
    from lockenv.sources.debian.universe import PackageName

#: Each round frees at least one former pin; more rounds than this mean that all should be free.
_MOST_ROUNDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a former lock holds for the target, and what of it may move.

    ``upgrade`` is True for everything, or the names that may move, each with all the binaries of
    its source (and the version that was asked for, if one was).
    """

    packages: tuple[LockedSystemPackage, ...] = ()
    archives: tuple[ArchiveState, ...] = ()
    upgrade: bool | Mapping[str, str | None] = False


@dataclass(slots=True)
class _Former:
    """Former pins as the walk sees them."""

    pins: dict[PackageName, Listed] = field(default_factory=dict)
    packages: tuple[LockedSystemPackage, ...] = ()
    archives: tuple[ArchiveState, ...] = ()
    upgrade: Mapping[str, str | None] = field(default_factory=dict)


def lock_system(
    request: SystemRequest, world: World, kept: Kept | None = None, progress: Progress = SILENT
) -> LockedSystem:
    """The packages of one target, and the states of the archives that they are from.

    Former pins stay: first the request is answered from them alone, without any archive; then
    beside them at the archives' recorded states; then at the present ones, the fewest moving.

    Raises:
        InputError: a relation, component or keyring is not what it must be.
        NoSolutionError: a name or version is unknown, or packages clash.
        IntegrityError: a signature, digest or date does not hold.
        SourceError: an archive cannot be reached.
    """
    asked = tuple(
        parse_asked(
            (*request.packages, *request.native_libraries, *request.interpreter),
            request.architecture,
            request.place,
        )
    )
    suites = suites_of(request.system, request.architecture, world.keyrings)
    former = _former(request, kept)
    if former.pins and not former.upgrade:
        done = _from_former(request, asked, former)
        if done is not None:
            return done
        recorded = _reopened(suites, former, world)
        if recorded is not None:
            done = _beside_former(request, asked, former, recorded, world)
            if done is not None:
                return done
            progress.debug("the recorded states of the archives do not answer: asking for new ones")
    opened = open_suites(suites, world)
    return _at_present(request, asked, former, opened, world)


def _former(request: SystemRequest, kept: Kept | None) -> _Former:
    if kept is None or kept.upgrade is True:
        return _Former()
    states = {state.key: state for state in kept.archives}
    listed = (
        listed_of(package, request.architecture, states.get(package.archive))
        for package in kept.packages
        if request.admits is None or request.admits(package.name, package.version)
    )
    pins = {one.key: one for one in listed}
    upgrade = {} if isinstance(kept.upgrade, bool) else dict(kept.upgrade)
    return _Former(pins, kept.packages, kept.archives, upgrade)


def _installed(request: SystemRequest, universe: Universe) -> tuple[Listed, ...]:
    return tuple(
        universe.canonical(one) for one in installed_packages(request.base, request.architecture)
    )


def installed_packages(status: bytes | None, native: str) -> list[Listed]:
    """The packages that a dpkg status file has as installed, in the order of their names."""
    standing = Standing(state=NOWHERE, priority=100)
    found = [
        Listed({name: text for name, text in fields.items() if name != "sha256"}, standing, native)
        for fields in parse_stanzas(status or b"")
        if fields.get("status", "").endswith(" installed") and "version" in fields
    ]
    return sorted(found, key=lambda one: one.key)


def _question(
    request: SystemRequest,
    asked: tuple[Asked, ...],
    universe: Universe,
    pins: Iterable[Listed],
) -> Question:
    canonical = (universe.canonical(one) for one in pins)
    return Question(
        universe=universe,
        system=request.system,
        asked=asked,
        pins={one.key: one for one in canonical},
        installed=_installed(request, universe),
        base=request.base is None,
    )


def _universe(
    request: SystemRequest, opened: Sequence[OpenSuite], former: _Former, world: World | None
) -> Universe:
    indexes = open_indexes(opened, world) if world is not None else []
    status = installed_packages(request.base, request.architecture)
    return Universe(
        indexes,
        request.architecture,
        request.system.architectures,
        extra=(*former.pins.values(), *status),
        admits=request.admits,
    )


def _from_former(
    request: SystemRequest, asked: tuple[Asked, ...], former: _Former
) -> LockedSystem | None:
    """The answer out of the former pins alone, if they hold one."""
    universe = _universe(request, (), former, None)
    names = {one.name for one in former.pins.values()}
    names |= {given.name for one in former.pins.values() for given in one.provides}
    names |= {one.name for one in installed_packages(request.base, request.architecture)}
    # A name that is not among them would be an error here, and is only a reason to look further.
    if any(not {relation.name for relation in one.request.alternatives} & names for one in asked):
        return None
    if any(one.request.release for one in asked):
        # Of which release a version was is known by the archives' recorded states.
        return None
    proposal = propose(_question(request, asked, universe, former.pins.values()), search=False)
    if proposal.problems:
        return None
    return record(request, proposal, former.packages, former.archives, former.archives)


def _reopened(suites: Sequence[Suite], former: _Former, world: World) -> list[OpenSuite] | None:
    """The archives as the lock recorded them, if every one can be had."""
    newest: dict[tuple[str, str], ArchiveState] = {}
    for state in former.archives:
        place = (state.url, state.suite)
        if place not in newest or newest[place].date < state.date:
            newest[place] = state
    opened = []
    for suite in suites:
        known = newest.get((suite.url, suite.suite))
        found = reopen(suite, known, world) if known is not None else None
        if found is None:
            return None
        opened.append(found)
    return opened


def _beside_former(
    request: SystemRequest,
    asked: tuple[Asked, ...],
    former: _Former,
    opened: Sequence[OpenSuite],
    world: World,
) -> LockedSystem | None:
    """The answer at the recorded states with no former pin moved, if there is one."""
    try:
        universe = _universe(request, opened, former, world)
        question = _question(request, asked, universe, former.pins.values())
        proposal = propose(question, search=False)
    except (SourceError, NoSolutionError):
        # An index of that state is gone, or the archive did not have the package yet.
        return None
    if proposal.problems or _moved(former, proposal, {}):
        return None
    return record(request, proposal, former.packages, former.archives, former.archives)


def _at_present(
    request: SystemRequest,
    asked: tuple[Asked, ...],
    former: _Former,
    opened: Sequence[OpenSuite],
    world: World,
) -> LockedSystem:
    universe = _universe(request, opened, former, world)
    reasons = dict.fromkeys(_same_source(former, former.upgrade), "asked for")
    fixed = _fixed(universe, former.upgrade)
    proposal = None
    for _ in range(_MOST_ROUNDS if former.pins else 0):
        pins = [one for key, one in former.pins.items() if key not in reasons]
        pins += fixed
        proposal = propose(_question(request, asked, universe, pins), search=False)
        if not proposal.problems:
            break
        blamed = _blamed(former, proposal, reasons)
        if not blamed:
            proposal = None
            break
        reasons |= blamed
    if proposal is None or proposal.problems:
        proposal = propose(_question(request, asked, universe, fixed), search=True)
    if proposal.problems:
        raise unsolved(proposal, request.target)
    states = [one.state for one in opened]
    locked = record(request, proposal, former.packages, former.archives, states)
    return replace(locked, moves=_moved(former, proposal, reasons))


def _fixed(universe: Universe, upgrade: Mapping[str, str | None]) -> list[Listed]:
    """The versions that packages are to move to."""
    found = []
    for name, version in sorted(upgrade.items()):
        if version is None:
            continue
        listed = [
            one
            for architecture in universe.architectures
            for one in universe.versions(name, architecture)
        ]
        fitting = [one for one in listed if one.version == version]
        if not fitting:
            raise NoSolutionError(
                "no-such-version",
                f"no archive of this target has {name} {version}",
                why=f"the archives have {', '.join(sorted({one.version for one in listed}))}",
                fix=f"lockenv lock -P deb:{name}",
            )
        found += fitting
    return found


def _same_source(former: _Former, names: Iterable[str]) -> set[PackageName]:
    """The former pins of these names, and all other binaries of their sources."""
    wanted = set(names)
    sources = {
        one.source for one in former.pins.values() if one.name in wanted or one.source in wanted
    }
    return {key for key, one in former.pins.items() if one.source in sources}


def _blamed(
    former: _Former, proposal: Proposal, known: Mapping[PackageName, str]
) -> dict[PackageName, str]:
    """Former pins that a problem names and that have not been freed yet, each with the problem."""
    found: dict[PackageName, str] = {}

    def blame(names: Iterable[str], reason: str) -> None:
        wanted = set(names)
        direct = {
            one.name
            for one in former.pins.values()
            if one.name in wanted or wanted & {given.name for given in one.provides}
        }
        for key in sorted(_same_source(former, direct)):
            if key not in known:
                found.setdefault(key, reason)

    for trouble in proposal.troubles:
        who = str(trouble.asker) if trouble.asker else "the request"
        blame(trouble.names, f"{who} needs {trouble.relation}")
    for problem in proposal.problems:
        names = [name for group in _relations(problem.relation) for name in group]
        if problem.other is not None:
            names.append(problem.other.name)
        blame(names, str(problem))
    if not found:
        for problem in proposal.problems:
            if problem.asker is not None:
                blame([problem.asker.name], str(problem))
    return found


def _relations(text: str) -> list[list[str]]:
    try:
        return [[relation.name for relation in group] for group in parse_relations(text)]
    except ValueError:
        return []


def _asked_anew(proposal: Proposal, key: PackageName) -> str:
    """Why a pin moved that nothing was found to stand against: an ask chose another version."""
    asked = proposal.requests.answers.get(key, ())
    return f"you ask for {asked[0].text}" if asked else "a package that moved needs it"


def _moved(
    former: _Former, proposal: Proposal, reasons: Mapping[PackageName, str]
) -> tuple[Move, ...]:
    """Former pins that another version took the place of."""
    return tuple(
        Move(
            key[0],
            key[1],
            one.version,
            proposal.chosen[key].version,
            reasons.get(key) or _asked_anew(proposal, key),
        )
        for key, one in sorted(former.pins.items())
        if key in proposal.chosen and proposal.chosen[key].version != one.version
    )
