"""Plain values as YAML that every reader understands alike: what could be misread is quoted."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Node: TypeAlias = "str | int | bool | Sequence[Node] | Mapping[str, Node] | None"

#: Words that some reader takes for something else than a string (YAML 1.1: yes, on, ~, 1_0, 0x1).
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?:[ :=@+][A-Za-z0-9_./-]+)*\Z")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def render_yaml(*documents: Node) -> str:
    """The documents of one file, in order; keys stay in the order given."""
    return "---\n".join("\n".join(_lines(document, 0)) + "\n" for document in documents)


def _lines(node: Node, depth: int) -> Iterator[str]:
    if isinstance(node, str | int) or node is None or not node:
        yield from _scalar(node, depth)
    elif hasattr(node, "items"):
        for key, value in node.items():
            yield from _member(f"{_text(key)}:", value, depth)
    else:
        for value in node:
            yield from _item(value, depth)


def _member(head: str, value: Node, depth: int) -> Iterator[str]:
    if _is_block(value):
        inner = depth if isinstance(value, list | tuple) else depth + 1
        yield "  " * depth + head
        yield from _lines(value, inner)
        return
    first, *rest = _scalar(value, depth + 1)
    yield f"{'  ' * depth}{head} {first}"
    yield from rest


def _item(value: Node, depth: int) -> Iterator[str]:
    if not _is_block(value):
        first, *rest = _scalar(value, depth + 1)
        yield f"{'  ' * depth}- {first}"
        yield from rest
        return
    first, *rest = _lines(value, depth + 1)
    yield f"{'  ' * depth}- {first.lstrip(' ')}"
    yield from rest


def _is_block(value: Node) -> bool:
    return isinstance(value, dict | list | tuple) and bool(value)


def _scalar(value: Node, depth: int) -> list[str]:
    if value is None:
        return ["null"]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, str):
        if "\n" in value and _is_literal(value):
            return ["|", *("  " * depth + line if line else "" for line in value[:-1].split("\n"))]
        return [_text(value)]
    return ["{}" if hasattr(value, "items") else "[]"]


def _is_literal(text: str) -> bool:
    """Whether a block keeps it as it is: ends in one line feed, and begins with no blank."""
    plain = all(character.isprintable() or character == "\n" for character in text)
    return plain and text.endswith("\n") and not text.endswith("\n\n") and text[0] not in " \n"


def _text(text: str) -> str:
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    """JSON's escapes are YAML's too, but for what lies beyond 16 bits."""
    if ord(character) > 0xFFFF:
        return f"\\U{ord(character):08X}"
    return json.dumps(character)[1:-1]
