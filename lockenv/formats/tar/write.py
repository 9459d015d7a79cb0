"""Tar headers, deterministic: ustar (POSIX.1-1988), and pax records (2001) where it is too small.

Numeric owners only; no names, access times or devices of ours. One entry always gives the same
bytes, in every version of Python, which the standard library's writer does not promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.tar.entry import sort_key

if TYPE_CHECKING:
    from lockenv.formats.tar.entry import Entry

BLOCK = 512
#: Two blocks of zeros end an archive; we add no padding to a record of 10 KiB.
END = bytes(2 * BLOCK)

_TYPES = {
    "file": b"0",
    "hardlink": b"1",
    "symlink": b"2",
    "character": b"3",
    "block": b"4",
    "directory": b"5",
    "fifo": b"6",
}
#: What the octal fields of ustar can hold.
_LARGEST_ID = 0o7777777
_LARGEST_SIZE = 0o77777777777
_LARGEST_TIME = 0o77777777777


def padding(size: int) -> bytes:
    """The zeros that fill a file's last block."""
    return bytes(-size % BLOCK)


def render_header(entry: Entry) -> bytes:
    """The blocks that stand before an entry's content."""
    name = sort_key(entry.path)
    if entry.kind == "directory":
        name += b"/"
    records: list[tuple[bytes, bytes]] = []
    prefix, short = _split(name)
    if short is None or not name.isascii():
        records.append((b"path", name))
        prefix, short = b"", name[:100]
    link = sort_key(entry.target)
    if len(link) > 100 or not link.isascii():
        records.append((b"linkpath", link))
        link = link[:100]
    size = entry.size if entry.kind == "file" else 0
    numbers = {
        b"uid": (entry.uid, _LARGEST_ID),
        b"gid": (entry.gid, _LARGEST_ID),
        b"size": (size, _LARGEST_SIZE),
        b"mtime": (entry.mtime, _LARGEST_TIME),
    }
    fitting = {}
    for key, (value, largest) in numbers.items():
        if 0 <= value <= largest:
            fitting[key] = value
        else:
            fitting[key] = 0
            records.append((key, str(value).encode()))
    records += [(b"SCHILY.xattr." + key.encode(), value) for key, value in sorted(entry.xattrs)]
    head = _ustar(
        (prefix, short),
        entry,
        link,
        (fitting[b"uid"], fitting[b"gid"], fitting[b"size"], fitting[b"mtime"]),
    )
    return (_pax(records, name) if records else b"") + head


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    """The name as ustar's prefix and name, at the rightmost slash that fits; None if none does."""
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut > 0 and len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1 :]
    return b"", None


def _ustar(
    names: tuple[bytes, bytes], entry: Entry, link: bytes, numbers: tuple[int, int, int, int]
) -> bytes:
    prefix, name = names
    uid, gid, size, mtime = numbers
    major, minor = entry.device
    header = b"".join(
        (
            name.ljust(100, b"\0"),
            b"%07o\0" % (entry.mode & 0o7777),
            b"%07o\0" % uid,
            b"%07o\0" % gid,
            b"%011o\0" % size,
            b"%011o\0" % mtime,
            b" " * 8,
            _TYPES[entry.kind],
            link.ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(64),
            b"%07o\0" % major,
            b"%07o\0" % minor,
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _pax(records: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    """An extended header (typeflag x) with these records, sorted by key."""
    body = b"".join(_record(key, value) for key, value in sorted(records))
    # The member's own name is not looked at by readers; POSIX proposes this one.
    label = b"PaxHeaders/" + name.rstrip(b"/").rpartition(b"/")[2][:80]
    header = b"".join(
        (
            label.ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2,
            b"%011o\0" % len(body),
            b"%011o\0" % 0,
            b" " * 8,
            b"x",
            bytes(100),
            b"ustar\x0000",
            bytes(64),
            b"0000000\0" * 2,
            bytes(155 + 12),
        )
    )
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    return header + body + padding(len(body))


def _record(key: bytes, value: bytes) -> bytes:
    """``length key=value newline``, where the length counts its own digits."""
    bare = len(key) + len(value) + 3
    length = bare + len(str(bare))
    if len(str(length)) > len(str(bare)):
        length += 1
    return b"%d %s=%s\n" % (length, key, value)
