"""From what each cell chose to the lock's Python entries: pure, and the same whatever the order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.markers import Marker

    from lockenv.model import Artifact, LockedPackage, Target


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


def known_files(former: Iterable[LockedPackage]) -> dict[str, Artifact]:
    """Every file of the entries, by its digest's digits."""
    known: dict[str, Artifact] = {}
    for package in former:
        files = (*package.wheels, package.sdist, package.archive)
        known |= {file.digest.hex: file for file in files if file is not None}
    return known


def _entry(
    members: Sequence[tuple[Target, Chosen]], known: Mapping[str, Artifact]
) -> LockedPackage:
    first = members[0][1].package
    files = {"wheels": _Files(known), "sdist": _Files(known), "archive": _Files(known)}
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

    def __init__(self, known: Mapping[str, Artifact]) -> None:
        self._known = known
        self._found: dict[str, tuple[Artifact, set[str]]] = {}

    def add(self, artifact: Artifact, target: Target) -> None:
        """Note that a target is served by a file."""
        artifact = with_known_facts(artifact, self._known)
        self._found.setdefault(artifact.digest.hex, (artifact, set()))[1].add(target.name)

    def merged(self) -> tuple[Artifact, ...]:
        """Every file with its targets, by name."""
        files = [
            replace(artifact, targets=tuple(sorted(targets)))
            for artifact, targets in self._found.values()
        ]
        return tuple(sorted(files, key=lambda artifact: artifact.name))


def with_known_facts(artifact: Artifact, known: Mapping[str, Artifact]) -> Artifact:
    """What an earlier lock knew of the same bytes stays, where this index does not say it."""
    before = known.get(artifact.digest.hex)
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
