"""``outdated``: what could move, layer by layer, and what holds back what could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.errors import InputError, NoSolutionError
from lockenv.lockfile import (
    diff,
    entries_of,
    key_origin,
    single,
)
from lockenv.model import LOCK_NAME
from lockenv.sources.python import Indexes, index_address
from lockenv.tables.builds import newest_build
from lockenv.values import dataclass, replace
from lockenv.workflows.asked_places import places_of
from lockenv.workflows.indexes import indexes_of
from lockenv.workflows.lock import LockOptions, lock
from lockenv.workflows.locking.cuda_memory import recall_rejections
from lockenv.workflows.locking.moves import Moves
from lockenv.workflows.network import open_network
from lockenv.workflows.newer import Surroundings, surroundings
from lockenv.workflows.project import read_lock, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

    from lockenv.formats.index import Listing
    from lockenv.model import Lock, LockedPackage, LockedTarget
    from lockenv.workflows.asked_places import Place
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene

_LAYERS = frozenset({"python", "system", "cuda", "interpreter", "base"})
_EVERYTHING = Moves(layers=_LAYERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedOptions:
    """Which targets are looked at; none named: all."""

    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that is not the newest: where ``lock --upgrade`` brings it, and what holds it."""

    layer: str
    name: str
    locked: str
    possible: str
    newest: str = ""
    held_by: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedOutcome:
    """The rows, and what the reader should know beside them."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def outdated(scene: Scene, options: OutdatedOptions) -> OutdatedOutcome:
    """Lock anew without writing, with everything free to move, and compare."""
    project = read_project(scene.directory)
    former, _ = read_lock(project.root)
    names = tuple(target.name for target in former.targets)
    unknown = [name for name in options.targets if name not in names]
    if unknown:
        raise InputError(
            "no-target",
            f"{LOCK_NAME} has no target {unknown[0]}",
            why=f"it has {', '.join(names)}",
            fix="name one of these, or add the target to the manifest and run lockenv lock",
        )
    try:
        moved = lock(scene, LockOptions(upgrade=_LAYERS, dry_run=True)).lock
        notes: tuple[str, ...] = ()
    except NoSolutionError as error:
        moved, notes = former, (f"nothing can move: {error.what} (lockenv lock --upgrade)",)
    with open_network(scene, project.manifest) as fetcher:
        newest = _listings(
            project, moved, Indexes(fetcher, indexes_of(project.manifest), project.root)
        )
        known = Known(
            former=former,
            moved=moved,
            listings=newest,
            around=surroundings(scene, project, moved, fetcher, moves=_EVERYTHING),
            place=places_of(project.manifest, moved),
            cache=scene.settings.cache_dir,
            align=project.manifest.align,
        )
        found = [
            row
            for name in (options.targets or names)
            for row in _rows(known, project.manifest.requires_python, name)
        ]
    return OutdatedOutcome(rows=tuple(_joined(found)), notes=(*notes, *_limits(project)))


def _rows(known: Known, requires: SpecifierSet | None, name: str) -> Iterator[Row]:
    """What is not the newest on one target, layer by layer."""
    yield from _python(known, name)
    interpreter = tuple(_interpreter(known, requires, name))
    yield from interpreter
    for row in _others(known, name):
        if row.layer != "interpreter" or not interpreter:
            yield row


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The lock as it is and as it could be, what the indexes list, and where the manifest asks."""

    former: Lock
    moved: Lock
    listings: Mapping[tuple[str, str], Listing]
    around: Mapping[str, Surroundings]
    place: Place
    cache: Path
    align: str


def _limits(project: Project) -> Iterator[str]:
    """What holds every layer alike."""
    manifest = project.manifest
    if manifest.as_of:
        where = project.place(key_origin(manifest, "as-of"))
        yield f"nothing is newer than as-of = {manifest.as_of} ({where})"


def _joined(rows: Sequence[Row]) -> Iterator[Row]:
    """Rows that are equal but for their targets, as one, in the order of layers and names."""
    found: dict[Row, list[str]] = {}
    for row in rows:
        found.setdefault(replace(row, targets=()), []).extend(row.targets)
    order = ("python", "interpreter", "system", "cuda", "base")
    for row in sorted(found, key=lambda row: (order.index(row.layer), row.name, row.locked)):
        yield replace(row, targets=tuple(dict.fromkeys(found[row])))


