"""RECORD: the files of a distribution with their sha256 and sizes.

Follows "Recording installed projects" and, for the archive's own RECORD, the binary distribution
format: every file but RECORD and its signatures has a line with a hash no weaker than sha256.
"""

from __future__ import annotations

import base64
import binascii
import csv
from typing import TYPE_CHECKING, NamedTuple

from lockenv.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Hashes strong enough for the specification, with the length of their digests in bytes.
STRONG = {"sha256": 32, "sha384": 48, "sha512": 64}


class RecordRow(NamedTuple):
    """One line. ``digest`` is hexadecimal; both are empty or None where the line has none."""

    path: str
    algorithm: str = ""
    digest: str = ""
    size: int | None = None


def parse_record(text: str) -> tuple[RecordRow, ...]:
    """The lines of a RECORD; ValueError names the first that cannot be understood."""
    try:
        return tuple(_parse_row(cells) for cells in csv.reader(text.splitlines()) if cells)
    except csv.Error as error:
        raise ValueError(str(error)) from error


def render_record(rows: Iterable[tuple[str, str, int | None]]) -> str:
    """A RECORD of paths with hexadecimal sha256 and sizes, sorted by path.

    An empty digest leaves hash and size out, as RECORD's own line has it.
    """
    lines = []
    ordered = sorted(rows)
    encoded = encode_digests([digest for _, digest, _ in ordered])
    for (path, digest, size), code in zip(ordered, encoded, strict=True):
        cell = f'"{path.replace(chr(34), chr(34) * 2)}"' if _NEEDS_QUOTES.search(path) else path
        lines.append(f"{cell},sha256={code},{size}\n" if digest else f"{cell},,\n")
    return "".join(lines)


def encode_digest(digest: str) -> str:
    """A hexadecimal sha256 as RECORD spells it: URL-safe base64 without padding."""
    return encode_digests([digest])[0]


def encode_digests(digests: Sequence[str]) -> list[str]:
    """The same for many, all at once; what stands for an empty one means nothing.

    A byte more makes 44 characters of each digest, and the last of them is dropped.
    """
    data = bytes.fromhex("".join(f"{digest or _NONE}00" for digest in digests))
    text = binascii.b2a_base64(data, newline=False).translate(_URL_SAFE).decode("ascii")
    return [text[at : at + 43] for at in range(0, len(text), 44)]


#: Stands where a row has no digest, so that all are of one length.
_NONE = "0" * 64
_NEEDS_QUOTES = pattern(r'[,"\n\r]')
_HEX = frozenset("0123456789abcdef")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _parse_row(cells: list[str]) -> RecordRow:
    path, hash_cell, size_cell = [*cells, "", ""][:3]
    if size_cell and not (size_cell.isascii() and size_cell.isdigit() and len(size_cell) < 20):
        raise ValueError(f"the size of {path!r} is {size_cell[:40]!r}")
    size = int(size_cell) if size_cell else None
    if not hash_cell:
        return RecordRow(path, size=size)
    algorithm, _, encoded = hash_cell.partition("=")
    if len(encoded) == 2 * STRONG.get(algorithm, 0) and _HEX.issuperset(encoded):
        # Not what the specification says, but some builders write it and it means one thing.
        return RecordRow(path, algorithm, encoded, size)
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        digest = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise ValueError(f"the hash of {path!r} is {hash_cell[:120]!r}") from None
    if len(digest) != STRONG.get(algorithm, len(digest)):
        raise ValueError(f"the hash of {path!r} is {hash_cell[:120]!r}")
    return RecordRow(path, algorithm, digest.hex(), size)
