"""The files that installing a wheel writes, and the compact form in which they are remembered.

Follows the binary distribution format: what lies in ``NAME.data/SCHEME/`` goes to a scheme of its
own, all else to site-packages. The form has the first parts of all paths in front, so that wheels
that share none (nearly all pairs) are told apart without unpacking the rest.
"""

from __future__ import annotations

import re
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Under which name a listing is kept, by the wheel's sha256; another number for another form.
LISTING_KIND = "wheel-listing-2"
#: No listing of a real wheel is longer: a hundred times the longest that is known.
_LONGEST = 256 << 20
_LIBRARY = pattern(r"\.so(\.\d+)*$")
_LOOKS_LIKE_CUDA = pattern(
    r"cuda|cudnn|cublas|nccl|cutlass|flash_?attn|_gpu|gpu_|[-_.]cu\d\d|libnv|pjrt", re.IGNORECASE
)


class Entry(NamedTuple):
    """One file that installing a wheel writes: where, and which bytes (by size and CRC)."""

    path: str
    size: int
    crc: int


@dataclass(frozen=True)
class Listing:
    """A wheel's files, unpacked only when they are asked for.

    ``tops`` are the first parts of their paths. ``shows_cuda`` says that a shared library is among
    them whose path suggests CUDA.
    """

    tops: frozenset[str]
    shows_cuda: bool
    packed: bytes

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All files, sorted. ValueError if what was kept is damaged."""
        try:
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(self.packed, _LONGEST).decode("utf-8", "surrogatepass")
        except zlib.error as error:
            raise ValueError(str(error)) from error
        parts = text.split("\0")
        rows = zip(parts[0::3], parts[1::3], parts[2::3], strict=False)
        return tuple(Entry(path, int(size), int(crc)) for path, size, crc in rows)


def installed_entries(members: Iterable[tuple[str, int, int]]) -> tuple[Entry, ...]:
    """The members (path, size, CRC) of a wheel as the files that installing it writes, sorted.

    Paths are those in site-packages; what goes elsewhere begins with ``{scheme}/``. ``RECORD`` is
    left out (every installer writes its own).
    """
    found = []
    for member, size, crc in members:
        scheme, path = _placed(member)
        if path.endswith(".dist-info/RECORD"):
            continue
        place = path if scheme in {"purelib", "platlib"} else f"{{{scheme}}}/{path}"
        found.append(Entry(place, size, crc))
    found.sort()
    return tuple(found)


def _placed(path: str) -> tuple[str, str]:
    """Scheme and path of a member (binary distribution format: the ``.data`` directory)."""
    first, _, rest = path.partition("/")
    if first.endswith(".data") and "/" in rest:
        scheme, _, below = rest.partition("/")
        return scheme, below
    return "purelib", path


def top_of(path: str) -> str:
    """The first part of a path; of a scheme's, which many wheels share, the first two."""
    first, _, rest = path.partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first.startswith("{") else first


def listing_of(entries: Iterable[Entry]) -> Listing:
    """The entries with what is told without unpacking them."""
    rows = tuple(entries)
    text = "\0".join(f"{row.path}\0{row.size}\0{row.crc}" for row in rows)
    return Listing(
        tops=frozenset(top_of(row.path) for row in rows),
        shows_cuda=any(
            ".so" in row.path and _LIBRARY.search(row.path) and _LOOKS_LIKE_CUDA.search(row.path)
            for row in rows
        ),
        # Level 1: paths repeat each other, more effort gains little.
        packed=zlib.compress(text.encode("utf-8", "surrogatepass"), 1),
    )


def render_listing(members: Iterable[tuple[str, int, int]]) -> bytes:
    """The files of a wheel in the form that is kept."""
    listing = listing_of(installed_entries(members))
    words = [str(int(listing.shows_cuda)), *sorted(listing.tops)]
    head = "\0".join(words).encode("utf-8", "surrogatepass")
    return b"%d\n%b%b" % (len(head), head, listing.packed)


def parse_listing(data: bytes) -> Listing | None:
    """What `render_listing` wrote; None for anything else."""
    length, mark, rest = data.partition(b"\n")
    if not mark or not length.isdigit() or len(length) > 9:
        return None
    head, packed = rest[: int(length)], rest[int(length) :]
    try:
        shows, *tops = head.decode("utf-8", "surrogatepass").split("\0")
    except UnicodeDecodeError:
        return None
    if shows not in {"0", "1"}:
        return None
    return Listing(tops=frozenset(tops), shows_cuda=shows == "1", packed=packed)
