"""Builders of hostile archives: zips and wheels that say one thing and hold another.

    zip_of([Entry("a.txt", b"a"), Entry("../b", b"b")])
    lying_wheel("demo", "1.0", extra=[Entry("demo/link", b"/etc/passwd", mode=0o120777)])

A wheel made here is right in everything but what its `Entry` values say: its RECORD lists them.
`tar_of` and `ar_of` do the same for tars and for what a ``.deb`` is.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.wheels import Built, core_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_MANY = 0xFFFFFFFF
_UTF8 = 0x0800


@dataclass(frozen=True, slots=True)
class Entry:
    """One member. ``mode`` is the whole Unix mode; ``deflate`` and ``zip64`` say how it is packed.

    ``declared`` is the size that the directory names, ``crc`` the checksum; ``flags`` are added to
    its flag bits. ``packed`` stands in for the compressed bytes; ``offset`` for where it begins.
    """

    path: str
    data: bytes = b""
    mode: int = 0o100644
    deflate: bool = True
    zip64: bool = False
    declared: int | None = None
    crc: int | None = None
    flags: int = 0
    method: int | None = None
    local_name: bytes | None = None
    raw_name: bytes | None = None
    packed: bytes | None = None
    offset: int | None = None

    @property
    def packed_data(self) -> bytes:
        """The bytes as they stand in the archive."""
        if self.packed is not None:
            return self.packed
        if not self.deflate:
            return self.data
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        return compressor.compress(self.data) + compressor.flush()


def zip_of(
    entries: Sequence[Entry], *, before: bytes = b"", comment: bytes = b"", zip64: bool = False
) -> bytes:
    """A zip archive of the entries, in order, without asking whether that makes sense."""
    body = io.BytesIO()
    body.write(before)
    directory = b""
    for entry in entries:
        offset = body.tell() if entry.offset is None else entry.offset
        name = entry.path.encode() if entry.raw_name is None else entry.raw_name
        packed = entry.packed_data
        size = len(entry.data) if entry.declared is None else entry.declared
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        method = (8 if entry.deflate else 0) if entry.method is None else entry.method
        flags = _UTF8 | entry.flags
        local = name if entry.local_name is None else entry.local_name
        if entry.offset is None:
            head = _LOCAL.pack(
                b"PK\3\4", 45, flags, method, 0, 33, crc, len(packed), size, len(local), 0
            )
            body.write(head + local + packed)
        extra = b""
        numbers = (len(packed), size, offset)
        if entry.zip64:
            extra = struct.pack("<2H3Q", 1, 24, size, len(packed), offset)
            numbers = (_MANY, _MANY, _MANY)
        directory += _CENTRAL.pack(
            b"PK\1\2", 3 << 8 | 45, 45, flags, method, 0, 33, crc, numbers[0], numbers[1],
            len(name), len(extra), 0, 0, 0, entry.mode << 16, numbers[2],
        )  # fmt: skip
        directory += name + extra
    start = body.tell()
    body.write(directory)
    count, length = len(entries), len(directory)
    if zip64:
        end = body.tell()
        body.write(_END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start))
        body.write(_LOCATOR.pack(b"PK\6\7", 0, end, 1))
        count, length, start = 0xFFFF, _MANY, _MANY
    body.write(_END.pack(b"PK\5\6", 0, 0, count, count, length, start, len(comment)) + comment)
    return body.getvalue()


def lying_wheel(
    name: str,
    version: str,
    *,
    extra: Sequence[Entry] = (),
    files: Mapping[str, bytes] | None = None,
    unlisted: Sequence[Entry] = (),
    record: bytes | None = None,
    entry_points: str | None = None,
    wheel_text: str | None = None,
    metadata: bytes | None = None,
    dist_info: str | None = None,
    filename: str | None = None,
    without: Sequence[str] = (),
) -> Built:
    """A wheel with members of any kind; ``extra`` stand in its RECORD, ``unlisted`` do not.

    ``record`` stands in for RECORD's text; ``without`` names documents of .dist-info to leave out.
    """
    stem = f"{name}-{version}"
    folder = f"{stem}.dist-info" if dist_info is None else dist_info
    text = core_metadata(name, version) if metadata is None else metadata
    plain = {f"{name}.py": b"VERSION = 1\n"} if files is None else dict(files)
    documents = {
        "METADATA": text,
        "WHEEL": (wheel_text or "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n").encode(),
    }
    if entry_points is not None:
        documents["entry_points.txt"] = entry_points.encode()
    members = [Entry(path, data) for path, data in plain.items()]
    members += [*extra]
    members += [
        Entry(f"{folder}/{one}", data) for one, data in documents.items() if one not in without
    ]
    lines = [record_line(one.path, one.data) for one in members if not one.path.endswith("/")]
    lines.append(f"{folder}/RECORD,,")
    listing = ("\n".join(lines) + "\n").encode() if record is None else record
    members += unlisted
    if "RECORD" not in without:
        members.append(Entry(f"{folder}/RECORD", listing))
    return Built(filename or f"{stem}-py3-none-any.whl", zip_of(members), text)


def record_line(path: str, data: bytes) -> str:
    """The line of RECORD for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    quoted = '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path
    return f"{quoted},sha256={digest},{len(data)}"


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member of a tar; ``kind`` is tarfile's type, ``link`` where a link leads.

    ``pax`` are records of its own; ``declared`` is the size that its header names.
    """

    path: str
    data: bytes = b""
    mode: int = 0o644
    mtime: int = 0
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    uid: int = 0
    pax: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None

    @property
    def packed(self) -> bytes:
        """Header, content and what fills the last block."""
        member = tarfile.TarInfo(self.path)
        member.type, member.linkname, member.mode = self.kind, self.link, self.mode
        member.mtime, member.uid = self.mtime, self.uid
        member.pax_headers = dict(self.pax)
        member.size = len(self.data) if self.declared is None else self.declared
        head = member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        return head + self.data + bytes(-len(self.data) % tarfile.BLOCKSIZE)


def tar_of(entries: Iterable[TarEntry]) -> bytes:
    """An uncompressed tar of the entries, in order."""
    return b"".join(entry.packed for entry in entries) + bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class ArMember:
    """One member of an ar archive; ``size`` is what its header says where that is not true."""

    name: str
    data: bytes = b""
    size: str | None = None


def ar_of(members: Iterable[ArMember], *, magic: bytes = b"!<arch>\n") -> bytes:
    """An ar archive as a ``.deb`` is one, of any members in any order."""
    parts = [magic]
    for member in members:
        size = str(len(member.data)) if member.size is None else member.size
        head = f"{member.name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size:<10}`\n"
        parts += [head.encode(), member.data, b"\n" * (len(member.data) % 2)]
    return b"".join(parts)
