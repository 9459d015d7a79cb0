"""Read a CDI document: JSON, or YAML as the tools that write such documents lay it out.

Of YAML 1.2 this is what generators use: block mappings and sequences, plain and quoted scalars,
flow collections where they are JSON, comments. Anchors, tags and block scalars are refused.
"""

from __future__ import annotations

import re

from lockenv.fields import parse_json
from lockenv.values import dataclass

#: A document of a machine with sixteen GPUs has some 60 KiB.
_LARGEST = 4 << 20
_DEEPEST = 64
_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'\[{&*!|>%@`#-][^#]*?):(?:\s+(.*))?$"""
)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")


def parse_cdi(text: str) -> dict[str, object]:
    """The document as a table; ValueError for what is none."""
    if len(text) > _LARGEST:
        raise ValueError("it is too large for a CDI document")
    value = parse_json(text) if text.lstrip().startswith("{") else _parse_yaml(text)
    if not isinstance(value, dict):
        raise ValueError("it is no table")  # noqa: TRY004 - of what was read, not of an argument
    return value


@dataclass(slots=True)
class _Lines:
    """The lines that say something, as (indentation, text), and the next one's place."""

    rows: list[tuple[int, str]]
    place: int = 0

    @property
    def next(self) -> tuple[int, str] | None:
        return self.rows[self.place] if self.place < len(self.rows) else None


def _parse_yaml(text: str) -> object:
    rows = []
    for line in text.splitlines():
        shown = line if _is_quoted(line) else _COMMENT.sub("", line).rstrip()
        stripped = shown.strip(" ")
        if stripped and stripped not in {"---", "..."}:
            if "\t" in shown[: len(shown) - len(shown.lstrip())]:
                raise ValueError("a tab stands before a line")
            rows.append((len(shown) - len(shown.lstrip(" ")), stripped))
    lines = _Lines(rows)
    value = _block(lines, 0) if rows else None
    if lines.next is not None:
        raise ValueError(f"unexpected: {lines.next[1]}")
    return value


def _is_quoted(line: str) -> bool:
    """Whether a hash sign may stand inside quotation marks."""
    return "#" in line and ('"' in line or "'" in line)


def _block(lines: _Lines, depth: int) -> object:
    """The sequence or mapping that begins with the next line."""
    first = lines.next
    if first is None or depth > _DEEPEST:
        raise ValueError("it is nested too deep, or ends too early")
    indent, text = first
    if text == "-" or text.startswith("- "):
        return _sequence(lines, indent, depth)
    if _KEY.match(text):
        return _mapping(lines, indent, depth)
    lines.place += 1
    return _scalar(text)


def _sequence(lines: _Lines, indent: int, depth: int) -> list[object]:
    found: list[object] = []
    while (row := lines.next) is not None and row[0] == indent and row[1][:2] in {"-", "- "}:
        rest = row[1][1:].lstrip(" ")
        if not rest:
            lines.place += 1
            found.append(_below(lines, indent + 1, depth))
            continue
        # What stands behind the dash is a block of its own, indented by dash and spaces.
        lines.rows[lines.place] = (indent + len(row[1]) - len(rest), rest)
        found.append(_block(lines, depth + 1))
    return found


def _mapping(lines: _Lines, indent: int, depth: int) -> dict[str, object]:
    found: dict[str, object] = {}
    while (row := lines.next) is not None and row[0] == indent:
        match = _KEY.match(row[1])
        if match is None:
            raise ValueError(f"no key: {row[1]}")
        lines.place += 1
        key = str(_scalar(match[1]))
        if match[2]:
            found[key] = _scalar(match[2])
        else:
            following = lines.next
            # YAML 1.2, 8.2.1: a sequence may stand as far left as the key that it belongs to.
            is_sequence = following is not None and following[1][:2] in {"-", "- "}
            found[key] = _below(lines, indent if is_sequence else indent + 1, depth)
    return found


def _below(lines: _Lines, least: int, depth: int) -> object:
    row = lines.next
    return _block(lines, depth + 1) if row is not None and row[0] >= least else None


_WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "~": None}


def _scalar(text: str) -> object:
    if text[0] in "[{":
        return parse_json(text)
    if text[0] == '"':
        return parse_json(text)
    if text[0] == "'":
        if len(text) < 2 or text[-1] != "'":
            raise ValueError(f"unended: {text}")
        return text[1:-1].replace("''", "'")
    if text[0] in "&*!|>%@`":
        raise ValueError(f"not understood: {text}")
    return int(text) if text.isascii() and text.isdigit() else _WORDS.get(text, text)
