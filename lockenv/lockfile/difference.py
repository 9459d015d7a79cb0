"""What changed between two locks, by meaning, all layers (values; the words are elsewhere)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.version import Version

from lockenv.formats.debian import compare_versions
from lockenv.lockfile.views import Thing, things
from lockenv.model import Lock
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.model import LockedTarget

#: The layers in the order in which they are shown.
LAYERS = ("target", "python", "interpreter", "system", "cuda", "base")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that changed, alike for the targets named.

    ``kind`` is added, removed, up, down, changed (other version, no order between them) or rebuilt
    (same version, other bytes or another place). ``before`` and ``after`` are versions, or what
    differs of a rebuilt thing. ``group`` is a Debian source package, else empty.
    """

    layer: str
    name: str
    kind: str
    before: str = ""
    after: str = ""
    group: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A property of a target that moved: glibc, driver floor, epoch."""

    target: str
    name: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yanked:
    """A package that is yanked in the new lock and was not before."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that changed. Sizes are bytes of all distinct files; an unknown one is 0."""

    changes: tuple[Change, ...]
    facts: tuple[Fact, ...]
    origins: tuple[str, ...]
    yanked: tuple[Yanked, ...]
    size_before: int
    size_after: int

    @property
    def is_empty(self) -> bool:
        """Whether both locks install the same on the same targets."""
        return not (self.changes or self.facts or self.origins or self.yanked)


def diff(old: Lock | None, new: Lock) -> Difference:
    """The difference between two locks; None stands for no lock at all."""
    old = old or Lock()
    return Difference(
        changes=tuple(_changes(old, new)),
        facts=tuple(_facts(old, new)),
        origins=tuple(sorted(origins(new) - origins(old))) if old.targets else (),
        yanked=tuple(_yanked(old, new)),
        size_before=download_size(old),
        size_after=download_size(new),
    )


def diff_targets(lock: Lock, before: str, after: str) -> Difference:
    """The difference between two targets of one lock, as if one had become the other."""
    changes = _compared(lock, lock, before, after)
    return Difference(
        changes=tuple(_sorted(changes)),
        facts=tuple(
            _target_facts(_one(lock, before), _one(lock, after), name=f"{before} -> {after}")
        ),
        origins=(),
        yanked=(),
        size_before=download_size(lock, before),
        size_after=download_size(lock, after),
    )


def _one(lock: Lock, name: str) -> LockedTarget:
    return next(target for target in lock.targets if target.name == name)


def _changes(old: Lock, new: Lock) -> Iterator[Change]:
    before = {target.name for target in old.targets}
    after = {target.name for target in new.targets}
    for name in sorted(after - before):
        yield Change(layer="target", name=name, kind="added", targets=(name,))
    for name in sorted(before - after):
        yield Change(layer="target", name=name, kind="removed", targets=(name,))
    alike: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    # What a wholly new target has beside the others is no news, unless there was no lock at all.
    for name in sorted(before & after or after):
        for change in _compared(old, new, name, name):
            words = (change.layer, change.name, change.kind, change.before, change.after)
            alike[(*words, change.group)].add(name)
    yield from _sorted(
        Change(
            layer=layer,
            name=name,
            kind=kind,
            before=was,
            after=now,
            group=group,
            targets=tuple(sorted(names)),
        )
        for (layer, name, kind, was, now, group), names in alike.items()
    )


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(
        changes,
        key=lambda item: (LAYERS.index(item.layer), item.group, item.name, item.kind, item.targets),
    )


def _compared(old: Lock, new: Lock, before: str, after: str) -> Iterator[Change]:
    had, has = things(old, before), things(new, after)
    for key in {*had, *has}:
        change = _change(had.get(key), has.get(key))
        if change is not None:
            yield change


def _change(was: Thing | None, now: Thing | None) -> Change | None:
    if was is None and now is not None:
        return Change(
            layer=now.layer, name=now.name, kind="added", after=now.version, group=now.group
        )
    if was is not None and now is None:
        return Change(
            layer=was.layer, name=was.name, kind="removed", before=was.version, group=was.group
        )
    if was is None or now is None or was == now:
        return None
    kind, before, after = "rebuilt", was.content, now.content
    if was.version != now.version:
        kind, before, after = _direction(was, now), was.version, now.version
    elif was.content == now.content:
        return None
    return Change(
        layer=now.layer, name=now.name, kind=kind, before=before, after=after, group=now.group
    )


def _direction(was: Thing, now: Thing) -> str:
    if was.layer == "system":
        order = compare_versions(was.version, now.version)
    else:
        try:
            before, after = Version(was.version), Version(now.version)
        except ValueError:
            return "changed"
        order = (before > after) - (before < after)
    return {-1: "up", 0: "changed", 1: "down"}[order]


def _facts(old: Lock, new: Lock) -> Iterator[Fact]:
    before = {target.name: target for target in old.targets}
    for target in sorted(new.targets, key=lambda target: target.name):
        if target.name in before:
            yield from _target_facts(before[target.name], target, name=target.name)


def _target_facts(was: LockedTarget, now: LockedTarget, *, name: str) -> Iterator[Fact]:
    had, has = _properties(was), _properties(now)
    for key in sorted({*had, *has}):
        if had.get(key, "") != has.get(key, ""):
            yield Fact(target=name, name=key, before=had.get(key, ""), after=has.get(key, ""))


def _properties(target: LockedTarget) -> dict[str, str]:
    found = {
        "platform": target.platform,
        "libc": target.level,
        "suite": target.suite or "",
        "epoch": target.epoch or "",
        "groups": ", ".join(target.groups),
        "extras": ", ".join(target.extras),
    }
    if target.cuda is not None:
        for prefix, facts in (("declared", target.cuda.declared), ("needs", target.cuda.needs)):
            for key, value in facts.items():
                text = value if isinstance(value, str) else ", ".join(value)
                found[f"{prefix} {key}"] = text
    return found


def origins(lock: Lock) -> set[str]:
    """Every host from which something of the lock is had, with its scheme."""
    addresses: set[str | None] = {package.index for package in lock.packages}
    for package in lock.packages:
        files = (*package.wheels, package.sdist, package.archive)
        addresses |= {file.url for file in files if file is not None}
        addresses.add(package.vcs.url if package.vcs else None)
    addresses |= {item.artifact.url for build in lock.builds for item in build.packages}
    addresses |= {item.artifact.url for item in lock.interpreters if item.artifact}
    addresses |= {item.artifact.url for item in lock.cuda_components}
    addresses |= {archive.url for archive in lock.system_archives}
    split = (urlsplit(address) for address in addresses if address)
    return {
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" for parts in split if parts.netloc
    }


def _yanked(old: Lock, new: Lock) -> Iterator[Yanked]:
    known = {(item.name, item.version) for item in old.packages if item.yanked is not None}
    found = {
        (item.name, item.version or "", item.yanked)
        for item in new.packages
        if item.yanked is not None and (item.name, item.version) not in known
    }
    for name, version, reason in sorted(found):
        yield Yanked(name=name, version=version, reason=reason)


def download_size(lock: Lock, target: str | None = None) -> int:
    """Bytes of all distinct files that the lock, or one of its targets, installs."""
    sizes: dict[str, int] = {}
    for locked in lock.targets:
        if target in {None, locked.name}:
            for thing in things(lock, locked.name).values():
                sizes |= thing.sizes
    return sum(sizes.values())
