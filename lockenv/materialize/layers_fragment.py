"""Fragments: the compressed pieces that layers are made of, one a package, kept in the store.

A fragment is the tar members of one package or wheel, cut every 8 MiB and each piece compressed
alone, beside an index of its entries. Layers are fragments one after another, so a package is
decoded and compressed once for all images that hold it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING, TypeAlias, cast

from lockenv.errors import IntegrityError
from lockenv.formats.oci import PIECE
from lockenv.formats.tar import Entry, Kind, padding, render_header
from lockenv.materialize.layers_store import RotError
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from lockenv.formats.oci import Buffer, Compressor

Opener: TypeAlias = "Callable[[str, int], int]"
#: OCI image-layout: a name that begins so takes away what lower layers have.
MARK = ".wh."
_READ = 1 << 20
#: What `finish` writes behind an index: its name, 64 digits, and what closes the document.
_DIGEST = len(b',"digest":""}') + 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A fragment in the store: ``pieces`` are (compressed, raw) sizes; ``newest`` the latest time.

    ``directories`` are wanted by the entries but are members of no fragment: layers write them.
    ``crc`` is the sum of the compressed data, which shows what a disk has spoilt.
    ``facts`` is what its maker keeps with it (a package's control fields, say); ``digest`` tells it
    from every fragment that holds anything else. ``fresh``: this process wrote it just now.
    """

    data: Path
    pieces: tuple[tuple[int, int], ...]
    crc: int
    entries: tuple[Entry, ...]
    directories: tuple[Entry, ...]
    facts: dict[str, str]
    digest: str = ""
    fresh: bool = False

    def check(self) -> None:
        """Read it whole before it is used; RotError, and it is gone, where it is another by now."""
        if not (self.fresh or self.is_sound()):
            self.discard()
            raise RotError(self.data.name)

    def is_sound(self) -> bool:
        """Whether the data is what was written."""
        crc = 0
        try:
            with self.data.open("rb", buffering=0) as file:
                while piece := file.read(_READ):
                    crc = zlib.crc32(piece, crc)
        except OSError:
            return False
        return crc == self.crc

    def discard(self) -> None:
        """Take it out of the store."""
        self.data.with_suffix(".json").unlink(missing_ok=True)
        self.data.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Bytes of tar, uncompressed."""
        return sum(raw for _, raw in self.pieces)


class FragmentWriter:
    """Writes one fragment: members in the order in which they are added."""

    def __init__(self, temporary: Path, compressor: Compressor) -> None:
        self._temporary = temporary
        self._file = self._temporary.open("wb")
        self._compressor = compressor
        self._waiting = bytearray()
        self._pieces: list[tuple[int, int]] = []
        self._crc = 0
        self._entries: list[Entry] = []

    def add(self, entry: Entry, content: Iterable[bytes] = ()) -> Entry:
        """A member; the entry with its content's digest. The content must have the entry's size.

        IntegrityError for a name that would take another file out of the image.
        """
        if entry.path.rpartition("/")[2].startswith(MARK):
            raise IntegrityError(
                "mark-in-package",
                "a file's name would take another file out of the image",
                why=(f"/{entry.path}", f"in a layer, names that begin with {MARK} mean that"),
                fix="leave out what brings this file",
            )
        return self.add_mark(entry, content)

    def add_mark(self, entry: Entry, content: Iterable[bytes] = ()) -> Entry:
        """As `add`, also of marks that take something away."""
        self._waiting += render_header(entry)
        if entry.kind == "file":
            hasher, size = hashlib.sha256(), 0
            for piece in content:
                hasher.update(piece)
                size += len(piece)
                self._waiting += piece
                self._flush()
            if size != entry.size:
                raise ValueError(f"{entry.path}: {size} bytes of content, {entry.size} announced")
            self._waiting += padding(size)
            entry = replace(entry, digest=hasher.hexdigest())
        self._entries.append(entry)
        self._flush()
        return entry

    def _flush(self, *, last: bool = False) -> None:
        while len(self._waiting) >= PIECE or (last and self._waiting):
            with memoryview(self._waiting)[:PIECE] as raw:
                packed = self._compressor.compress(raw)
                self._file.write(packed)
                self._crc = zlib.crc32(packed, self._crc)
                self._pieces.append((len(packed), len(raw)))
            del self._waiting[:PIECE]

    def finish(self, data: Path, directories: Iterable[Entry], facts: dict[str, str]) -> Fragment:
        """Put the fragment at ``data``; its index is written last, and so vouches for it."""
        self._flush(last=True)
        self._file.close()
        return _kept(
            self._temporary,
            Fragment(
                data=data,
                pieces=tuple(self._pieces),
                crc=self._crc,
                entries=tuple(self._entries),
                directories=tuple(directories),
                facts=facts,
            ),
        )

    def discard(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def write_fragment(
    temporary: Path, data: Path, like: Fragment, pieces: Iterable[tuple[Buffer, int]]
) -> Fragment:
    """A fragment of the same members, whose pieces (packed, raw size) are these."""
    sizes, crc = [], 0
    try:
        with temporary.open("wb") as file:
            for packed, raw in pieces:
                sizes.append((file.write(packed), raw))
                crc = zlib.crc32(packed, crc)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return _kept(temporary, replace(like, data=data, pieces=tuple(sizes), crc=crc))


def _kept(temporary: Path, fragment: Fragment) -> Fragment:
    """Put what was written into its place, then the index, which vouches for it."""
    temporary.replace(fragment.data)
    index = _render_index(fragment)
    # The index names every file's digest, so its own stands for the data as well.
    digest = hashlib.sha256(index).hexdigest()
    temporary.write_bytes(b'%b,"digest":"%b"}' % (index[:-1], digest.encode()))
    temporary.replace(fragment.data.with_suffix(".json"))
    return replace(fragment, digest=digest, fresh=True)


def read_fragment(data: Path) -> Fragment | None:
    """The fragment that was kept, or None."""
    try:
        text = data.with_suffix(".json").read_bytes()
        index, digest = text[:-_DIGEST] + b"}", text[-66:-2].decode("ascii", "replace")
        if hashlib.sha256(index).hexdigest() != digest:
            return None
        value = json.loads(text)
        if data.stat().st_size != sum(packed for packed, _ in value["pieces"]):
            return None
        crc = value["crc"]
    # An earlier lockenv wrote other fields.
    except (OSError, KeyError):
        return None
    return Fragment(
        data=data,
        pieces=tuple((packed, raw) for packed, raw in value["pieces"]),
        crc=crc,
        entries=tuple(parse_entry(row) for row in value["entries"]),
        directories=tuple(parse_entry(row) for row in value["directories"]),
        facts=value["facts"],
        digest=value["digest"],
    )


def read_pieces(fragment: Fragment, opener: Opener | None = None) -> Iterator[tuple[bytes, int]]:
    """Each compressed piece, with its raw size; ``opener`` is what `open` calls to open a file."""
    with open(fragment.data, "rb", opener=opener) as file:
        for packed, raw in fragment.pieces:
            yield file.read(packed), raw


class PieceStream:
    """The tar members of a fragment as one stream."""

    def __init__(
        self, fragment: Fragment, compressor: Compressor, opener: Opener | None = None
    ) -> None:
        self._pieces = read_pieces(fragment, opener)
        self._compressor = compressor
        self._ready = memoryview(b"")

    def read(self, count: int, /) -> bytes:
        """Up to ``count`` bytes; none at the end."""
        if not self._ready:
            packed, _ = next(self._pieces, (b"", 0))
            if not packed:
                return b""
            self._ready = memoryview(self._compressor.decompress(packed))
        part = bytes(self._ready[:count])
        self._ready = self._ready[count:]
        return part


def _render_index(fragment: Fragment) -> bytes:
    return json.dumps(
        {
            "pieces": fragment.pieces,
            "crc": fragment.crc,
            "entries": [render_entry(entry) for entry in fragment.entries],
            "directories": [render_entry(entry) for entry in fragment.directories],
            "facts": fragment.facts,
        },
        separators=(",", ":"),
    ).encode()


def render_entry(entry: Entry) -> list[object]:
    """An entry as a row of JSON."""
    return [
        entry.path,
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime,
        entry.size,
        entry.target,
        list(entry.device),
        [[name, value.hex()] for name, value in entry.xattrs],
        entry.digest,
    ]


def parse_entry(row: list[object]) -> Entry:
    """The entry that `render_entry` wrote; trusted, as it never leaves the store."""
    path, kind, mode, uid, gid, mtime, size, target, device, xattrs, digest = row
    numbers = cast("tuple[int, int]", tuple(cast("list[int]", device)))  # as written above
    return Entry(
        path=str(path),
        kind=cast("Kind", kind),  # likewise, as is every cast here
        mode=cast("int", mode),
        uid=cast("int", uid),
        gid=cast("int", gid),
        mtime=cast("int", mtime),
        size=cast("int", size),
        target=str(target),
        device=numbers,
        xattrs=tuple(
            (name, bytes.fromhex(value)) for name, value in cast("list[list[str]]", xattrs)
        ),
        digest=str(digest),
    )
