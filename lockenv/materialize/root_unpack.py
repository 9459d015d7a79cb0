"""Write packages into a root, as dpkg --unpack does, in a process that is shut into that root.

Being chrooted, no symbolic link of a package can lead a later member out of the root.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.formats.oci import open_compressor
from lockenv.formats.tar import Reader, sort_key
from lockenv.materialize.debian_package import INFO
from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.materialize.layers_fragment import PieceStream
from lockenv.materialize.root_shut import shut_into
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.formats.oci import Compressor
    from lockenv.formats.tar import Entry
    from lockenv.materialize.layers_fragment import Fragment

_NANO = 10**9
#: The part of a name that dpkg gives a configuration file until its package is configured.
NEW = ".dpkg-new"
#: What a row that the unpacking child answers with tells of.
_STAMP, _OWNER = "stamp", "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What to write of one fragment.

    ``conffiles`` wait under another name; ``left_out`` belongs to packages that replace it.
    ``moved`` are diverted paths with their places. ``part`` is all, info (what preinst
    finds in the database) or files (all else).
    """

    fragment: Fragment
    conffiles: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)
    part: str = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What unpacking left: (inode, change time) of files, and owners that could not be set."""

    stamps: dict[str, tuple[int, int]]
    owners: list[tuple[str, int, int]]


def unpack(
    root: str,
    directories: Iterable[Entry],
    parcels: Sequence[Parcel],
    compression: str,
    *,
    own: bool,
) -> Traces:
    """Unpack in a child that is shut into ``root``; ``own`` is false where chown is refused.

    IntegrityError for what no package may hold, HostError for a disk that is full.
    """
    # The store lies outside the root, and is read through this handle alone.
    outside = os.open("/", os.O_PATH | os.O_DIRECTORY)
    try:
        unpacker = _Unpacker(open_compressor(compression), outside, own=own)
        rows = shut_into(root, lambda: unpacker.run(directories, parcels), umask=0)
    finally:
        os.close(outside)
    return Traces(
        stamps={path: (one, two) for kind, path, one, two in rows if kind == _STAMP},
        owners=[(path, one, two) for kind, path, one, two in rows if kind == _OWNER],
    )


class _Unpacker:
    def __init__(self, compressor: Compressor, outside: int, *, own: bool) -> None:
        self._outside = outside
        self._compressor = compressor
        self._own = own
        self._written: list[str] = []
        self._owners: list[tuple[str, int, int]] = []

    def run(
        self, directories: Iterable[Entry], parcels: Sequence[Parcel]
    ) -> list[tuple[str, str, int, int]]:
        ordered = sorted(directories, key=lambda entry: sort_key(entry.path))
        made = [entry.path for entry in ordered if self._directory(entry)]
        for parcel in parcels:
            self._parcel(parcel)
        # Last, as each new file changes its directory's time; fontconfig keeps these times.
        for path in {*made, *(os.path.dirname(path) for path in self._written)}:  # noqa: PTH120
            os.utime(path or ".", ns=(CONSTANT_TIME * _NANO,) * 2)
        rows = [(_OWNER, *owner) for owner in self._owners]
        for path in self._written:
            status = os.lstat(path)
            rows.append((_STAMP, path, status.st_ino, status.st_ctime_ns))
        return rows

    def _directory(self, entry: Entry) -> bool:
        """Make a directory; one that is there keeps its mode, as with dpkg."""
        try:
            os.mkdir(entry.path, 0o755)  # noqa: PTH102  a relative name in the root
        except FileExistsError:
            return False
        self._give(entry.path, entry)
        os.chmod(entry.path, entry.mode)  # noqa: PTH101  a relative name in the root
        return True

    def _open_outside(self, path: str, flags: int) -> int:
        return os.open(os.fspath(path).lstrip("/"), flags, dir_fd=self._outside)

    def _give(self, path: str, entry: Entry) -> None:
        if (entry.uid, entry.gid) == (0, 0):
            return
        if self._own:
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        else:
            self._owners.append((path, entry.uid, entry.gid))

    def _parcel(self, parcel: Parcel) -> None:
        stream = PieceStream(parcel.fragment, self._compressor, self._open_outside)
        reader = Reader(stream, parcel.fragment.data.name)
        for entry in reader:
            # dpkg-divert renames no file that the list of the diverting package names.
            is_info = entry.path.startswith(f"{INFO}/") and not entry.path.endswith(".list")
            if entry.path in parcel.left_out or parcel.part == ("files" if is_info else "info"):
                continue
            path = parcel.moved.get(entry.path, entry.path)
            path += NEW if entry.path in parcel.conffiles else ""
            self._clear(path)
            if entry.kind == "file":
                self._file(path, entry, reader)
            elif entry.kind == "symlink":
                os.symlink(entry.target, path)  # noqa: PTH211  likewise
                self._give(path, entry)
                os.utime(path, ns=(entry.mtime * _NANO,) * 2, follow_symlinks=False)
            elif entry.kind == "hardlink":
                target = parcel.moved.get(entry.target, entry.target)
                os.link(target, path, follow_symlinks=False)
            elif entry.kind == "fifo":
                os.mkfifo(path, 0o600)
                self._give(path, entry)
                os.chmod(path, entry.mode)  # noqa: PTH101  a relative name in the root
            self._written.append(path)

    def _clear(self, path: str) -> None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path) or ".", 0o755, exist_ok=True)  # noqa: PTH103, PTH120
            return
        except NotADirectoryError:
            raise IntegrityError(
                "packages-overlap",
                "two packages hold one path, as a file and as a directory",
                why=(f"/{path}",),
                fix="remove one of the packages that hold it from [system]",
            ) from None
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(path)  # noqa: PTH108  a relative name in the root

    def _file(self, path: str, entry: Entry, reader: Reader) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(path, flags, 0o600)
        try:
            for piece in reader.content():
                view = memoryview(piece)
                while view:
                    view = view[os.write(file, view) :]
            self._give(path, entry)
            # After chown, which takes the setuid bit away.
            os.fchmod(file, entry.mode)
            for name, value in entry.xattrs:
                os.setxattr(file, name, value)
            os.utime(file, ns=(entry.mtime * _NANO,) * 2)
        finally:
            os.close(file)
