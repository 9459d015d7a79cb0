"""``outdated``: what could move, layer by layer, and what holds back what could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import InputError, NoSolutionError
from lockenv.lockfile import (
    diff,
    entries_of,
    parsed_requirement,
    requirements,
    roots,
    target_of,
)
from lockenv.model import LOCK_NAME
from lockenv.sources.python import Indexes, index_address
from lockenv.values import dataclass, replace
from lockenv.workflows.indexes import indexes_of
from lockenv.workflows.lock import LockOptions, lock
from lockenv.workflows.network import open_network
from lockenv.workflows.project import read_lock, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.formats.index import Listing
    from lockenv.model import Lock, LockedPackage, LockedTarget
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene

_LAYERS = frozenset({"python", "system", "cuda", "interpreter", "base"})


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
    found = [
        row
        for name in (options.targets or names)
        for row in (*_python(former, moved, name, newest), *_others(former, moved, name))
    ]
    return OutdatedOutcome(rows=tuple(_joined(found)), notes=notes)


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


def _python(
    former: Lock, moved: Lock, name: str, listings: Mapping[tuple[str, str], Listing]
) -> Iterator[Row]:
    locked = next((target for target in moved.targets if target.name == name), None)
    if locked is None:
        return
    before, after = entries_of(former, name), entries_of(moved, name)
    for package in after.values():
        old = before.get(package.name)
        if old is None or old.version is None or package.version is None:
            continue
        listing = listings.get((package.name, package.index or ""))
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
            held_by=_holder(moved, locked, after, package, newest, listing) if behind else "",
            targets=(name,),
        )


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


def _holder(
    moved: Lock,
    target: LockedTarget,
    packages: Mapping[str, LockedPackage],
    package: LockedPackage,
    newest: str,
    listing: Listing | None,
) -> str:
    """Why the newest version was not taken, as far as one fact says it; else how to ask."""
    lines = moved.request.get(target.name, ())
    asks = [(root.selection, root.requirement) for root in roots(lines, target)]
    asks += [("a constraint", one) for one in requirements(lines, "constraint")]
    asks += [
        (f"{one.name} {one.version}", parsed_requirement(text))
        for one in packages.values()
        for text in one.dependencies
    ]
    for asker, asked in asks:
        is_it = canonicalize_name(asked.name) == package.name
        if is_it and not asked.specifier.contains(newest, prereleases=True):
            return f"{asker} asks {asked}"
    files = listing.files(newest) if listing else ()
    python = {file.requires_python for file in files if file.requires_python}
    for text in python:
        if not _admits(text, target.python):
            return f"it needs Python {text}, locked is {target.python}"
    tags = frozenset(map(str, target_of(target).tags))
    wheels = [file.filename for file in files if file.is_wheel]
    if not any(_fits(one, tags) for one in wheels):
        return "it has no wheel for this target"
    return f"lockenv lock -P {package.name}=={newest} says what"


def _admits(specifier: str, version: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except ValueError:
        return True


def _fits(filename: str, tags: frozenset[str]) -> bool:
    python, abi, platform = filename.removesuffix(".whl").split("-")[-3:]
    return any(
        f"{one}-{two}-{three}" in tags
        for one in python.split(".")
        for two in abi.split(".")
        for three in platform.split(".")
    )


def _others(former: Lock, moved: Lock, name: str) -> Iterator[Row]:
    """The layers whose newest is what ``lock --upgrade`` takes: the archives decide."""
    for change in diff(former, moved).changes:
        is_move = change.kind in {"up", "down", "changed", "rebuilt"}
        if is_move and name in change.targets and change.layer not in {"python", "target"}:
            yield Row(
                layer=change.layer,
                name=change.name,
                locked=change.before,
                possible=change.after,
                targets=(name,),
            )
