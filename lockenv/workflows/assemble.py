"""From what each cell chose to the lock's Python entries: pure, and the same whatever the order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.model import Artifact, DirectoryPin, LockedPackage, Target, VcsPin

if TYPE_CHECKING:
    from packaging.markers import Marker
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package chosen for one cell, with everything that the lock records of it.

    ``requires`` are all of its metadata's requirements as they were written; ``extras`` those that
    were activated; ``selections`` those of the project's that reach it.
    """

    name: str
    version: str | None
    artifact: Artifact | None
    index: str | None = None
    archive_path: str | None = None
    archive_subdirectory: str | None = None
    is_direct: bool = False
    vcs: VcsPin | None = None
    directory: DirectoryPin | None = None
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    extras: frozenset[str] = frozenset()
    selections: frozenset[str] = frozenset()
    yanked: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it installs as it is, without a build."""
        return self.artifact is not None and self.artifact.name.endswith(".whl")


def locked_packages(
    chosen: Mapping[str, tuple[Target, Sequence[Pin]]], former: Iterable[LockedPackage] = ()
) -> tuple[LockedPackage, ...]:
    """The entries for what all cells chose; facts that were locked for a file before are kept.

    ``chosen`` maps a locked target's name to its target and pins.
    """
    known = _known_facts(former)
    alike: dict[tuple[object, ...], list[tuple[Target, Pin]]] = defaultdict(list)
    for target, pins in chosen.values():
        for pin in pins:
            alike[_identity(pin)].append((target, pin))
    return tuple(_entry(members, known) for members in alike.values())


def _identity(pin: Pin) -> tuple[object, ...]:
    """What must be equal for two cells to share an entry."""
    place: object = pin.index
    if pin.vcs or pin.directory:
        place = pin.vcs or pin.directory
    elif pin.is_direct:
        place = (pin.artifact, pin.archive_path, pin.archive_subdirectory)
    return (pin.name, pin.version, place, pin.requires, pin.requires_python, pin.yanked)


def _known_facts(former: Iterable[LockedPackage]) -> dict[str, Artifact]:
    known: dict[str, Artifact] = {}
    for package in former:
        files = (*package.wheels, package.sdist, package.archive)
        known |= {file.digest.hex: file for file in files if file is not None}
    return known


def _entry(members: Sequence[tuple[Target, Pin]], known: Mapping[str, Artifact]) -> LockedPackage:
    first = members[0][1]
    targets = tuple(sorted(target.name for target, _ in members))
    files: dict[str, tuple[Artifact, list[str]]] = {}
    for target, pin in members:
        if pin.artifact is not None:
            artifact = _with_known_facts(pin.artifact, known)
            files.setdefault(artifact.digest.hex, (artifact, []))[1].append(target.name)
    artifacts = [
        replace(artifact, targets=tuple(sorted(names)) if len(files) > 1 else ())
        for artifact, names in files.values()
    ]
    artifacts.sort(key=lambda artifact: artifact.name)
    entry = LockedPackage(
        name=first.name,
        version=first.version,
        index=first.index,
        requires_python=first.requires_python,
        archive_path=first.archive_path,
        archive_subdirectory=first.archive_subdirectory,
        vcs=first.vcs,
        directory=first.directory,
        targets=targets,
        groups=tuple(sorted({name for _, pin in members for name in pin.selections})),
        extras=tuple(sorted({name for _, pin in members for name in pin.extras})),
        dependencies=_dependencies(members),
        yanked=first.yanked,
    )
    if first.is_direct:
        return replace(entry, archive=artifacts[0])
    wheels = tuple(artifact for artifact in artifacts if artifact.name.endswith(".whl"))
    sdists = [artifact for artifact in artifacts if not artifact.name.endswith(".whl")]
    return replace(entry, wheels=wheels, sdist=sdists[0] if sdists else None)


def _with_known_facts(artifact: Artifact, known: Mapping[str, Artifact]) -> Artifact:
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


def _dependencies(members: Sequence[tuple[Target, Pin]]) -> tuple[str, ...]:
    """The requirements that hold for at least one member, as they were asked, canonical, sorted."""
    lines = set()
    for text in members[0][1].requires:
        requirement = Requirement(text)
        if any(_holds(requirement.marker, target, pin.extras) for target, pin in members):
            requirement.name = canonicalize_name(requirement.name)
            lines.add(str(requirement))
    return tuple(sorted(lines))


def _holds(marker: Marker | None, target: Target, extras: frozenset[str]) -> bool:
    if marker is None:
        return True
    environment = target.markers
    return any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *sorted(extras)))
