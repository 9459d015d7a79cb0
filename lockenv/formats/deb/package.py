"""The outside of a ``.deb``: an ar archive of debian-binary, control and data (deb(5))."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol

import zstandard

from lockenv.errors import IntegrityError
from lockenv.formats.deb.unpacked import parse_control
from lockenv.formats.tar import Reader
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import WriteableBuffer

_MAGIC = b"!<arch>\n"
_MEMBER = 60
#: Scripts and lists; the largest control members known (texlive's md5sums) take 20 MB.
_LARGEST_CONTROL = 64 << 20
#: zstd windows up to 128 MiB, the most that `zstd --ultra` writes without `--long`.
_LARGEST_WINDOW = 1 << 27
#: How much compressed data is read at once, and how much is decoded.
_PIECE, _DECODED = 256 << 10, 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package's control member.

    ``fields`` is its control file in the order of the file; ``files`` maps every member's name
    (``control`` included) to its text; ``modes`` to its mode.
    """

    fields: Mapping[str, str]
    files: Mapping[str, bytes]
    modes: Mapping[str, int]


class _Decoder(Protocol):
    def read(self, count: int, /) -> bytes: ...


class _Member(io.RawIOBase):
    """One member's bytes as a file of their own."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self._file = file
        self._left = size
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        count = min(self._left, len(view))
        piece = self._file.read(count)
        if len(piece) < count:
            raise _broken(self._name, "it is shorter than its headers say")
        self._left -= count
        view[:count] = piece
        return count


class DataStream:
    """The decoded bytes of one member of the ar archive, read from the start to the end."""

    def __init__(self, decoder: _Decoder, name: str) -> None:
        self._decoder = decoder
        self._name = name
        self._ready = memoryview(b"")

    def read(self, count: int, /) -> bytes:
        """Up to ``count`` bytes; none at the end. IntegrityError for bytes that do not decode."""
        if not self._ready:
            self._ready = memoryview(self._decoded())
        part = bytes(self._ready[:count])
        self._ready = self._ready[count:]
        return part

    def _decoded(self) -> bytes:
        # Much at once: each call of a decoder takes and gives back the interpreter's lock.
        try:
            return self._decoder.read(_DECODED)
        except (lzma.LZMAError, zlib.error, OSError, EOFError, zstandard.ZstdError) as error:
            raise _broken(self._name, f"a member does not decode: {error}") from error


def _broken(name: str, why: str) -> IntegrityError:
    return IntegrityError(
        "broken-deb",
        f"{name} is not a Debian package that can be read",
        why=(why,),
        fix="do not use this file; fetch it again or tell its publisher",
    )


def _decoder(file: io.BufferedReader[_Member], member: str, name: str) -> _Decoder:
    """A reader of the decoded bytes that never holds more than it is asked for."""
    suffix = member.rpartition(".tar")[2]
    if suffix == "":
        return file
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=file, mode="rb")
    if suffix in {".xz", ".lzma"}:
        return lzma.LZMAFile(file)
    if suffix == ".bz2":
        return bz2.BZ2File(file)
    if suffix == ".zst":
        decoder = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        return decoder.stream_reader(file, read_across_frames=True)
    raise _broken(name, f"{member} has a compression that deb(5) does not know")


def _members(file: BinaryIO, name: str) -> dict[str, tuple[int, int]]:
    """Where each member lies: its offset and size, by name."""
    file.seek(0, 2)
    end = file.tell()
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        raise _broken(name, "it is not an ar archive")
    found: dict[str, tuple[int, int]] = {}
    # deb(5): debian-binary, control, data; members whose names begin with _ may follow.
    while len(found) < 16:
        header = file.read(_MEMBER)
        if not header.strip():
            return found
        digits = header[48:58].strip()
        if len(header) < _MEMBER or header[58:] != b"`\n" or not digits.isdigit():
            raise _broken(name, "a header of the ar archive is malformed")
        offset, size = file.tell(), int(digits)
        if offset + size > end:
            raise _broken(name, "it is shorter than its headers say")
        found[header[:16].decode("ascii", "replace").strip().rstrip("/")] = (offset, size)
        file.seek(offset + size + size % 2)
    raise _broken(name, "it has too many members")


def _open(file: BinaryIO, name: str, kind: str) -> DataStream:
    members = _members(file, name)
    fitting = [member for member in members if member == kind or member.startswith(f"{kind}.")]
    if "debian-binary" not in members or len(fitting) != 1:
        raise _broken(name, f"it must have debian-binary and one {kind}, it has {sorted(members)}")
    offset, size = members[fitting[0]]
    file.seek(offset)
    member = io.BufferedReader(_Member(file, size, name), _PIECE)
    return DataStream(_decoder(member, fitting[0], name), name)


def read_package(file: BinaryIO, name: str) -> Package:
    """The control member of the package that an open file holds; ``name`` is for messages."""
    files: dict[str, bytes] = {}
    modes: dict[str, int] = {}
    reader = Reader(_open(file, name, "control.tar"), name, limit=_LARGEST_CONTROL)
    for entry in reader:
        if entry.path in files or "/" in entry.path:
            raise _broken(name, f"its control member holds {entry.path[:200]!r}, twice or deeper")
        if entry.kind == "file":
            files[entry.path] = reader.text(_LARGEST_CONTROL)
            modes[entry.path] = entry.mode
    if "control" not in files:
        raise _broken(name, "its control member holds no control file")
    return Package(fields=parse_control(files["control"], name), files=files, modes=modes)


def open_data(file: BinaryIO, name: str) -> DataStream:
    """The data member as a stream of tar; the file is read as the stream is."""
    return _open(file, name, "data.tar")
