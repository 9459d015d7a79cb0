"""A resolution looked at before it is believed: contents against each other and the fleet.

Every wheel's directory is read (by range, remembered by digest): which paths would be written
twice, which CUDA libraries are there. What a wheel turns out to link must be provided and belong
to the CUDA major of the attempt; what contradicts that is ruled out, and the search runs again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.contents import collisions_of_listings
from lockenv.sources.cuda.facts import CandidateFacts, combine
from lockenv.tables.cuda import components
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.formats.contents import Collision, Listing
    from lockenv.sources.cuda.facts import WheelFile
    from lockenv.sources.cuda.learn import Desk
    from lockenv.sources.cuda.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprovided:
    """A CUDA library that a package links and nothing chosen provides.

    ``provider`` is the Python package that has it, or empty where that is not known.
    """

    package: str
    version: str
    soname: str
    component: str
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at the contents found; ``facts`` are by package name, with what was learned.

    ``excluded`` are candidates that cannot stay, ``unread`` wheels whose directory is not to be
    had before they are fetched: for those nothing is promised. ``majors`` are all majors in it.
    """

    facts: Mapping[str, CandidateFacts]
    collisions: tuple[Collision, ...] = ()
    unprovided: tuple[Unprovided, ...] = ()
    excluded: Mapping[tuple[str, str], str]
    unread: tuple[str, ...] = ()
    majors: tuple[int, ...] = ()


def examine(
    wheels: Sequence[WheelFile],
    facts: Mapping[str, CandidateFacts],
    world: World,
    desk: Desk,
    provided: Iterable[str] = (),
) -> Verdict:
    """What stands against a set of wheels; ``provided`` are sonames of system packages."""
    ordered = sorted(wheels, key=lambda wheel: wheel.package)
    directories = desk.directories(ordered)
    known = dict(facts)
    excluded: dict[tuple[str, str], str] = {}
    for wheel in ordered:
        if not known.get(wheel.package, CandidateFacts()).says_something:
            hidden = desk.hidden(wheel)
            if hidden is None or not hidden.says_something:
                continue
            known[wheel.package] = combine([hidden])
        reason = world.contradiction(wheel.package, known[wheel.package])
        if reason:
            excluded[wheel.package, wheel.version] = reason
    chosen = {wheel.package: known[wheel.package] for wheel in ordered if wheel.package in known}
    majors = sorted({f.major for f in chosen.values() if f.major is not None})
    main = world.major or (majors[0] if len(majors) == 1 else None)
    if main is not None:
        # What has a library for each major runs on the one that is there.
        chosen = {n: f.for_major(main) if main in f.majors else f for n, f in chosen.items()}
        majors = sorted({f.major for f in chosen.values() if f.major is not None})
    have = {*provided, *_provided(directories, chosen)}
    return Verdict(
        facts=chosen,
        collisions=collisions_of_listings(_called(directories)),
        unprovided=tuple(_unprovided(ordered, chosen, have)),
        excluded=excluded,
        unread=tuple(w.package for w in ordered if directories[w] is None and w.is_wheel),
        majors=tuple(majors),
    )


def _called(
    directories: Mapping[WheelFile, Listing | None],
) -> dict[str, Listing]:
    return {
        f"{wheel.package} {wheel.version}": listing
        for wheel, listing in directories.items()
        if listing is not None
    }


def _provided(
    directories: Mapping[WheelFile, Listing | None], facts: Mapping[str, CandidateFacts]
) -> set[str]:
    found: set[str] = set()
    table = components().sonames
    for wheel, listing in directories.items():
        if listing is None:
            found.update(provided_by_name(wheel.package, facts.get(wheel.package)))
            continue
        found.update(n for e in listing.entries if (n := e.path.rpartition("/")[2]) in table)
    return found


def provided_by_name(package: str, facts: CandidateFacts | None) -> tuple[str, ...]:
    """The sonames that a component's package has by its name; for wheels that nobody could read."""
    table = components()
    shorts = {
        short
        for release in table.releases.values()
        for short, packages in release.extras.items()
        if packages == (package,)
    }
    bare = package.rpartition("-cu")[0] or package
    shorts |= {short for short, name in table.standalone_names.items() if name == bare}
    major = facts.major if facts else None
    return tuple(
        sorted(
            row.soname
            for row in table.sonames.values()
            if row.component in shorts and row.major in {None, major}
        )
    )


def _unprovided(
    wheels: Sequence[WheelFile], facts: Mapping[str, CandidateFacts], have: set[str]
) -> Iterable[Unprovided]:
    for wheel in wheels:
        own = facts.get(wheel.package)
        if own is None:
            continue
        for soname in own.needs:
            if soname not in have and soname not in own.provides:
                component = components().sonames[soname].component
                yield Unprovided(
                    package=wheel.package,
                    version=wheel.version,
                    soname=soname,
                    component=component,
                    provider=_provider(component, own.major),
                )


def _provider(component: str, major: int | None) -> str:
    """The package that holds a component of a CUDA major, by the newest release that has it."""
    table = components()
    if major is None:
        return ""
    if component in table.standalone_names:
        return f"{table.standalone_names[component]}-cu{major}"
    for release in reversed(list(table.releases.values())):
        packages = release.extras.get(component, ())
        if release.version.startswith(f"{major}.") and packages:
            return packages[0]
    return ""
