"""One member of a tar archive as a value: what it is, whose, and where; its content lies elsewhere.

Paths are text in UTF-8, with lone surrogates standing for bytes that are not UTF-8.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from lockenv.errors import IntegrityError
from lockenv.values import dataclass

Kind: TypeAlias = Literal["file", "directory", "symlink", "hardlink", "fifo", "character", "block"]

#: Longer paths than Linux can open (PATH_MAX) are an attack or an accident, as are longer names.
LONGEST_PATH = 4096
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member; ``path`` is relative, without ``./``, ``..`` or a final slash.

    The root directory itself is ``.``. ``target`` is a symbolic link's text, or the path that a
    hard link shares. ``mtime`` is in whole seconds since 1970. ``digest`` is the sha256 of a
    file's content in hexadecimal where it is known; it is no part of the archive.
    """

    path: str
    kind: Kind = "file"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()
    digest: str = ""


def sort_key(path: str) -> bytes:
    """The bytes that entries are sorted by, which no locale can change."""
    return path.encode("utf-8", "surrogateescape")


def checked_path(text: str, archive: str) -> str:
    """A member's path made relative and plain; IntegrityError if it leads out of the root."""
    parts = [part for part in text.split("/") if part not in {"", "."}]
    too_long = len(text) > LONGEST_PATH or any(
        len(part) > _LONGEST_NAME // 4 and len(sort_key(part)) > _LONGEST_NAME for part in parts
    )
    if ".." in parts or "\0" in text or too_long:
        raise IntegrityError(
            "unsafe-path",
            f"{archive} holds a member whose path leaves the root, or that no system can open",
            why=(f"member {text[:200]!r}",),
            fix="do not use this file; tell its publisher",
        )
    return "/".join(parts) or "."
