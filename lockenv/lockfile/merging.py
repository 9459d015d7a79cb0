"""Three locks to one, by meaning: entry by entry and target by target.

What only one side changed is taken; what both changed alike is taken once; what they changed
differently is a conflict, to be resolved again (ours stands in for it meanwhile).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol, TypeVar

from packaging.version import Version

from lockenv.formats.debian import compare_versions
from lockenv.lockfile.merging_request import twice_changed
from lockenv.lockfile.order import canonical
from lockenv.lockfile.selection import regrouped
from lockenv.model import (
    ArchiveState,
    Artifact,
    Lock,
    LockedBuild,
    LockedImage,
    LockedPackage,
    LockedSystemPackage,
    LockedTarget,
)
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping


class _Served(Protocol):
    @property
    def targets(self) -> tuple[str, ...]: ...


E = TypeVar("E")
S = TypeVar("S", bound=_Served)
K = TypeVar("K", bound="Hashable")


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged lock, and for each target what both sides changed differently (sorted names).

    Names have their layer where it is not Python: ``deb:NAME``, ``python`` for the interpreter;
    the empty target holds what belongs to no target (images). ``is_open`` says that some of them
    only the manifest can decide: a requirement, a target's properties, an image.
    """

    lock: Lock
    conflicts: Mapping[str, tuple[str, ...]]
    is_open: bool = False


def merge(base: Lock, ours: Lock, theirs: Lock, *, prefer: str = "ours") -> Merged:
    """The lock that holds the changes of both sides since their base.

    ``prefer`` says what stands in where both changed a pin differently: "ours" or the "newer".
    """
    sides = tuple(canonical(lock) for lock in (base, ours, theirs))
    merging = _Merging(*sides, prefer=prefer)
    lock = Lock(
        version=min(ours.version, theirs.version, key=_format),
        targets=merging.whole(lambda lock: {item.name: item for item in lock.targets}, "target"),
        packages=tuple(_joined_packages(merging.served(_packages, ""))),
        builds=tuple(_joined_builds(merging.served(_builds, "build:"))),
        system_packages=merging.plain(
            lambda lock: lock.system_packages,
            lambda item: f"{item.name}:{item.architecture}",
            "deb:",
        ),
        system_archives=merging.plain(
            lambda lock: lock.system_archives, lambda item: item.key, "archive:"
        ),
        interpreters=merging.plain(lambda lock: lock.interpreters, lambda _: "python", ""),
        cuda_components=merging.plain(
            lambda lock: lock.cuda_components, lambda item: item.name, "cuda:"
        ),
        base_images=merging.plain(
            lambda lock: lock.base_images, lambda item: item.reference, "base:"
        ),
        images=merging.whole(lambda lock: {item.key: item for item in lock.images}, "image"),
        preferences=(*ours.preferences, *theirs.preferences),
    )
    names = {target.name for target in lock.targets}
    lock = replace(lock, request=merging.request(names))
    conflicts = {
        target: tuple(sorted(found)) for target, found in sorted(merging.conflicts.items())
    }
    return Merged(canonical(regrouped(_limited(lock, names))), conflicts, merging.is_open)


