"""The members of a source archive in an order in which they can be written one after the other.

Source distribution format (PEP 625): a gzipped tar with one top folder; older ones are zip files or
compressed otherwise. Nothing that is yielded leads out of the folder that it is unpacked into, also
through links: a member never lies below a link, and a link leads nowhere outside. `IntegrityError`
for everything else.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import stat
import zipfile
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

from lockenv.errors import IntegrityError
from lockenv.formats.tar import Reader
from lockenv.formats.wheel import collision_key, path_fault
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    _Stream: TypeAlias = "IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile"

SourceKind: TypeAlias = Literal["file", "directory", "symlink", "hardlink"]

#: The largest sdists known have some 60,000 members and unpack to less than a GiB.
MEMBERS = 200_000
LIMIT = 4 << 30
#: Content is handed on in pieces of this size.
_PIECE = 1 << 20
#: A link's target in a zip file is its content; Linux opens no longer path.
_LONGEST_TARGET = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMember:
    """One member. ``path`` is relative and plain; ``mtime`` is in whole seconds since 1970.

    ``target`` is a symbolic link's text, or the path of the earlier file that a hard link shares.
    ``content`` gives a file's bytes in pieces, and must be used up before the next member is asked
    for.
    """

    path: str
    kind: SourceKind = "file"
    executable: bool = False
    mtime: int = 0
    target: str = ""
    content: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), repr=False)


def read_source_members(stream: IO[bytes], name: str) -> Iterator[SourceMember]:
    """The members of an archive whose bytes a seekable stream has; ``name`` is for messages."""
    check = _Checks(name)
    start = stream.read(6)
    stream.seek(0)
    found = _zip_members if start.startswith(b"PK\x03\x04") else _tar_members
    with _sound(name):
        for member in found(stream, start, name):
            checked = check.checked(member)
            if checked is not None:
                yield checked


@contextmanager
def _sound(name: str) -> Iterator[None]:
    """Whatever a damaged or hostile archive makes the libraries raise."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        RuntimeError,
        ValueError,
        OverflowError,
        IndexError,  # zipfile, for a member without a name
    ) as error:
        raise _broken(name, str(error)) from error
    except OSError as error:
        # The decoders of gzip and bzip2 say so of broken data; what the disk refuses has a number.
        if error.errno is not None:
            raise
        raise _broken(name, str(error)) from error


def _soundly(name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with _sound(name):
        yield from pieces


def _tar_members(stream: IO[bytes], start: bytes, name: str) -> Iterator[SourceMember]:
    reader = Reader(_decompressed(stream, start), name, limit=LIMIT)
    for entry in reader:
        if entry.kind not in {"file", "directory", "symlink", "hardlink"}:
            raise _broken(name, f"it holds a {entry.kind} device or pipe: {entry.path[:200]!r}")
        yield SourceMember(
            path=entry.path,
            kind=entry.kind,
            executable=bool(entry.mode & 0o100),
            mtime=entry.mtime,
            target=entry.target,
            content=reader.content,
        )


def _decompressed(stream: IO[bytes], start: bytes) -> _Stream:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=stream)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(stream)
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(stream)
    return stream


def _zip_members(stream: IO[bytes], start: bytes, name: str) -> Iterator[SourceMember]:
    del start
    left = LIMIT
    with zipfile.ZipFile(stream) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            left -= entry.file_size
            if left < 0:
                raise _broken(name, "its contents are larger than the limit")
            kind: SourceKind = "directory" if entry.is_dir() else "file"
            target = ""
            if stat.S_ISLNK(mode):
                if entry.file_size > _LONGEST_TARGET:
                    raise _broken(name, "a link's target is too long")
                kind, target = "symlink", archive.read(entry).decode("utf-8")
            yield SourceMember(
                path=entry.filename,
                kind=kind,
                executable=bool(mode & 0o100),
                mtime=_time(entry),
                target=target,
                content=lambda entry=entry: _zip_content(archive, entry, name),  # type: ignore[misc]  # binds the loop's variable
            )


def _zip_content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    left = entry.file_size
    with archive.open(entry) as content:
        while piece := content.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise _broken(name, "a member is larger than it says")
            yield piece


def _time(entry: zipfile.ZipInfo) -> int:
    """A zip file knows no time zone: its times are read as UTC, so they are the same anywhere."""
    try:
        return int(datetime(*entry.date_time, tzinfo=UTC).timestamp())
    except ValueError:
        return 0


class _Checks:
    """What was yielded so far, as far as later members depend on it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._files: set[str] = set()
        self._links: set[str] = set()
        self._folders: set[str] = set()

    def checked(self, member: SourceMember) -> SourceMember | None:
        """The member with a plain path; None for the root itself."""
        self._count += 1
        if self._count > MEMBERS:
            raise _broken(self._name, "it holds too many members")
        path = self._plain(member.path)
        if path is None:
            return None
        key = collision_key(path)
        self._refuse_below_others(path)
        if member.kind == "directory":
            if key in self._links or key in self._files:
                raise self._unsafe(path, "it is a folder, and was something else before")
            self._folders.add(key)
        else:
            if key in self._folders:
                raise self._unsafe(path, "it was a folder before")
            self._links.discard(key)
            self._files.discard(key)
        target = member.target
        if member.kind == "symlink":
            self._check_target(path, target)
            self._links.add(key)
        elif member.kind == "hardlink":
            target = self._plain(target) or ""
            if collision_key(target) not in self._files:
                raise self._unsafe(path, f"it shares {target[:200]!r}, which is no file of it")
            self._files.add(key)
        elif member.kind == "file":
            self._files.add(key)
        return SourceMember(
            path=path,
            kind=member.kind,
            executable=member.executable,
            mtime=member.mtime,
            target=target,
            content=lambda: _soundly(self._name, member.content()),
        )

    def _plain(self, path: str) -> str | None:
        parts = [part for part in path.split("/") if part not in {"", "."}]
        plain = "/".join(parts)
        if path.startswith("/"):
            raise self._unsafe(path, "is absolute")
        fault = path_fault(plain) if plain else None
        if fault is not None:
            raise self._unsafe(path, fault)
        return plain or None

    def _refuse_below_others(self, path: str) -> None:
        """Every folder above a member is a real folder, however a file system spells it."""
        parts = collision_key(path).split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if above in self._links or above in self._files:
                raise self._unsafe(path, "it lies below something that is no folder")
            self._folders.add(above)

    def _check_target(self, path: str, target: str) -> None:
        """Up first, and no further than the root; then only down.

        Folders above the link are real, so going up from it is what it seems; whatever links the
        way down may meet lead inside likewise.
        """
        parts = [part for part in target.split("/") if part not in {"", "."}]
        ups = 0
        while ups < len(parts) and parts[ups] == "..":
            ups += 1
        depth = posixpath.dirname(path).count("/") + 1 if "/" in path else 0
        rest = parts[ups:]
        if (
            not target
            or target.startswith("/")
            or ups > depth
            or ".." in rest
            or (rest and path_fault("/".join(rest)) is not None)
        ):
            raise self._unsafe(path, f"it is a link to {target[:200]!r}, which leads out")

    def _unsafe(self, path: str, why: str) -> IntegrityError:
        return IntegrityError(
            "unsafe-path",
            f"{self._name} holds a member that must not be unpacked",
            why=[f"member {path[:200]!r}: {why}"],
            fix="do not use this file; tell its publisher",
        )


def _broken(name: str, why: str) -> IntegrityError:
    return IntegrityError(
        "broken-archive",
        f"{name} is not a source archive that can be read",
        why=[why],
        fix="do not use this file; fetch it again or tell its publisher",
    )
