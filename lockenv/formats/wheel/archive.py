"""The members of a zip archive from a stranger, read so that nothing in it is taken on trust.

Follows APPNOTE 6.3 as far as the wheel specification needs it: stored and deflated members, zip64,
UTF-8 names. The central directory rules; a local header that says otherwise, data that overlap,
bytes before the first member's, several disks, encryption, links, devices and set-user-ID bits are
refused, as is what would unpack to absurd amounts.
"""

from __future__ import annotations

import stat
import struct
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn

from lockenv.errors import IntegrityError
from lockenv.formats.wheel.inflate import crc32, inflater
from lockenv.formats.wheel.paths import first_collision, path_fault
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_LONGEST_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
#: Flag bits: encrypted, strong encryption, masked headers; UTF-8 names.
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8 = 0x0800
_STORED, _DEFLATED = 0, 8
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold, in members and bytes.

    ``ratio`` bounds the unpacked size against that of the archive, but only where more than
    ``always`` bytes would come out: small archives of repetitive text are common and harmless.
    """

    members: int = 500_000
    directory: int = 128 << 20
    total: int = 64 << 30
    ratio: int = 200
    always: int = 256 << 20


LIMITS = Limits()


class Member(NamedTuple):
    """One file of an archive: where its bytes are, and what they must turn out to be.

    ``end`` is where the next member or the directory begins: its data may not reach beyond.
    """

    path: str
    size: int
    compressed: int
    crc: int
    method: int
    offset: int
    end: int
    raw_name: bytes
    is_executable: bool


def read_members(file: BinaryIO, name: str, limits: Limits = LIMITS) -> tuple[Member, ...]:
    """Every file of the archive (folders left out), in the order of their data.

    ``name`` is the archive's for messages. Raises `IntegrityError` for anything unsound.
    """
    size = file.seek(0, 2)
    count, length, offset, end = _find_directory(file, size, name)
    if count > limits.members or length > limits.directory:
        _refuse(name, "archive-bomb", f"lists {count} members in {length} bytes")
    if offset + length != end:
        _refuse(name, "archive-damaged", "has bytes that belong to no member")
    file.seek(offset)
    directory = file.read(length)
    members = sorted(_parse_directory(directory, count, name), key=lambda member: member.offset)
    starts = [member.offset for member in members[1:]] + [offset]
    sound = tuple(
        member._replace(end=start)
        for member, start in zip(members, starts, strict=True)
        if not _is_folder(member, name)
    )
    for member, start in zip(members, starts, strict=True):
        if member.offset + _LOCAL.size + len(member.raw_name) + member.compressed > start:
            _refuse(name, "archive-overlap", f"has members that overlap, at {member.path!r}")
    _check_amount(sound, size, name, limits)
    collision = first_collision(member.path for member in sound)
    if collision is not None:
        one, other = collision
        _refuse(
            name, "archive-duplicate", f"has two members that are one file: {one!r} and {other!r}"
        )
    return sound


def read_member(file: BinaryIO, member: Member, name: str, limit: int = 64 << 20) -> bytes:
    """The whole content of a member of at most ``limit`` bytes."""
    if member.size > limit:
        _refuse(name, "archive-bomb", f"has {member.size} bytes in {member.path!r}")
    return b"".join(stream_member(file, member, name))


def stream_member(file: BinaryIO, member: Member, name: str) -> Iterator[bytes]:
    """The content of a member in pieces of about a megabyte.

    Length and CRC are compared with the directory; `IntegrityError` comes after the last good
    piece, so whatever was written by then must be thrown away.
    """
    base, span = 0, member.end - member.offset
    if span <= _CHUNK:  # most are small: one look at the disk for head and data
        file.seek(member.offset)
        file, base = BytesIO(file.read(span)), member.offset
    file.seek(member.offset - base)
    header = file.read(_LOCAL.size)
    if len(header) != _LOCAL.size or header[:4] != b"PK\3\4":
        _refuse(name, "archive-damaged", f"has no local header for {member.path!r}")
    _, _, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack(header)
    local_name = file.read(name_length)
    start = member.offset + _LOCAL.size + name_length + extra_length
    if local_name != member.raw_name or method != member.method or flags & _ENCRYPTED:
        _refuse(name, "archive-damaged", f"describes {member.path!r} in two different ways")
    if start + member.compressed > member.end:
        _refuse(name, "archive-overlap", f"has members that overlap, at {member.path!r}")
    file.seek(start - base)
    crc, length = 0, 0
    for piece in _pieces(file, member, name):
        length += len(piece)
        if length > member.size:
            _refuse(name, "archive-bomb", f"holds more in {member.path!r} than it declares")
        crc = crc32(piece, crc)
        yield piece
    if length != member.size or crc != member.crc:
        _refuse(name, "archive-damaged", f"holds other bytes in {member.path!r} than it declares")


def _pieces(file: BinaryIO, member: Member, name: str) -> Iterator[bytes]:
    if member.method == _STORED:
        return _stored_pieces(file, member, name)
    return _inflated_pieces(file, member, name)


def _stored_pieces(file: BinaryIO, member: Member, name: str) -> Iterator[bytes]:
    left = member.compressed
    while left:
        piece = file.read(min(left, _CHUNK))
        if not piece:
            _refuse(name, "archive-damaged", f"ends inside {member.path!r}")
        left -= len(piece)
        yield piece


def _inflated_pieces(file: BinaryIO, member: Member, name: str) -> Iterator[bytes]:
    left = member.compressed
    inflate = inflater()
    pending = b""
    # One byte beyond what is declared, so that an overlong stream shows itself.
    most = min(_CHUNK, member.size) + 1
    while not inflate.eof:
        if not pending and left:
            pending = file.read(min(left, _CHUNK))
            left -= len(pending)
        try:
            piece = inflate.decompress(pending, most)
        except Exception:  # noqa: BLE001 - the error classes of the two libraries share no name
            _refuse(name, "archive-damaged", f"has broken compressed data in {member.path!r}")
        if not piece and not pending and not inflate.eof:
            break  # nothing more to give it, and it wants more
        pending = inflate.unconsumed_tail
        if piece:
            yield piece
    if not inflate.eof or left or inflate.unused_data:
        _refuse(name, "archive-damaged", f"has broken compressed data in {member.path!r}")


def _find_directory(file: BinaryIO, size: int, name: str) -> tuple[int, int, int, int]:
    """Members, length and offset of the central directory, and where it must end."""
    tail_size = min(size, _END.size + _LONGEST_COMMENT)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    place = len(tail)
    while (place := tail.rfind(b"PK\5\6", 0, place)) >= 0:
        record = tail[place : place + _END.size]
        if len(record) == _END.size and place + _END.size + _END.unpack(record)[7] == len(tail):
            break
    else:
        _refuse(name, "archive-damaged", "is not a zip archive, or is cut off")
    _, disk, first_disk, on_disk, count, length, offset, _ = _END.unpack(record)
    end = size - tail_size + place
    file.seek(max(0, end - _END64_LOCATOR.size))
    locator = file.read(_END64_LOCATOR.size) if end >= _END64_LOCATOR.size else b""
    if locator.startswith(b"PK\6\7"):
        _, _, end64, _ = _END64_LOCATOR.unpack(locator)
        file.seek(min(end64, size))
        record = file.read(_END64.size)
        if len(record) != _END64.size or not record.startswith(b"PK\6\6"):
            _refuse(name, "archive-damaged", "has a broken zip64 directory")
        _, _, _, _, disk, first_disk, on_disk, count, length, offset = _END64.unpack(record)
        end = end64
    if disk or first_disk or on_disk != count:
        _refuse(name, "archive-damaged", "is one disk of several")
    return count, length, offset, end


def _parse_directory(directory: bytes, count: int, name: str) -> Iterator[Member]:
    place = 0
    for _ in range(count):
        fixed = directory[place : place + _CENTRAL.size]
        if len(fixed) != _CENTRAL.size or not fixed.startswith(b"PK\1\2"):
            _refuse(name, "archive-damaged", "has a broken directory")
        (
            _, _, _, _, _, flags, method, _, _, crc, compressed, size,
            name_length, extra_length, comment_length, disk, _, attributes, offset,
        ) = _CENTRAL.unpack(fixed)  # fmt: skip
        name_end = place + _CENTRAL.size + name_length
        raw_name = directory[place + _CENTRAL.size : name_end]
        extra = directory[name_end : name_end + extra_length]
        place = name_end + extra_length + comment_length
        if place > len(directory):
            _refuse(name, "archive-damaged", "has a broken directory")
        path = _decode_name(raw_name, flags, name)
        if _IN_ZIP64 in {size, compressed, offset}:
            size, compressed, offset = _zip64(extra, size, compressed, offset, name)
        if flags & _ENCRYPTED:
            _refuse(name, "archive-encrypted", f"has an encrypted member {path!r}")
        if method not in {_STORED, _DEFLATED} or disk:
            _refuse(name, "archive-unsupported", f"packs {path!r} in a way that wheels may not use")
        is_executable = _check_mode(path, attributes >> 16, name)
        yield Member(
            path, size, compressed, crc, method, offset, 0, raw_name, is_executable
        )  # the end is known when all are
    if place != len(directory):
        _refuse(name, "archive-damaged", "has a broken directory")


def _decode_name(raw: bytes, flags: int, name: str) -> str:
    try:
        # APPNOTE D.1: without the flag a name is in code page 437.
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        _refuse(name, "unsafe-path", f"has a member whose name is not text: {raw[:80]!r}")


def _zip64(
    extra: bytes, size: int, compressed: int, offset: int, name: str
) -> tuple[int, int, int]:
    """The three numbers with those that did not fit taken from the zip64 field (APPNOTE 4.5.3)."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        field = extra[place + 4 : place + 4 + length]
        place += 4 + length
        if kind == 1:
            numbers = list(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            missing = [value == _IN_ZIP64 for value in (size, compressed, offset)]
            if len(numbers) >= sum(missing):
                size = numbers.pop(0) if missing[0] else size
                compressed = numbers.pop(0) if missing[1] else compressed
                return size, compressed, numbers.pop(0) if missing[2] else offset
    return _refuse(name, "archive-damaged", "has a broken zip64 directory")


def _check_mode(path: str, mode: int, name: str) -> bool:
    """Whether the member is an executable file; refuses what is neither file nor folder."""
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        _refuse(name, "archive-link", f"has a symbolic link {path!r}")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        _refuse(name, "archive-device", f"has a member that is not a file: {path!r}")
    if kind == stat.S_IFDIR and not path.endswith("/"):
        _refuse(name, "archive-device", f"has a member that is not a file: {path!r}")
    if kind != stat.S_IFDIR and mode & (stat.S_ISUID | stat.S_ISGID):
        _refuse(name, "archive-set-id", f"has a member with a set-ID bit: {path!r}")
    return kind == stat.S_IFREG and bool(mode & 0o111)


def _is_folder(member: Member, name: str) -> bool:
    is_folder = member.path.endswith("/")
    fault = path_fault(member.path.removesuffix("/"))
    if fault is not None:
        _refuse(name, "unsafe-path", f"has a member whose path {fault}: {member.path!r}")
    if is_folder and member.size:
        _refuse(name, "archive-damaged", f"has bytes in a folder: {member.path!r}")
    return is_folder


def _check_amount(members: tuple[Member, ...], size: int, name: str, limits: Limits) -> None:
    total = sum(member.size for member in members)
    if total > limits.total or (total > limits.always and total > limits.ratio * size):
        _refuse(name, "archive-bomb", f"has {size} bytes and would unpack to {total}")
    for member in members:
        if member.method == _STORED and member.size != member.compressed:
            _refuse(name, "archive-damaged", f"has two sizes for {member.path!r}")


def _refuse(name: str, slug: str, fact: str) -> NoReturn:
    raise IntegrityError(
        slug,
        f"{name} {fact}",
        why=["such an archive is refused whole; nothing of it was used"],
        fix=["do not use this file; report it to the index that serves it"],
    )