def _format(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class _Merging:
    """The three sides, and the conflicts found so far."""

    def __init__(self, base: Lock, ours: Lock, theirs: Lock, *, prefer: str) -> None:
        self._sides = (base, ours, theirs)
        self._prefer = prefer
        self.conflicts: defaultdict[str, set[str]] = defaultdict(set)
        self.is_open = False

    def _merged(
        self, tables: list[dict[K, E]], conflict: Callable[[K], tuple[str, str]]
    ) -> dict[K, E]:
        base, ours, theirs = tables
        found: dict[K, E] = {}
        for key in {**base, **ours, **theirs}:
            was, mine, other = base.get(key), ours.get(key), theirs.get(key)
            chosen = other if mine == was else mine
            if was not in (mine, other) and mine != other:
                target, name = conflict(key)
                self.conflicts[target].add(name)
                chosen = mine if mine is not None else other
                if mine is not None and other is not None:
                    chosen = self._stand_in(mine, other)
            if chosen is not None:
                found[key] = chosen
        return found

    def _stand_in(self, mine: E, other: E) -> E:
        if isinstance(mine, LockedTarget) and isinstance(other, LockedTarget):
            # The epoch follows from the archives, which are merged themselves.
            epoch = max(mine.epoch or "", other.epoch or "") or None
            self.is_open |= replace(mine, epoch=None) != replace(other, epoch=None)
            return replace(mine, epoch=epoch)
        if isinstance(mine, LockedImage):
            self.is_open = True
        return other if self._prefer == "newer" and _is_newer(other, mine) else mine

    def whole(self, table: Callable[[Lock], dict[str, E]], kind: str) -> tuple[E, ...]:
        """Entries that are not split by target."""
        tables = [table(side) for side in self._sides]
        place: Callable[[str], tuple[str, str]] = (
            (lambda name: (name, kind))
            if kind == "target"
            else (lambda name: ("", f"{kind} {name}"))
        )
        return tuple(self._merged(tables, place).values())

    def served(
        self, split: Callable[[Lock], dict[tuple[str, str], E]], prefix: str
    ) -> dict[tuple[str, str], E]:
        """Entries split by target: ``(target, name)`` to the entry for that target alone."""
        tables = [split(side) for side in self._sides]
        return self._merged(tables, lambda key: (key[0], f"{prefix}{key[1]}"))

    def plain(
        self, entries: Callable[[Lock], Iterable[S]], name: Callable[[S], str], prefix: str
    ) -> tuple[S, ...]:
        """Entries that differ between targets in nothing but their targets."""

        def split(lock: Lock) -> dict[tuple[str, str], S]:
            return {
                (target, name(entry)): _for(entry, (target,))
                for entry in entries(lock)
                for target in entry.targets
            }

        return tuple(_joined(self.served(split, prefix).values()))

    def request(self, targets: set[str]) -> dict[str, tuple[str, ...]]:
        """The lines of both sides without what either took away."""
        found = {}
        for target in sorted(targets):
            base, ours, theirs = (set(side.request.get(target, ())) for side in self._sides)
            lines = (ours & theirs) | (ours - base) | (theirs - base)
            found[target] = tuple(sorted(lines))
            for key in twice_changed(base, ours, theirs):
                self.conflicts[target].add(key)
                self.is_open = True
        return found


def _is_newer(one: object, than: object) -> bool:
    """Whether a pin has the higher version of two for the same thing."""
    if isinstance(one, LockedSystemPackage) and isinstance(than, LockedSystemPackage):
        return compare_versions(one.version, than.version) > 0
    if isinstance(one, ArchiveState) and isinstance(than, ArchiveState):
        return one.date > than.date
    try:
        versions = [Version(getattr(each, "version", "") or "0") for each in (one, than)]
    except ValueError:
        return False
    return versions[0] > versions[1]


def _for(entry: S, targets: tuple[str, ...]) -> S:
    # Every entry with targets is a dataclass; the protocol cannot say so.
    return replace(entry, targets=targets)  # type: ignore[type-var]


def _joined(entries: Iterable[S]) -> Iterator[S]:
    """Entries that are equal but for their targets, as one."""
    alike: list[tuple[S, list[str]]] = []
    places: dict[str, int] = {}
    for entry in entries:
        plain = _for(entry, ())
        place = places.setdefault(repr(plain), len(alike))
        if place == len(alike):
            alike.append((plain, []))
        alike[place][1].extend(entry.targets)
    for entry, targets in alike:
        yield _for(entry, tuple(sorted(set(targets))))


def _packages(lock: Lock) -> dict[tuple[str, str], LockedPackage]:
    return {
        (target, package.name): _package_for(package, target)
        for package in lock.packages
        for target in package.targets
    }


def _package_for(package: LockedPackage, target: str) -> LockedPackage:
    """The entry for one target alone; what follows from the walk is left out."""
    return replace(
        package,
        targets=(target,),
        groups=(),
        extras=(),
        wheels=tuple(filter(None, (_file_for(wheel, target) for wheel in package.wheels))),
        sdist=_file_for(package.sdist, target),
        archive=_file_for(package.archive, target),
    )


def _file_for(artifact: Artifact | None, target: str) -> Artifact | None:
    if artifact is None or target not in artifact.targets:
        return None
    return replace(artifact, targets=(target,))


def _joined_packages(found: Mapping[tuple[str, str], LockedPackage]) -> Iterator[LockedPackage]:
    """One entry for what differs between targets only in its files.

    An sdist is one a entry, so two of them make two entries.
    """
    alike: defaultdict[str, list[LockedPackage]] = defaultdict(list)
    for _, package in sorted(found.items()):
        frame = replace(package, targets=(), wheels=(), sdist=None, archive=None)
        direct = str(package.archive.digest) if package.archive else ""
        alike[f"{frame!r} {direct}"].append(package)
    for members in alike.values():
        yield from _one_sdist_each(members)


def _one_sdist_each(members: list[LockedPackage]) -> Iterator[LockedPackage]:
    sdists = sorted({str(item.sdist.digest) for item in members if item.sdist})
    for digest in sdists or [""]:
        chosen = [
            item
            for item in members
            if (str(item.sdist.digest) if item.sdist else (sdists or [""])[0]) == digest
        ]
        files = _united(file for item in chosen for file in item.wheels)
        sdist = next(iter(_united(item.sdist for item in chosen if item.sdist)), None)
        archive = next(iter(_united(item.archive for item in chosen if item.archive)), None)
        yield replace(
            chosen[0],
            targets=tuple(sorted(target for item in chosen for target in item.targets)),
            wheels=tuple(files),
            sdist=sdist,
            archive=archive,
        )


def _united(files: Iterable[Artifact]) -> list[Artifact]:
    """Each file once, with all the targets that it serves; known facts win over unknown ones."""
    found: dict[tuple[str, str], Artifact] = {}
    for file in files:
        key = (file.name, str(file.digest))
        known = found.get(key, file)
        found[key] = replace(
            known,
            size=known.size if known.size is not None else file.size,
            url=known.url or file.url,
            upload_time=known.upload_time or file.upload_time,
            targets=tuple(sorted({*known.targets, *file.targets})),
        )
    return [found[key] for key in sorted(found)]


def _builds(lock: Lock) -> dict[tuple[str, str], LockedBuild]:
    return {
        (target, f"{build.name} {build.kind}"): replace(
            build,
            targets=(target,),
            packages=tuple(
                replace(item, artifact=replace(item.artifact, targets=(target,)))
                for item in build.packages
                if target in item.artifact.targets
            ),
        )
        for build in lock.builds
        for target in build.targets
    }


def _joined_builds(found: Mapping[tuple[str, str], LockedBuild]) -> Iterator[LockedBuild]:
    alike: defaultdict[str, list[LockedBuild]] = defaultdict(list)
    for _, build in sorted(found.items()):
        alike[repr(replace(build, targets=(), packages=()))].append(build)
    for members in alike.values():
        packages: defaultdict[tuple[str, str, str, str], list[LockedBuild]] = defaultdict(list)
        known = {}
        for member in members:
            for item in member.packages:
                key = (item.name, item.version, item.index or "", str(item.artifact.digest))
                packages[key].append(member)
                known[key] = item
        yield replace(
            members[0],
            targets=tuple(sorted(target for member in members for target in member.targets)),
            packages=tuple(
                replace(
                    known[key],
                    artifact=replace(
                        known[key].artifact,
                        targets=tuple(
                            sorted(target for member in packages[key] for target in member.targets)
                        ),
                    ),
                )
                for key in sorted(packages)
            ),
        )


def _limited(lock: Lock, targets: set[str]) -> Lock:
    """The lock without entries for targets that the merge took away, and their archives."""
    used = {item.archive for item in lock.system_packages}
    return replace(
        lock,
        packages=tuple(item for item in lock.packages if targets.issuperset(item.targets)),
        builds=tuple(item for item in lock.builds if targets.issuperset(item.targets)),
        system_archives=tuple(
            item for item in lock.system_archives if not used or item.key in used
        ),
    )