def _listings(project: Project, moved: Lock, indexes: Indexes) -> dict[tuple[str, str], Listing]:
    """What the index of each package lists, by name and index."""
    known = {index_address(index.url): index.name for index in indexes_of(project.manifest)}
    found = {}
    for package in moved.packages:
        index = known.get(package.index or "")
        if index is not None and (package.name, package.index or "") not in found:
            listed = indexes.listing(package.name, index)
            if listed is not None:
                found[package.name, package.index or ""] = listed[1]
    return found


def _python(known: Known, name: str) -> Iterator[Row]:
    locked = _target(known.moved, name)
    if locked is None:
        return
    before, after = entries_of(known.former, name), entries_of(known.moved, name)
    for package in after.values():
        old = before.get(package.name)
        if old is None or old.version is None or package.version is None:
            continue
        listing = known.listings.get((package.name, package.index or ""))
        newest = _newest(listing) if listing else ""
        behind = bool(newest) and _version(newest) > _version(package.version)
        if old.version == package.version and not behind:
            continue
        yield Row(
            layer="python",
            name=package.name,
            locked=old.version,
            possible=package.version,
            newest=newest if behind else "",
            held_by=_holder(known, locked, package, newest) if behind else "",
            targets=(name,),
        )


def _target(lock: Lock, name: str) -> LockedTarget | None:
    return next((target for target in lock.targets if target.name == name), None)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except ValueError:
        return Version("0")


def _newest(listing: Listing) -> str:
    """The newest version that is no pre-release and not wholly yanked."""
    for text in listing.versions:
        version = _version(text)
        if not version.is_prerelease and any(file.yanked is None for file in listing.files(text)):
            return text
    return ""


def _holder(known: Known, target: LockedTarget, package: LockedPackage, newest: str) -> str:
    """Why the newest version was not taken, as far as one fact says it; else how to ask."""
    around = known.around.get(target.name)
    against = around.reasons(package.name).get(_version(newest)) if around is not None else None
    reason = against() if against is not None else None
    return reason or _beyond(known, target, package, newest)


def _beyond(known: Known, target: LockedTarget, package: LockedPackage, newest: str) -> str:
    """What holds a version that no ask, no Python and no wheel does: CUDA, or another target."""
    lines = known.moved.request.get(target.name, ())
    for line in recall_rejections(known.cache, lines, package.name, package.version or ""):
        versions, _, reason = line.partition(": ")
        if newest in versions.split():
            return reason
    others = [
        one.name
        for one in known.moved.targets
        if one.name != target.name and _locked_at(known.moved, one.name, package)
    ]
    if known.align != "off" and others:
        return f"one version is kept on every target (align), and {', '.join(others)} has this one"
    return f"lockenv lock -P {package.name}=={newest} says what"


def _locked_at(lock: Lock, target: str, package: LockedPackage) -> bool:
    other = entries_of(lock, target).get(package.name)
    return other is not None and other.version == package.version


def _interpreter(known: Known, requires: SpecifierSet | None, name: str) -> Iterator[Row]:
    """An interpreter than which a newer one is known that the project admits."""
    locked = _target(known.moved, name)
    former = _target(known.former, name)
    if locked is None or former is None or locked.python_source != "standalone":
        return
    newest = newest_build("", locked.platform, requires_python=requires)
    if newest is None or _version(newest.version) <= _version(locked.python):
        return
    asked = single(known.moved.request.get(name, ()), "python")
    place = known.place("interpreter", f"python {asked}")
    yield Row(
        layer="interpreter",
        name="python",
        locked=former.python,
        possible=locked.python,
        newest=newest.version,
        held_by=f"{place} asks python {asked}" if asked else "lockenv lock -P python says what",
        targets=(name,),
    )


def _others(known: Known, name: str) -> Iterator[Row]:
    """The layers whose newest is what ``lock --upgrade`` takes: the archives decide."""
    for change in diff(known.former, known.moved).changes:
        is_move = change.kind in {"up", "down", "changed", "rebuilt"}
        if is_move and name in change.targets and change.layer not in {"python", "target"}:
            yield Row(
                layer=change.layer,
                name=change.name,
                locked=change.before,
                possible=change.after,
                targets=(name,),
            )
