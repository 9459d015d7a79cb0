"""Reading tar from a stream: ustar, GNU long names and base-256 numbers, pax; nothing else.

Bytes are not trusted: every length has a limit, paths are checked, checksums verified.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, cast

from lockenv.errors import IntegrityError
from lockenv.formats.tar.entry import LONGEST_PATH, Entry, checked_path
from lockenv.formats.tar.write import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.formats.tar.entry import Kind

_KINDS: dict[bytes, str] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "character",
    b"4": "block",
    b"5": "directory",
    b"6": "fifo",
}
#: An extended header holds paths and attributes; Linux limits all attributes of a file to 64 KiB.
_LARGEST_HEADER = 1 << 20
#: Ten times what the largest package known has (texlive's documentation, 200,000).
_MOST_ENTRIES = 2_000_000
#: What an archive may unpack to whatever its own size, and what for each byte of it. Bookworm's
#: largest packages give 60 for one at the most (libjs-moment-timezone, 178, has 212 MB of them).
_ALWAYS, _RATIO = 1 << 30, 200
#: The same of members and their bytes: numix-icon-theme has 30,710 in 63 each, the densest there.
_ALWAYS_ENTRIES, _ENTRY = 50_000, 32
#: POSIX has 32 bits for owners, of which the highest means "leave it"; 2^40 seconds are 34,000
#: years, more than disks can note.
_LARGEST_ID, _LARGEST_TIME = (1 << 32) - 2, 1 << 40
#: Content is handed on in pieces of this size.
_PIECE = 1 << 20
_XATTR = "SCHILY.xattr."
#: What overlay mounts keep for themselves; it would hide files of other layers.
_OVERLAY = ("trusted.overlay.", "user.overlay.")


class Stream(Protocol):
    """Where an archive's bytes come from."""

    def read(self, count: int, /) -> bytes:
        """Up to ``count`` bytes; none at the end."""


