"""The pages of the documentation as what a reader copies from them: blocks, and lockenv's commands.

for block in blocks(page.read_text()): block.kind, block.text, block.line
for command in commands("lockenv lock && lockenv sync  # both"): ["lock"], ["sync"]
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
)
#: What ends one command of a line and begins another, or leads elsewhere.
_ENDS = {"&&", "||", ";", "|", ">", ">>", "2>", "&", ")"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, and the line on which it begins."""

    kind: str
    text: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block of a page."""
    for match in re.finditer(r"(?ms)^```(\w*)\n(.*?)^```$", text):
        yield Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)


def spans(text: str) -> Iterator[str]:
    """Every span of code in the running text that is a command of lockenv's."""
    prose = re.sub(r"(?ms)^```\w*\n.*?^```$", "", text)
    yield from re.findall(r"`(lockenv [^`\n]+)`", prose)


def typed(block: Block) -> Iterator[str]:
    """The lines of a block that somebody types: of a terminal's, those after the prompt."""
    for line in block.text.splitlines():
        if block.kind == "console":
            if line.startswith("$ "):
                yield line[2:]
        elif block.kind in {"yaml", "sh", "", "markdown"}:
            yield line


def commands(line: str) -> Iterator[list[str]]:
    """The arguments of each command of lockenv's in a line of shell."""
    for inner in re.findall(r"\$\((lockenv [^)]*)\)", line):
        yield from commands(inner)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # prose with an apostrophe
        return
    for start, word in enumerate(words):
        is_first = start == 0 or words[start - 1] in {*_ENDS, "-", "run:", "then"}
        if word != "lockenv" or not is_first:
            continue
        rest = words[start + 1 :]
        end = next((n for n, one in enumerate(rest) if one in _ENDS or one == "#"), len(rest))
        yield rest[:end]
