"""From what each cell chose to the lock's Python entries: pure, and the same whatever the order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.markers import Marker

    from lockenv.model import Artifact, LockedPackage, Target

    #: Files by the address of their index and the digits of their digest.
    KnownFiles = Mapping[tuple[str, str], Artifact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One package chosen for one cell: its entry without targets, groups and dependencies.

    ``requires`` are all of its metadata's requirements as they were written; ``extras`` those that
    were activated; ``selections`` those of the project's that reach it.
    """

    package: LockedPackage
    requires: tuple[str, ...] = ()
    extras: frozenset[str] = frozenset()
    selections: frozenset[str] = frozenset()


def locked_packages(
    chosen: Iterable[tuple[Target, Sequence[Chosen]]], former: Iterable[LockedPackage] = ()
) -> tuple[LockedPackage, ...]:
    """The entries for what all cells chose; facts that were locked for a file before are kept."""
    known = known_files(former)
    alike: dict[tuple[object, ...], list[tuple[Target, Chosen]]] = defaultdict(list)
    for target, members in chosen:
        for member in members:
            alike[_identity(member)].append((target, member))
    return tuple(_entry(members, known) for members in alike.values())


def _identity(member: Chosen) -> tuple[object, ...]:
    """What must be equal for two cells to share an entry: all but the file that serves them."""
    package = member.package
    place = (package.index, package.vcs, package.directory, package.archive_path, package.archive)
    return (package.name, package.version, place, member.requires, package.requires_python)


def known_files(former: Iterable[LockedPackage]) -> KnownFiles:
    """Every file of the entries that an index lists, by that index and its digest's digits.

    What another index, or another address, says of the same bytes is not what this one says.
    """
    known: dict[tuple[str, str], Artifact] = {}
    for package in former:
        if package.index is not None:
            files = (*package.wheels, package.sdist)
            known |= {(package.index, file.digest.hex): file for file in files if file is not None}
    return known


def _entry(members: Sequence[tuple[Target, Chosen]], known: KnownFiles) -> LockedPackage:
    first = members[0][1].package
    files = {kind: _Files(first.index, known) for kind in ("wheels", "sdist", "archive")}
    for target, member in members:
        package = member.package
        for wheel in package.wheels:
            files["wheels"].add(wheel, target)
        if package.sdist is not None:
            files["sdist"].add(package.sdist, target)
        if package.archive is not None:
            files["archive"].add(package.archive, target)
    return replace(
        first,
        wheels=files["wheels"].merged(),
        sdist=next(iter(files["sdist"].merged()), None),
        archive=next(iter(files["archive"].merged()), None),
        targets=tuple(sorted(target.name for target, _ in members)),
        groups=tuple(sorted({name for _, member in members for name in member.selections})),
        extras=tuple(sorted({name for _, member in members for name in member.extras})),
        dependencies=_dependencies(members),
        yanked=next((m.package.yanked for _, m in members if m.package.yanked is not None), None),
    )


class _Files:
    """The files of one kind of one entry, each with the targets that it serves."""

    def __init__(self, index: str | None, known: KnownFiles) -> None:
        self._index = index
        self._known = known
        self._found: dict[str, tuple[Artifact, set[str]]] = {}

    def add(self, artifact: Artifact, target: Target) -> None:
        """Note that a target is served by a file."""
        artifact = with_known_facts(artifact, self._index, self._known)
        self._found.setdefault(artifact.digest.hex, (artifact, set()))[1].add(target.name)

    def merged(self) -> tuple[Artifact, ...]:
        """Every file with its targets, by name."""
        files = [
            replace(artifact, targets=tuple(sorted(targets)))
            for artifact, targets in self._found.values()
        ]
        return tuple(sorted(files, key=lambda artifact: artifact.name))


def with_untouched(
    entries: Sequence[LockedPackage], former: Iterable[LockedPackage], stay: Collection[str]
) -> tuple[LockedPackage, ...]:
    """The entries, and what the former lock has for the targets that stay as they are.

    An entry that says the same of both serves both; else each side keeps one of its own.
    """
    found = {_said(entry): entry for entry in entries}
    apart = [entry for entry in entries if found[_said(entry)] is not entry]
    for package in former:
        kept = _restricted(package, stay)
        if not kept.targets:
            continue
        said = _said(kept)
        found[said] = _both(found[said], kept) if said in found else kept
    return (*found.values(), *apart)


def _said(package: LockedPackage) -> LockedPackage:
    """What an entry says beside its targets and their files."""
    archive = replace(package.archive, targets=()) if package.archive else None
    return replace(package, targets=(), wheels=(), sdist=None, archive=archive)


def _restricted(package: LockedPackage, stay: Collection[str]) -> LockedPackage:
    def rest(artifact: Artifact) -> Artifact:
        return replace(artifact, targets=tuple(name for name in artifact.targets if name in stay))

    def one(artifact: Artifact | None) -> Artifact | None:
        return rest(artifact) if artifact and stay_of(artifact) else None

    def stay_of(artifact: Artifact) -> bool:
        return not artifact.targets or bool(rest(artifact).targets)

    return replace(
        package,
        targets=tuple(name for name in package.targets if name in stay),
        wheels=tuple(rest(wheel) for wheel in package.wheels if stay_of(wheel)),
        sdist=one(package.sdist),
        archive=one(package.archive),
    )


def _both(new: LockedPackage, kept: LockedPackage) -> LockedPackage:
    def one(first: Artifact | None, second: Artifact | None) -> Artifact | None:
        files = [file for file in (first, second) if file is not None]
        return _joined(files)[0] if files else None

    return replace(
        new,
        targets=tuple(sorted({*new.targets, *kept.targets})),
        wheels=_joined((*new.wheels, *kept.wheels)),
        sdist=one(new.sdist, kept.sdist),
        archive=one(new.archive, kept.archive),
    )


def _joined(files: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """One of each file, with the targets of all that are the same; by name."""
    found: dict[str, Artifact] = {}
    for file in files:
        before = found.get(file.digest.hex, file)
        targets = tuple(sorted({*before.targets, *file.targets}))
        found[file.digest.hex] = replace(before, targets=targets)
    return tuple(sorted(found.values(), key=lambda file: file.name))


def with_known_facts(artifact: Artifact, index: str | None, known: KnownFiles) -> Artifact:
    """What an earlier lock knew of a file of an index stays, where a mirror does not say it."""
    before = known.get((index or "", artifact.digest.hex))
    if before is None or before.name != artifact.name:
        return artifact
    return replace(
        artifact,
        size=artifact.size if artifact.size is not None else before.size,
        url=before.url or artifact.url,
        upload_time=before.upload_time or artifact.upload_time,
    )


def _dependencies(members: Sequence[tuple[Target, Chosen]]) -> tuple[str, ...]:
    """The requirements that hold for at least one member, as they were asked, canonical, sorted."""
    lines = set()
    for text in members[0][1].requires:
        requirement = Requirement(text)
        if any(_holds(requirement.marker, target, member.extras) for target, member in members):
            requirement.name = canonicalize_name(requirement.name)
            lines.add(str(requirement))
    return tuple(sorted(lines))


def _holds(marker: Marker | None, target: Target, extras: frozenset[str]) -> bool:
    if marker is None:
        return True
    environment = target.markers
    return any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *sorted(extras)))
