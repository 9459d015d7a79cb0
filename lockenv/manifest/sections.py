"""New keys and tables in a TOML text, placed where a person would write them.

tomlkit puts a new key behind the comments that introduce the next table; here it goes before the
empty line above them.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from lockenv.formats.toml import headers
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARE = pattern(r"[A-Za-z0-9_-]+")


def with_key(
    text: str, table: Sequence[str], key: str, value: str, opening: Sequence[str] = ()
) -> str:
    """The document with ``key = value`` in the table, unless the key is there.

    A table that is missing is made after its kin, ``opening`` being its first lines. A document
    whose tables are written in a way that takes no header of ours comes back as it was.
    """
    if _has(tomllib.loads(text), [*table, key]):
        return text
    path = tuple(table)
    heads = headers(text)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    own = [n for n, (_, head) in enumerate(heads) if head == path]
    if own or not path:
        after = _section_end(lines, heads, own[0] if own else -1)
        new = [f"{quoted(key)} = {value}\n"]
    else:
        kin = _last_kin(heads, path)
        after = len(lines) if kin is None else _section_end(lines, heads, kin)
        head = ".".join(map(quoted, path))
        new = [f"[{head}]\n", *(f"{line}\n" for line in opening), f"{quoted(key)} = {value}\n"]
        new = ["\n", *new] if lines[:after] else new
    if not path and not own and heads and after == 0:
        new = [*new, "\n"]
    made = "".join([*lines[:after], *new, *lines[after:]])
    try:
        tomllib.loads(made)
    except ValueError:
        return text
    return made


def quoted(key: str) -> str:
    """A key as TOML writes it."""
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _has(document: object, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True


def _last_kin(
    heads: Sequence[tuple[int, tuple[str | int, ...]]], path: tuple[str, ...]
) -> int | None:
    """The last header that shares the longest beginning with the path."""
    for length in range(len(path) - 1, 0, -1):
        kin = [n for n, (_, head) in enumerate(heads) if head[:length] == path[:length]]
        if kin:
            return kin[-1]
    return None


def _section_end(
    lines: Sequence[str], heads: Sequence[tuple[int, tuple[str | int, ...]]], number: int
) -> int:
    """How many lines stand up to the last one of a section that is neither empty nor a comment.

    ``number`` counts headers; -1 is what stands before the first.
    """
    start = heads[number][0] if number >= 0 else 0
    end = heads[number + 1][0] - 1 if number + 1 < len(heads) else len(lines)
    if number + 1 == len(heads):
        # Nothing follows: a last comment belongs to this section.
        while end > start and not lines[end - 1].strip():
            end -= 1
        return end
    while end > start and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end
