"""What ldconfig(8) does: links by soname, and the linker's cache; without running anything.

So an image whose packages' scripts do not run has it whatever processor it is for.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from typing import TYPE_CHECKING

from lockenv.formats.elf import (
    CachedLibrary,
    ElfError,
    compare_libraries,
    parse_dynamic,
    render_cache,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.formats.elf import DynamicFacts

#: What ldconfig takes for a library, by its name; the linker itself it leaves out.
_LIBRARY = re.compile(r"lib.*\.so(?!.*(?:\.dpkg-(?:new|tmp)|-gdb\.py)$)")
_LEVELS = "glibc-hwcaps"
#: Where the linker looks by itself: last in the cache.
_BUILT_IN = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/lib32", "/usr/lib32")


def cache_libraries(root: Path) -> None:
    """Links and cache for what lies in a root; nothing where it has no such linker."""
    if not (root / "etc/ld.so.conf").is_file():
        return
    seen: set[tuple[int, int]] = set()
    found: list[CachedLibrary] = []
    for folder in [*_configured(root, "/etc/ld.so.conf", set()), *_BUILT_IN]:
        place = root / folder.lstrip("/")
        if not place.is_dir():
            continue
        status = place.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        found += _libraries(root, folder, "")
        levels = place / _LEVELS
        for level in sorted(one.name for one in levels.iterdir()) if levels.is_dir() else ():
            found += _libraries(root, f"{folder}/{_LEVELS}/{level}", level)
    cache = root / "etc/ld.so.cache"
    cache.write_bytes(render_cache(found))
    cache.chmod(0o644)


def _configured(root: Path, file: str, known: set[str]) -> Iterator[str]:
    """The folders that ld.so.conf(5) names, with what it includes; each file once."""
    place = root / file.lstrip("/")
    if file in known or not place.is_file():
        return
    known.add(file)
    for line in place.read_text("utf-8", "replace").splitlines():
        text = line.partition("#")[0].strip()
        verb, _, pattern = text.partition(" ")
        if verb == "include":
            whole = os.path.join(os.path.dirname(file), pattern.strip())  # noqa: PTH118, PTH120  text
            for included in sorted(root.glob(whole.lstrip("/"))):
                yield from _configured(root, f"/{included.relative_to(root)}", known)
        elif text.startswith("/"):
            # A type of library may follow, as in /lib=libc6.
            yield text.partition("=")[0].strip().rstrip("/")


def _libraries(root: Path, folder: str, level: str) -> Iterator[CachedLibrary]:
    """The libraries of one folder by soname, each with a link where none has that name."""
    best: dict[tuple[str, str], str] = {}
    place = root / folder.lstrip("/")
    if not place.is_dir():
        return
    for name in sorted(one.name for one in place.iterdir()):
        facts = _facts(place / name) if _LIBRARY.match(name) else None
        if facts is None:
            continue
        key = facts.soname or name, facts.machine
        if key not in best or compare_libraries(best[key], name) < 0:
            best[key] = name
    for (soname, machine), name in sorted(best.items()):
        if "/" in soname:
            continue
        link = place / soname
        if not link.exists() and not link.is_symlink():
            link.symlink_to(name)
        yield CachedLibrary(soname=soname, path=f"{folder}/{soname}", machine=machine, level=level)


def _facts(file: Path) -> DynamicFacts | None:
    """What linking asks of a library; None for scripts of the linker and whatever else is none."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        # Not closed here: what refuses it still looks at it.
        return parse_dynamic(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
    except (ElfError, ValueError, OSError):
        return None
    finally:
        os.close(handle)
