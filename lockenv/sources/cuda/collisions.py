"""Nothing overwrites anything: wheels that would write different bytes to one path.

For every package, not only CUDA's. Equal bytes (by size and CRC, as the zip directory has them) are
no collision: whichever is installed last, the file is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockenv.formats.wheel import collision_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.sources.cuda.directory import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Two wheels (sorted by name) and the paths at which their bytes differ (sorted)."""

    one: str
    other: str
    paths: tuple[str, ...]


def find_collisions(
    wheels: Mapping[str, Iterable[Entry]], *, folds_case: bool = False
) -> tuple[Collision, ...]:
    """Every pair of wheels that would write different bytes to one path, sorted.

    ``wheels`` maps what a message calls a wheel (``numpy 2.3.1``) to what installing it writes.
    ``folds_case`` holds for the file systems of macOS and Windows. A file where another wheel
    has a folder collides too.
    """
    seen: dict[str, tuple[str, Entry]] = {}
    more: dict[str, list[tuple[str, Entry]]] = {}
    found: dict[tuple[str, str], set[str]] = {}
    for wheel in sorted(wheels):
        for entry in sorted(wheels[wheel]):
            key = collision_key(entry.path) if folds_case else entry.path
            first = seen.setdefault(key, (wheel, entry))
            if first[0] == wheel:
                continue
            others = more.setdefault(key, [first])
            for other, its in others:
                if other != wheel and (its.size, its.crc) != (entry.size, entry.crc):
                    found.setdefault((other, wheel), set()).add(entry.path)
            others.append((wheel, entry))
    _add_nested(seen, found)
    return tuple(
        Collision(one=one, other=other, paths=tuple(sorted(paths)))
        for (one, other), paths in sorted(found.items())
    )


def _add_nested(
    seen: Mapping[str, tuple[str, Entry]], found: dict[tuple[str, str], set[str]]
) -> None:
    """A file of one wheel where another one needs a folder."""
    looked_at: set[str] = set()
    for key, (wheel, entry) in seen.items():
        end = key.rfind("/")
        while end > 0 and (folder := key[:end]) not in looked_at:
            looked_at.add(folder)
            file = seen.get(folder)
            if file is not None and file[0] != wheel:
                one, other = sorted((file[0], wheel))
                found.setdefault((one, other), set()).add(entry.path)
            end = key.rfind("/", 0, end)
