"""Which package goes into which layer, and which of two packages owns a path; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError, IntegrityError
from lockenv.formats.deb import MERGED_DIRECTORIES
from lockenv.formats.tar import Entry, sort_key
from lockenv.materialize.debian_database import DpkgPackage, replaces
from lockenv.materialize.image_plan import BIG_WHEEL, CONSTANT_TIME
from lockenv.materialize.layers_assemble import LayerPlan, with_parents
from lockenv.materialize.root_stages import essential_closure
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.materialize.image_plan import Deb
    from lockenv.materialize.layers_fragment import Fragment

#: A source package whose binaries take this much has a layer of its own (bytes, unpacked) …
_BIG_SOURCE = 32 << 20
#: … but only so many, as registries and overlay mounts want few layers.
_MOST_SYSTEM_LAYERS = 5
#: The same for wheels: 127 layers are possible, a few dozen are served well.
_MOST_WHEEL_LAYERS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class DebFragment:
    """A package with its fragment and what dpkg is told of it."""

    deb: Deb
    fragment: Fragment
    package: DpkgPackage


def sorted_packages(packages: Iterable[DebFragment]) -> list[DebFragment]:
    """The order in which packages are unpacked: the essential ones first, base-files before all."""
    known = list(packages)
    base = essential_closure([one.package for one in known])
    return sorted(
        known,
        key=lambda one: (
            one.deb.name != "base-files",
            one.deb.name != "base-passwd",
            one.deb.name not in base,
            one.deb.name,
            one.deb.architecture,
        ),
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The paths of each package (by qualified name) that stand for another package's file.

    ``in_root`` lacks what is only diverted: that lies in a root until it is moved away.
    """

    in_layers: Mapping[str, frozenset[str]]
    in_root: Mapping[str, frozenset[str]]


def left_out(packages: Sequence[DebFragment]) -> LeftOut:
    """What packages leave to others.

    IntegrityError for two packages that hold one file, neither allowed to replace the other.
    """
    owner: dict[str, DebFragment] = {}
    lost: dict[str, set[str]] = {}
    kept: dict[str, set[str]] = {}
    folders = {entry.path for one in packages for entry in one.fragment.directories}
    # Also those that only a member's path tells of, lest another package's link lead it elsewhere.
    for one in packages:
        for entry in one.fragment.entries:
            parent = entry.path.rpartition("/")[0]
            while parent and parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
    for one in packages:
        for entry in one.fragment.entries:
            if entry.kind == "symlink" and entry.path in folders:
                # dpkg lets a directory of one package stand where another has a link.
                lost.setdefault(one.package.qualified, set()).add(entry.path)
                continue
            other = owner.get(entry.path)
            if other is None:
                owner[entry.path] = one
                continue
            winner, is_diverted = _winner(other, one, entry)
            loser = other if winner is one else one
            lost.setdefault(loser.package.qualified, set()).add(entry.path)
            if is_diverted:
                kept.setdefault(loser.package.qualified, set()).add(entry.path)
            owner[entry.path] = winner
    return LeftOut(
        in_layers={name: frozenset(paths) for name, paths in lost.items()},
        in_root={name: frozenset(paths - kept.get(name, set())) for name, paths in lost.items()},
    )


def _winner(first: DebFragment, second: DebFragment, entry: Entry) -> tuple[DebFragment, bool]:
    """Whose the file is, and whether the other's is diverted to another place."""
    names = first.deb.name, second.deb.name
    if names[0] == names[1]:
        return first, False  # Multi-Arch: same; Policy wants its architectures' files equal
    for one, other in ((second, names[0]), (first, names[1])):
        if replaces(one.package, other):
            return one, False
        if one.package.facts["diverts"]:
            return one, True
    raise IntegrityError(
        "packages-overlap",
        f"two packages hold one file: /{entry.path}",
        why=(first.deb.label, second.deb.label),
        fix="leave one of them out",
    )


def merged_links(packages: Sequence[DebFragment]) -> tuple[tuple[str, str], ...]:
    """The links of /bin and its kin into /usr, unless a package (base-files since trixie) has them.

    Where nobody has them, all that the architecture knows are made, as debootstrap does; a package
    with files in /lib32 that is installed later must not find a folder missing.
    """
    shipped = {entry.path for one in packages for entry in one.fragment.entries}
    if not packages or "bin" in shipped:
        return ()
    wanted = {"bin", "sbin", "lib"}
    if any(one.deb.architecture == "amd64" for one in packages):
        wanted |= {"lib32", "lib64", "libx32"}
    return tuple((name, f"usr/{name}") for name in MERGED_DIRECTORIES if name in wanted)


