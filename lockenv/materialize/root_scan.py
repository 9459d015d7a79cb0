"""What lies in a root after scripts ran, and how it differs from the layers below."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import time
from typing import TYPE_CHECKING

from lockenv.formats.tar import Entry, Kind, sort_key
from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.materialize.image_rules import owned, rewriter, rule_for, timed
from lockenv.materialize.image_stamps import secret_in, without_stamps
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lockenv.materialize.image_rules import Rule


_CAPABILITY = "security.capability"
_READ = 1 << 20
#: Too large for a file whose content is rewritten.
_LARGEST_REWRITTEN = 64 << 20


@dataclass(kw_only=True)
class Scan:
    """The normalised entries of a root, by path; ``content`` replaces what a rule rewrites."""

    entries: dict[str, Entry] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    dropped: list[tuple[str, str]] = field(default_factory=list)


class Scanner:
    """Walks one root. ``owner`` tells whose a file is where ownership is recorded elsewhere.

    ``known`` are files that are as they were unpacked, as their stamps show: (inode, change time)
    by path, so that they need not be read again. ``clock`` holds the epoch, and when this
    machine's clock says that the build began: what is younger was made by scripts just now, even
    where that clock is behind the epoch.
    """

    def __init__(
        self,
        root: str,
        clock: tuple[int, int],
        baseline: Mapping[str, Entry],
        known: Mapping[str, tuple[int, int]],
        owner: Callable[[os.stat_result], tuple[int, int]],
    ) -> None:
        self._root = root
        self._epoch, self._began = clock
        self._baseline = baseline
        self._known = known
        self._owner = owner
        self._first: dict[tuple[int, int], list[str]] = {}
        self._scan = Scan()

    def scan(self) -> Scan:
        """Everything below the root, normalised."""
        self._walk("")
        for names in self._first.values():
            self._link(names)
        self._drop_links()
        return self._scan

    def _walk(self, folder: str) -> None:
        with os.scandir(os.path.join(self._root, folder)) as found:  # noqa: PTH118  text is faster
            members = list(found)
        for member in members:
            path = f"{folder}/{member.name}" if folder else member.name
            status = member.stat(follow_symlinks=False)
            rule = rule_for(path)
            if rule and self._is_dropped(path, rule.action):
                if rule.told:
                    self._scan.dropped.append((path, rule.reason))
                continue
            entry = self._entry(path, member.path, status)
            if entry is not None and entry.kind == "file":
                entry = self._made(entry, member.path, rule)
            if entry is None:
                continue
            if rule and rule.action == "shipped":
                entry = self._baseline[path]
            self._scan.entries[path] = timed(owned(self._dated(entry)), self._epoch)
            if entry.kind == "directory":
                self._walk(path)
            elif entry.kind == "file" and status.st_nlink > 1:
                self._first.setdefault((status.st_dev, status.st_ino), []).append(path)

    def _dated(self, entry: Entry) -> Entry:
        before = self._baseline.get(entry.path)
        is_fresh = entry.mtime >= self._began and not (before and before.mtime == entry.mtime)
        return replace(entry, mtime=self._epoch) if is_fresh else entry

    def _is_dropped(self, path: str, action: str) -> bool:
        is_new = path not in self._baseline
        return action == "drop" or (action in {"drop-new", "shipped"} and is_new)

    def _made(self, entry: Entry, place: str, rule: Rule | None) -> Entry | None:
        """The entry of a file without what depends on the day; None for a key of a script's."""
        rewrite, before = rewriter(rule), self._baseline.get(entry.path)
        is_shipped = before is not None and before.digest == entry.digest
        if (is_shipped and not rewrite) or entry.size >= _LARGEST_REWRITTEN:
            return entry
        with open(place, "rb") as file:  # noqa: PTH123  the scanner's place is text
            content = kept = file.read()
        window = self._began, int(time.time()) + 1
        reason = None if before else secret_in(content, window)
        if reason is not None:
            self._scan.dropped.append((entry.path, reason))
            return None
        if not is_shipped:
            kept = without_stamps(content, window, self._epoch)
        kept = rewrite(kept) if rewrite else kept
        if kept == content:
            return entry
        self._scan.content[entry.path] = kept
        return replace(entry, size=len(kept), digest=hashlib.sha256(kept).hexdigest())

    def _drop_links(self) -> None:
        """Leave out links that scripts made to keys that were left out."""
        keys = {path for path, _ in self._scan.dropped}
        for path, entry in list(self._scan.entries.items()):
            if entry.kind == "symlink" and path not in self._baseline:
                place = posixpath.join("/", posixpath.dirname(path), entry.target)
                if posixpath.normpath(place).lstrip("/") in keys:
                    del self._scan.entries[path]

    def _entry(self, path: str, place: str, status: os.stat_result) -> Entry | None:
        kind = _kind(status.st_mode)
        if kind is None:
            return None  # a socket, which only its server gives a meaning
        uid, gid = self._owner(status)
        entry = Entry(
            path=path,
            kind=kind,
            mode=0o777 if kind == "symlink" else stat.S_IMODE(status.st_mode),
            uid=uid,
            gid=gid,
            mtime=int(status.st_mtime_ns // 10**9),
            size=status.st_size if kind == "file" else 0,
        )
        if kind == "symlink":
            return replace(entry, target=os.readlink(place))  # noqa: PTH115  the place is text
        if kind == "file":
            same = self._known.get(path) == (status.st_ino, status.st_ctime_ns)
            before = self._baseline.get(path)
            if same and before is not None and before.kind == "file":
                return replace(entry, digest=before.digest, xattrs=before.xattrs)
            return replace(entry, digest=_digest(place), xattrs=_xattrs(place))
        return entry

    def _link(self, names: list[str]) -> None:
        """Of names that share one file, the first in order is the file, the others links to it."""
        names.sort(key=sort_key)
        for name in names[1:]:
            self._scan.entries[name] = replace(
                self._scan.entries[name], kind="hardlink", target=names[0], size=0
            )


def _kind(mode: int) -> Kind | None:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return "symlink"
    return "fifo" if stat.S_ISFIFO(mode) else None


def _digest(place: str) -> str:
    hasher = hashlib.sha256()
    with open(place, "rb", buffering=0) as file:  # noqa: PTH123  the scanner's place is text
        while piece := file.read(_READ):
            hasher.update(piece)
    return hasher.hexdigest()


def _xattrs(place: str) -> tuple[tuple[str, bytes], ...]:
    """The capabilities of a file: the one extended attribute that packages set."""
    try:
        value = os.getxattr(place, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return ()
    return ((_CAPABILITY, portable_capability(value)),)


#: <linux/capability.h>: revision 3 ends with the id of a namespace's root; revision 2 has none.
_REVISION_2, _REVISION_3, _REVISION_MASK = 0x02000000, 0x03000000, 0xFF000000


def portable_capability(value: bytes) -> bytes:
    """A file capability without the namespace that it was set in (revision 2)."""
    head = int.from_bytes(value[:4], "little")
    if head & _REVISION_MASK != _REVISION_3:
        return value
    head = head & ~_REVISION_MASK | _REVISION_2
    return head.to_bytes(4, "little") + value[4:20]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a layer must hold: members in order, and the paths that lower layers have too many."""

    members: tuple[Entry, ...]
    removed: tuple[str, ...]


def difference(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Difference:
    """The layer that makes ``after`` of ``before``.

    Names that share a file stay together: if one of them differs, all are members, since a hard
    link must find its file in its own layer.
    """
    shared_before, shared_after = _shared(before), _shared(after)

    def differs(path: str) -> bool:
        if path not in before:
            return True
        ours = _essence(after, path, shared_after.get(path, ()))
        return ours != _essence(before, path, shared_before.get(path, ()))

    changed = {path for path in after if differs(path)}
    for path in list(changed):
        changed.update(shared_after.get(path, ()))
    gone = {path for path in before if path not in after}
    top = {path for path in gone if path.rpartition("/")[0] not in gone}
    return Difference(
        members=tuple(after[path] for path in sorted(changed, key=sort_key)),
        removed=tuple(sorted(top, key=sort_key)),
    )


def _shared(entries: Mapping[str, Entry]) -> dict[str, tuple[str, ...]]:
    """All names of each file that has several, by each of them."""
    groups: dict[str, list[str]] = {}
    for path, entry in entries.items():
        if entry.kind == "hardlink":
            groups.setdefault(entry.target, [entry.target]).append(path)
    return {path: tuple(sorted(names, key=sort_key)) for names in groups.values() for path in names}


def _essence(entries: Mapping[str, Entry], path: str, names: tuple[str, ...]) -> tuple[object, ...]:
    """What must be equal for a path to be the same; which of its names is the file is no part."""
    entry = entries[path]
    if entry.kind == "hardlink" and entry.target in entries:
        entry = entries[entry.target]
    return (
        names,
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime,
        entry.size,
        entry.target,
        entry.xattrs,
        entry.digest,
    )


def whiteouts(removed: Iterable[str]) -> Iterator[Entry]:
    """OCI's marks of what a layer takes away from those below it."""
    for path in removed:
        folder, slash, name = path.rpartition("/")
        yield Entry(path=f"{folder}{slash}.wh.{name}", mode=0o644, mtime=CONSTANT_TIME)
