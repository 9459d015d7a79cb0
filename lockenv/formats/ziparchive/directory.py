"""The central directory of a zip archive and one of its members, for files of ordinary shape.

Whatever is out of the ordinary is answered with None, for a reader that knows all of the format:
archives behind other data, of several disks, or of more than 4 GiB, encrypted members, names that
are not UTF-8. So both readers see the same members or only one of them sees any.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

#: The end record without its comment, which nothing that builds wheels writes.
END = 22

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x1 | 0x40, 0x800
#: These say that the true number stands in an extra field (zip64).
_ELSEWHERE, _ELSEWHERE_SHORT = 0xFFFFFFFF, 0xFFFF


class Member(NamedTuple):
    """One file of an archive, as its directory has it."""

    name: str
    size: int
    crc: int
    packed: int
    offset: int
    method: int
    extra: int

    @property
    def reach(self) -> int:
        """How many bytes from its offset on surely hold the whole member of an ordinary archive.

        The member's own header may have an extra field that is longer than the directory's.
        """
        return _LOCAL.size + len(self.name.encode()) + self.extra + 64 + self.packed


def directory_place(end: bytes, size: int) -> tuple[int, int] | None:
    """Where the directory of an archive of so many bytes lies: its offset and length.

    ``end`` are the archive's last `END` bytes.
    """
    if len(end) != END:
        return None
    signature, disk, first, here, count, length, offset, comment = _END.unpack(end)
    plain = signature == b"PK\x05\x06" and not (disk or first or comment)
    if not plain or here != count or count == _ELSEWHERE_SHORT:
        return None
    if _ELSEWHERE in (length, offset) or offset + length + END != size:
        return None
    return offset, length


def parse_directory(data: bytes) -> list[Member] | None:
    """The members that a directory names, in its order, without folders."""
    found = []
    at, end = 0, len(data)
    unpack, width = _ENTRY.unpack_from, _ENTRY.size
    while at < end:
        if at + width > end:
            return None
        (
            signature, _, _, flags, method, _, _, crc, packed, size,
            long_name, extra, comment, disk, _, _, offset,
        ) = unpack(data, at)  # fmt: skip
        after = at + width + long_name
        at = after + extra + comment
        unusual = signature != b"PK\x01\x02" or disk or flags & _ENCRYPTED or at > end
        if unusual or _ELSEWHERE in (packed, size, offset):
            return None
        raw = data[after - long_name : after]
        if not raw.isascii() and not flags & _UTF8:
            return None
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            return None
        if "\0" in name or "\\" in name:
            return None
        if not name.endswith("/"):
            found.append(Member(name, size, crc, packed, offset, method, extra))
    return found


def unpack_member(member: Member, data: bytes) -> bytes | None:
    """The content of a member, from the bytes that begin at its offset."""
    if len(data) < _LOCAL.size:
        return None
    signature, _, flags, method, _, _, _, _, _, long_name, extra = _LOCAL.unpack_from(data)
    start = _LOCAL.size + long_name
    name = data[_LOCAL.size : start]
    start += extra
    packed = data[start : start + member.packed]
    if (
        signature != b"PK\x03\x04"
        or flags & _ENCRYPTED
        or method != member.method
        or name != member.name.encode()
        or len(packed) != member.packed
    ):
        return None
    body = _inflated(packed, member.size) if method == _DEFLATED else packed
    if method not in {_STORED, _DEFLATED} or body is None or len(body) != member.size:
        return None
    return body if zlib.crc32(body) == member.crc else None


def _inflated(packed: bytes, size: int) -> bytes | None:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return unpacker.decompress(packed, size + 1)
    except zlib.error:
        return None
