"""Which paths an archive may name: relative, plain, inside, and told apart on every file system."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from lockenv.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The longest path and the longest part of one that Linux and macOS take, in bytes.
LONGEST_PATH = 4096
LONGEST_PART = 255

#: Halves of characters, as JSON may spell them; bytes that are not UTF-8 are let be (PEP 383).
_HALVES = r"\ud800-\udc7f\udd00-\udfff"
#: What a careful look is needed for; a path without any of it is fine at a glance.
_SUSPICIOUS = pattern(
    rf"[\x00-\x1f\x7f-\x9f\\{_HALVES}]|^[A-Za-z]:|^/|/$|//|(?:^|/)\.{{1,2}}(?:/|$)|^$"
)


def path_fault(path: str) -> str | None:
    """Why a path from an archive must not be followed, in words for a message; None if it may."""
    if _SUSPICIOUS.search(path):
        return _fault_of(path)
    if len(path) * 4 <= LONGEST_PART:  # no character takes more than four bytes
        return None
    data = path.encode("utf-8", "surrogateescape")
    if len(data) >= LONGEST_PATH or any(len(part) > LONGEST_PART for part in data.split(b"/")):
        return "is too long"
    return None


def _fault_of(path: str) -> str:
    if re.search(f"[{_HALVES}]", path):
        return "is not text"
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in path):
        return "has a control character"
    if "\\" in path:
        return "has a backslash"
    if path.startswith("/") or path[1:2] == ":":
        return "is absolute"
    parts = path.split("/")
    if ".." in parts:
        return "leaves its folder"
    return "is not in its plain form"


def collision_key(path: str) -> str:
    """What is equal for two paths that are one file on some file system (case, Unicode form)."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def first_collision(paths: Iterable[str]) -> tuple[str, str] | None:
    """Two of the paths that cannot both be files: the same, alike but for case, or nested."""
    seen: dict[str, str] = {}
    for path in paths:
        key = collision_key(path)
        if key in seen:
            return seen[key], path
        seen[key] = path
    folders: set[str] = set()
    for key, path in seen.items():
        end = key.rfind("/")
        while end > 0 and (folder := key[:end]) not in folders:
            if folder in seen:
                return seen[folder], path
            folders.add(folder)
            end = key.rfind("/", 0, end)
    return None
