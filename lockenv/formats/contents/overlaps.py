"""Wheels that would write different bytes to one path: who, where, and whether it does harm.

Equal bytes (by size and CRC, as the zip directory has them) are no collision: whichever is
installed last, the file is the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.formats.contents.listing import top_of
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lockenv.formats.contents.listing import Entry, Listing

#: What one looks at and never imports or runs: tests, papers, examples, headers, build files.
_STRAY_FOLDERS = frozenset(
    {
        "benchmark",
        "benchmarks",
        "ci",
        "doc",
        "docs",
        "example",
        "examples",
        "notebooks",
        "sample",
        "samples",
        "script",
        "scripts",
        "test",
        "testing",
        "tests",
        "tools",
    }
)
_STRAY_FILES = frozenset(
    {
        "__init__.py",
        "build.py",
        "build_backend.py",
        "conftest.py",
        "custom_build.py",
        "fabfile.py",
        "manage.py",
        "noxfile.py",
        "setup.py",
        "tasks.py",
        "tox.py",
        "versioneer.py",
    }
)
_LIBRARY = re.compile(r"\.(?:so(?:\.\d+)*|pyd|dll|dylib)$", re.IGNORECASE)
#: An ``__init__.py`` that only opens a namespace is never longer (with a licence above it).
_NAMESPACE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Two wheels (sorted by name) and the paths at which their bytes differ (sorted).

    ``harmful`` are those of the paths at which one wheel would break what the other does.
    """

    one: str
    other: str
    paths: tuple[str, ...]
    harmful: tuple[str, ...] = ()


def is_harmful(path: str) -> bool:
    """Whether other bytes at a path of site-packages change what a program does.

    Shared libraries and modules are what programs are made of. Stray tests, documents and build
    files at the top, data, headers and commands are not: there the last one wins everywhere.
    """
    if _LIBRARY.search(path):
        return True
    first, _, rest = path.partition("/")
    if first.startswith("{") or not path.endswith((".py", ".pth")):
        return False
    if not rest:
        return path not in _STRAY_FILES
    return first not in _STRAY_FOLDERS


def harmful_paths(sizes: Mapping[str, tuple[int, int]]) -> tuple[str, ...]:
    """Of the paths at which two wheels differ, with both sizes, those that do harm, sorted.

    If nothing but short ``__init__.py`` differ, both wheels open the same namespace.
    """
    found = sorted(path for path in sizes if is_harmful(path))
    opened = [p for p in found if p.endswith("/__init__.py") and max(sizes[p]) <= _NAMESPACE]
    return () if len(opened) == len(found) else tuple(found)


def collisions_of_listings(
    wheels: Mapping[str, Listing], *, fold: Callable[[str], str] | None = None
) -> tuple[Collision, ...]:
    """`find_collisions`, reading only wheels that share the first part of some path."""
    change = fold or str
    owners: dict[str, list[str]] = {}
    for wheel, listing in wheels.items():
        for top in {change(top) for top in listing.tops}:
            owners.setdefault(top, []).append(wheel)
    shared = {top for top, names in owners.items() if len(names) > 1}
    involved = {name for top in shared for name in owners[top]}
    return find_collisions(
        {
            name: [e for e in wheels[name].entries if change(top_of(e.path)) in shared]
            for name in sorted(involved)
        },
        fold=fold,
    )


def find_collisions(
    wheels: Mapping[str, Iterable[Entry]], *, fold: Callable[[str], str] | None = None
) -> tuple[Collision, ...]:
    """Every pair of wheels that would write different bytes to one path, sorted.

    ``wheels`` maps what a message calls a wheel (``numpy 2.3.1``) to what installing it writes.
    ``fold`` makes one of the paths that a file system takes for one. A file where another wheel
    has a folder collides too, and does harm whatever it is.
    """
    seen: dict[str, tuple[str, Entry]] = {}
    more: dict[str, list[tuple[str, Entry]]] = {}
    found: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for wheel in sorted(wheels):
        for entry in sorted(wheels[wheel]):
            key = fold(entry.path) if fold is not None else entry.path
            first = seen.setdefault(key, (wheel, entry))
            if first[0] == wheel:
                continue
            others = more.setdefault(key, [first])
            for other, its in others:
                if other != wheel and (its.size, its.crc) != (entry.size, entry.crc):
                    pair = found.setdefault((other, wheel), {})
                    pair[entry.path] = (its.size, entry.size)
            others.append((wheel, entry))
    nested = _nested(seen)
    pairs = sorted({*found, *nested})
    return tuple(
        Collision(
            one=pair[0],
            other=pair[1],
            paths=tuple(sorted({*found.get(pair, {}), *nested.get(pair, ())})),
            harmful=tuple(sorted({*harmful_paths(found.get(pair, {})), *nested.get(pair, ())})),
        )
        for pair in pairs
    )


def _nested(seen: Mapping[str, tuple[str, Entry]]) -> dict[tuple[str, str], set[str]]:
    """A file of one wheel where another one needs a folder."""
    found: dict[tuple[str, str], set[str]] = {}
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
    return found
