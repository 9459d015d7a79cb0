"""The containers that nvcc embeds (section ``.nv_fatbin``): a header, then entries.

No public specification: the layout is that of ``fatbinary_section.h`` and the entry header as
documented by the ZLUDA project; checked against what nvcc 11 to 13 write. Payloads are compressed
cubins or PTX and are never looked at.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from mmap import mmap

    Buffer = bytes | bytearray | memoryview | mmap

_MAGIC = struct.pack("<I", 0xBA55ED50)
#: magic, version, header size, size of all entries.
_HEADER = struct.Struct("<IHHQ")
#: kind, version, header size, payload size, …, PTX ISA minor and major, architecture, …, flags.
_ENTRY = struct.Struct("<HHIQIIHHIIIQ")
_PTX, _CUBIN = 1, 2
#: Set on every architecture-specific (``sm_90a``) entry seen, clear on all others.
_SPECIFIC = 1 << 20
#: More than the largest library has (libtorch_cuda: about 3,000).
_MAX_ENTRIES = 1_000_000
#: How much of a mapped file may stay in our memory, roughly.
_WINDOW = 16 << 20
#: madvise(2): MADV_DONTNEED, as Linux and macOS number it.
_DONT_NEED = 4


@dataclass(frozen=True, slots=True, order=True)
class CodeEntry:
    """One cubin or one PTX text: for which architecture, and (PTX) in which ISA version."""

    kind: str
    arch: int
    specific: bool = False
    isa: str = ""

    @property
    def capability(self) -> str:
        """The architecture as a compute capability: ``8.0``."""
        return f"{self.arch // 10}.{self.arch % 10}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSummary:
    """What can be relied on.

    ``base`` are the capabilities that at least half as many cubins as the best-covered one carry,
    ``few`` the others (both without architecture-specific code, which runs nowhere else);
    ``specific`` those; ``isa`` is the newest PTX ISA. All sorted.
    """

    base: tuple[str, ...] = ()
    few: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    specific: tuple[str, ...] = ()
    cubins: int = 0
    isa: str = ""


def fatbin_entries(data: Buffer, start: int = 0, end: int | None = None) -> Iterator[CodeEntry]:
    """Every entry of every container between two offsets; what makes no sense is passed over."""
    view, forgotten = memoryview(data), start
    stop = len(view) if end is None else min(end, len(view))
    position, seen = start, 0
    while seen < _MAX_ENTRIES:
        position = _find(data, position, stop)
        if position < 0 or position + _HEADER.size > stop:
            return
        _magic, version, header, size = _HEADER.unpack_from(view, position)
        if version != 1 or header != _HEADER.size or position % 8:
            position += 4
            continue
        inside, last = position + header, min(position + header + size, stop)
        while inside + _ENTRY.size <= last and seen < _MAX_ENTRIES:
            entry, length = _entry(view, inside)
            if length is None:
                break
            if entry is not None:
                yield entry
            seen += 1
            inside += length
            if inside - forgotten > _WINDOW:
                forgotten = inside
                _forget(data)
        position = max(min(last, inside), position + _HEADER.size)


def _find(data: Buffer, start: int, stop: int) -> int:
    if isinstance(data, memoryview):
        within = bytes(data[start:stop]).find(_MAGIC)
        return within if within < 0 else within + start
    while start < stop:
        found: int = data.find(_MAGIC, start, min(start + _WINDOW, stop))
        if found >= 0:
            return found
        # A magic that a window's end cuts in two is in the next one whole.
        start += _WINDOW - len(_MAGIC) + 1
        _forget(data)
    return -1


def _forget(data: Buffer) -> None:
    """Let go of a mapped file's pages: libraries of a gigabyte would else count as our memory."""
    advise = getattr(data, "madvise", None)
    if advise is not None:
        advise(_DONT_NEED)


def _entry(view: memoryview, at: int) -> tuple[CodeEntry | None, int | None]:
    fields = _ENTRY.unpack_from(view, at)
    kind, _version, header, payload = fields[:4]
    minor, major, arch, flags = fields[6], fields[7], fields[8], fields[11]
    #: A header is 64 to some hundred bytes; anything else is no entry.
    if not 64 <= header <= 4096:
        return None, None
    #: 2.0 (Fermi) to 99.9: an architecture outside is no architecture.
    known = kind in {_PTX, _CUBIN} and 20 <= arch < 1000
    if not known:
        return None, header + payload
    specific = bool(flags & _SPECIFIC)
    if kind == _PTX:
        return CodeEntry("ptx", arch, specific, f"{major}.{minor}"), header + payload
    return CodeEntry("cubin", arch, specific), header + payload


class FatbinScanner:
    """The same over a stream: feed pieces in order, then take ``entries``.

    Holds no payload: at most one header that a piece cut in two.
    """

    def __init__(self) -> None:
        self.entries: list[CodeEntry] = []
        self._rest = b""
        self._position = 0
        self._skip_to = 0
        self._container_end = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the file."""
        data = self._rest + piece
        at = 0
        while len(self.entries) < _MAX_ENTRIES:
            here = self._position + at
            if here < self._skip_to:
                step = min(self._skip_to - here, len(data) - at)
                at += step
                if at == len(data):
                    break
                continue
            if here < self._container_end:
                if len(data) - at < _ENTRY.size:
                    break
                at = self._take(data, at)
                continue
            found = data.find(_MAGIC, at)
            if found < 0:
                at = max(at, len(data) - 3)
                break
            if len(data) - found < _HEADER.size:
                at = found
                break
            at = self._open(data, found)
        self._rest = data[at:]
        self._position += at

    def _open(self, data: bytes, at: int) -> int:
        _magic, version, header, size = _HEADER.unpack_from(data, at)
        if version != 1 or header != _HEADER.size or (self._position + at) % 8:
            return at + 4
        self._container_end = self._position + at + header + size
        return at + _HEADER.size

    def _take(self, data: bytes, at: int) -> int:
        entry, length = _entry(memoryview(data), at)
        if length is None:
            self._container_end = 0
            return at
        if entry is not None:
            self.entries.append(entry)
        self._skip_to = min(self._position + at + length, self._container_end)
        return at


def summarize(entries: Iterable[CodeEntry]) -> CodeSummary:
    """The entries of one library as what it can be relied on to run."""
    cubins: Counter[str] = Counter()
    specific: set[str] = set()
    ptx: set[str] = set()
    isa = (0, 0)
    total = 0
    for entry in entries:
        if entry.kind == "cubin":
            total += 1
            if entry.specific:
                specific.add(entry.capability)
            else:
                cubins[entry.capability] += 1
        elif not entry.specific:
            ptx.add(entry.capability)
            major, _, minor = entry.isa.partition(".")
            isa = max(isa, (int(major), int(minor)))
    most = max(cubins.values(), default=0)
    return CodeSummary(
        base=_sorted(c for c, count in cubins.items() if count * 2 >= most),
        few=_sorted(c for c, count in cubins.items() if count * 2 < most),
        ptx=_sorted(ptx),
        specific=_sorted(specific),
        cubins=total,
        isa="" if isa == (0, 0) else f"{isa[0]}.{isa[1]}",
    )


def _sorted(capabilities: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(capabilities, key=lambda c: tuple(int(part) for part in c.split("."))))