def directories_of(
    packages: Iterable[DebFragment], links: Iterable[tuple[str, str]]
) -> tuple[Entry, ...]:
    """The directories of packages; where they differ, the first package's word holds."""
    found: dict[str, Entry] = {}
    for _, target in links:
        found[target] = Entry(path=target, kind="directory", mode=0o755, mtime=CONSTANT_TIME)
    paths: set[str] = set()
    for one in packages:
        for entry in one.fragment.directories:
            found.setdefault(entry.path, entry)
        paths.update(entry.path for entry in one.fragment.entries)
    return with_parents(found, paths)


def system_layers(packages: Sequence[DebFragment]) -> list[tuple[str, list[DebFragment]]]:
    """The layers of packages by name: the essential ones, the biggest sources, all others."""
    base_names = essential_closure([one.package for one in packages])
    base = [one for one in packages if one.deb.name in base_names]
    by_source: dict[str, list[DebFragment]] = {}
    for one in packages:
        if one.deb.name not in base_names:
            by_source.setdefault(one.deb.source or one.deb.name, []).append(one)
    sizes = {
        source: sum(one.fragment.size for one in members) for source, members in by_source.items()
    }
    big = sorted((s for s in sizes if sizes[s] >= _BIG_SOURCE), key=lambda s: (-sizes[s], s))
    big = sorted(big[:_MOST_SYSTEM_LAYERS])
    rest = [one for source in sorted(by_source) if source not in big for one in by_source[source]]
    layers = [("system-base", base)]
    layers += [(f"system-{source}", by_source[source]) for source in big]
    layers.append(("system", sorted(rest, key=lambda one: (one.deb.name, one.deb.architecture))))
    return [(name, members) for name, members in layers if members]


def system_plan(
    name: str,
    members: Sequence[DebFragment],
    fragments: Mapping[str, Fragment],
    links: Sequence[tuple[str, str]],
) -> LayerPlan:
    """A layer of packages; ``fragments`` are those without paths that other packages replace."""
    ours = links if name == "system-base" else ()
    first = list(directories_of(members, ours))
    for path, target in ours:
        first.append(
            Entry(path=path, kind="symlink", mode=0o777, target=target, mtime=CONSTANT_TIME)
        )
    first.sort(key=lambda entry: sort_key(entry.path))
    return LayerPlan(
        name=name,
        first=tuple(first),
        fragments=tuple(fragments[one.package.qualified] for one in members),
    )


def plain_plan(name: str, fragments: Sequence[Fragment], *extra: Entry) -> LayerPlan:
    """A layer of files that are all root's, with the directories above them."""
    paths = [entry.path for fragment in fragments for entry in fragment.entries]
    described = {entry.path: entry for entry in extra}
    return LayerPlan(
        name=name,
        first=with_parents(described, [path for path in paths if path not in described]),
        fragments=tuple(fragments),
    )


def shared_paths(wheels: Sequence[tuple[str, Fragment]]) -> dict[str, frozenset[str]]:
    """The paths that each wheel leaves to one before it, which has the same file there.

    InputError where the files differ; byte code is judged by its source.
    """
    owner: dict[str, tuple[str, Entry]] = {}
    shared: dict[str, set[str]] = {}
    for name, fragment in wheels:
        for entry in fragment.entries:
            other, theirs = owner.setdefault(entry.path, (name, entry))
            if other == name:
                continue
            if (entry.digest, entry.target) != (theirs.digest, theirs.target) and (
                "__pycache__/" not in entry.path
            ):
                raise InputError(
                    "packages-overlap",
                    f"{other} and {name} write different files to one path",
                    why=(f"/{entry.path}",),
                    fix="leave one of them out",
                )
            shared.setdefault(name, set()).add(entry.path)
    return {name: frozenset(paths) for name, paths in shared.items()}


def wheel_layers(wheels: Sequence[tuple[str, Fragment]]) -> list[LayerPlan]:
    """Each big wheel alone, the others together; by name."""
    ordered = sorted(wheels, key=lambda pair: pair[0])
    by_size = sorted(ordered, key=lambda pair: (-pair[1].size, pair[0]))
    big = {name for name, part in by_size[:_MOST_WHEEL_LAYERS] if part.size >= BIG_WHEEL}
    plans = [plain_plan(f"wheel-{name}", [part]) for name, part in ordered if name in big]
    others = [part for name, part in ordered if name not in big]
    return [*plans, *([plain_plan("wheels", others)] if others else [])]


def flattened(plans: Iterable[LayerPlan], below: Iterable[Entry]) -> tuple[Entry, ...]:
    """What the layers make together, over what is below: the last word on each path."""
    found: dict[str, Entry] = {entry.path: entry for entry in below}
    for plan in plans:
        for entry in plan.entries:
            found[entry.path] = entry
    return tuple(found.values())
