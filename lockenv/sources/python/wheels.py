"""The metadata of a wheel, read from its tail: the directory of a zip file stands at its end."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.formats.contents import render_listing
from lockenv.formats.metadata import LIMIT, MetadataError
from lockenv.formats.ziparchive import END, directory_place, parse_directory, unpack_member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.fetch import RemoteFile


def read_tail(file: RemoteFile, name: str) -> tuple[bytes, bytes]:
    """The bytes of METADATA of a wheel, and the list of its files in the form that is kept.

    `MetadataError` where there is none to be found.
    """
    found = _read_quickly(file, name)
    if found is not None:
        return found
    try:
        with zipfile.ZipFile(_Seekable(file)) as archive:
            return _read(archive, name), _listed(archive)
    # What a hostile archive can make zipfile raise.
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        RuntimeError,
        EOFError,
        ValueError,
        OverflowError,
        OSError,
    ) as error:
        if isinstance(error, MetadataError):
            raise
        raise MetadataError(f"it is no sound wheel: {error}") from error


def _read_quickly(file: RemoteFile, name: str) -> tuple[bytes, bytes] | None:
    """What `read_tail` says of an ordinary archive, in two requests at most; None for others."""
    place = directory_place(file.tail(END), file.size)
    members = parse_directory(file.at(*place)) if place is not None else None
    if place is None or members is None:
        return None
    paths = [member.name for member in members]
    # Only the other reader knows which of two members of one name counts.
    if len(set(paths)) != len(paths):
        return None
    wanted = _metadata_path(paths, name)
    member = next(one for one in members if one.name == wanted)
    if member.size > LIMIT:
        raise MetadataError(f"its METADATA is larger than {LIMIT} bytes")
    if member.offset > place[0] or member.packed > LIMIT:
        return None
    body = unpack_member(
        member, file.at(member.offset, min(member.reach, place[0] - member.offset))
    )
    if body is None:
        return None
    return body, render_listing((one.name, one.size, one.crc) for one in members)


def _metadata_path(paths: Sequence[str], name: str) -> str:
    """The one path of METADATA that a wheel of this name has."""
    found = [
        path for path in paths if path.endswith(".dist-info/METADATA") and path.count("/") == 1
    ]
    if not found:
        raise MetadataError("it has no METADATA")
    if len(found) > 1:
        raise MetadataError("it has more than one METADATA")
    owner = found[0].partition(".dist-info")[0].rpartition("-")[0]
    if canonicalize_name(owner) != canonicalize_name(name):
        raise MetadataError(f"its METADATA is in {found[0]}, not in a folder of {name}")
    return found[0]


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    entries = archive.infolist()
    wanted = _metadata_path([entry.filename for entry in entries], name)
    entry = next(one for one in entries if one.filename == wanted)
    if entry.file_size > LIMIT:
        raise MetadataError(f"its METADATA is larger than {LIMIT} bytes")
    with archive.open(entry) as stream:
        return stream.read(LIMIT)


def _listed(archive: zipfile.ZipFile) -> bytes:
    files = (entry for entry in archive.infolist() if not entry.is_dir())
    return render_listing((entry.filename, entry.file_size, entry.CRC) for entry in files)


class _Seekable(io.RawIOBase):
    """A remote file as zipfile wants it."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def seekable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move there."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise ValueError("negative place in a file")
        self._at = start + offset
        return self._at

    def read(self, count: int = -1, /) -> bytes:
        """Up to so many bytes."""
        left = max(self._file.size - self._at, 0)
        count = left if count < 0 else min(count, left)
        data = self._file.at(self._at, count) if count else b""
        self._at += len(data)
        return data