class Reader:
    """The members of one archive in order; content is read between one member and the next.

    ``name`` stands for the archive in messages. ``limit`` bounds the sum of all contents;
    ``packed``, the size of the compressed archive, bounds them and the number of members closer.
    """

    def __init__(
        self, stream: Stream, name: str, *, limit: int = 64 << 30, packed: int | None = None
    ) -> None:
        self._stream = stream
        self._name = name
        self._left = limit if packed is None else min(limit, max(_ALWAYS, _RATIO * packed))
        self._most = _MOST_ENTRIES
        if packed is not None:
            self._most = min(_MOST_ENTRIES, _ALWAYS_ENTRIES + packed // _ENTRY)
        self._content = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        records: dict[str, bytes] = {}
        common: dict[str, bytes] = {}
        for _ in range(self._most):
            self._skip()
            block = self._header()
            if block is None:
                return
            flag = block[156:157]
            size = self._number(block[124:136])
            if flag in b"xgLK":
                body = self._extended(size)
                if flag in b"LK":
                    records["path" if flag == b"L" else "linkpath"] = body.rstrip(b"\0")
                else:
                    (common if flag == b"g" else records).update(self._records(body))
                continue
            yield self._entry(block, flag, size, {**common, **records})
            records = {}
        raise self._broken("it holds too many members")

    def content(self) -> Iterator[bytes]:
        """The content of the member that was just yielded, in pieces."""
        while self._content:
            piece = self._stream.read(min(self._content, _PIECE))
            if not piece:
                raise self._broken("it ends inside a member")
            self._content -= len(piece)
            yield piece

    def text(self, limit: int = 16 << 20) -> bytes:
        """The whole content of the member that was just yielded; IntegrityError past ``limit``."""
        if self._content > limit:
            raise self._broken("a member is larger than such a file can be")
        return b"".join(self.content())

    def _header(self) -> bytes | None:
        """The next header block, verified; None at the end of the archive."""
        block = self._stream.read(BLOCK)
        while 0 < len(block) < BLOCK and (more := self._stream.read(BLOCK - len(block))):
            block += more
        if not block.strip(b"\0"):
            return None
        if len(block) < BLOCK:
            raise self._broken("it ends inside a header")
        self._verify(block)
        return block

    def _extended(self, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            raise self._broken("an extended header is too long")
        body = self._exactly(size)
        self._exactly(-size % BLOCK)
        return body

    def _skip(self) -> None:
        for _ in self.content():
            pass
        self._exactly(self._padding)
        self._padding = 0

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = self._stream.read(count)
            if not part:
                raise self._broken("it ends inside a member")
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _broken(self, why: str) -> IntegrityError:
        return IntegrityError(
            "broken-archive",
            f"{self._name} is not a tar archive that can be read",
            why=(why,),
            fix="do not use this file; fetch it again or tell its publisher",
        )

    def _verify(self, block: bytes) -> None:
        stated = self._number(block[148:156])
        real = sum(block) - sum(block[148:156]) + 8 * 0x20
        if stated != real:
            raise self._broken("a header's checksum is wrong")

    def _number(self, field: bytes) -> int:
        if field[0] & 0x80:  # GNU: base 256, big-endian, for what octal cannot hold
            value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
            if value >> 62:
                raise self._broken("a number in a header is out of range")
            return value
        digits = field.strip(b" \0")
        try:
            return int(digits, 8) if digits else 0
        except ValueError:
            raise self._broken("a number in a header is not octal") from None

    def _records(self, body: bytes) -> dict[str, bytes]:
        found = {}
        while body:
            match = re.match(rb"(\d{1,7}) ", body)
            length = int(match[1]) if match else 0
            if not match or length > len(body) or body[length - 1 : length] != b"\n":
                raise self._broken("a pax record is malformed")
            key, equals, value = body[match.end() : length - 1].partition(b"=")
            if not equals:
                raise self._broken("a pax record is malformed")
            found[key.decode("utf-8", "replace")] = value
            body = body[length:]
        return found

    def _decimal(self, text: bytes) -> int:
        try:
            return int(text.partition(b".")[0])
        except ValueError:
            raise self._broken("a pax record is not a number") from None

    def _entry(self, block: bytes, flag: bytes, size: int, records: dict[str, bytes]) -> Entry:
        kind = _KINDS.get(flag)
        if kind is None or any(key.startswith("GNU.sparse.") for key in records):
            raise self._broken(f"it holds a member of type {flag!r}, which no package needs")
        raw = records.get("path")
        if raw is None:
            raw = block[:100].partition(b"\0")[0]
            prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
            raw = prefix + b"/" + raw if prefix else raw
        link = records.get("linkpath", block[157:257].partition(b"\0")[0])
        if kind == "file" and raw.endswith(b"/"):
            kind = "directory"  # as tar before POSIX wrote them
        numbers = {
            "size": size,
            "uid": self._number(block[108:116]),
            "gid": self._number(block[116:124]),
            "mtime": self._number(block[136:148]),
        }
        numbers.update({key: self._decimal(records[key]) for key in numbers if key in records})
        if not (
            0 <= numbers["uid"] <= _LARGEST_ID
            and 0 <= numbers["gid"] <= _LARGEST_ID
            and abs(numbers["mtime"]) <= _LARGEST_TIME
        ):
            raise self._broken("a member has an owner or a time that there is not")
        if any(key.startswith(tuple(_XATTR + one for one in _OVERLAY)) for key in records):
            raise self._broken("a member has an attribute of overlay mounts")
        size = numbers["size"] if kind == "file" else 0
        if size < 0 or size > self._left:
            raise self._broken("its contents are larger than the limit")
        self._left -= size
        self._content, self._padding = size, -size % BLOCK
        target = link.decode("utf-8", "surrogateescape")
        if len(target) > LONGEST_PATH:
            raise self._broken("a link's target is too long")
        if kind == "hardlink":
            target = checked_path(target, self._name)
        path = checked_path(raw.decode("utf-8", "surrogateescape"), self._name)
        if path == "." and kind != "directory":
            raise self._broken("its root is no folder")
        return Entry(
            path=path,
            kind=cast("Kind", kind),  # the table above holds nothing else
            mode=self._number(block[100:108]) & 0o7777,
            uid=numbers["uid"],
            gid=numbers["gid"],
            mtime=numbers["mtime"],
            size=size,
            target=target if kind in {"symlink", "hardlink"} else "",
            device=(self._number(block[329:337]), self._number(block[337:345]))
            if kind in {"character", "block"}
            else (0, 0),
            xattrs=tuple(
                sorted(
                    (key[len(_XATTR) :], value)
                    for key, value in records.items()
                    if key.startswith(_XATTR)
                )
            ),
        )
