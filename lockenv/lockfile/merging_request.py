"""What two sides ask anew and not alike: only the merged manifest can say which of it holds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lockenv.lockfile.asked import roots

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Kinds of request lines of which several may stand side by side.
_LISTS = {
    "allow",
    "archive",
    "base",
    "build-requires",
    "constraint",
    "deny",
    "exclude",
    "exempt",
    "external",
    "ignore",
    "override",
    "requirement",
}
#: Kinds whose next word says which setting it is.
_KEYED = {"cuda", "finding", "index", "local", "prefer", "sdist", "source"}


def twice_changed(base: set[str], ours: set[str], theirs: set[str]) -> Iterator[str]:
    """What both sides asked anew, and not alike: packages by name, settings by their key."""
    slots = [_slots(lines - base) for lines in (ours, theirs)]
    for key in sorted(set(slots[0]) & set(slots[1])):
        if slots[0][key] != slots[1][key]:
            yield key[-1]


def _slots(lines: set[str]) -> dict[tuple[str, ...], frozenset[str]]:
    """The lines by what can be asked only once."""
    found: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for root in roots(sorted(lines)):
        found[root.selection, root.requirement.name].add(root.line)
    for line in lines:
        words = line.removeprefix("system ").split()
        kind = words[0] if words else ""
        if kind in _LISTS or line.startswith("system package "):
            continue
        slot = f"{kind} {words[1]}" if kind in _KEYED and len(words) > 1 else kind
        found["setting", slot].add(line)
    return {key: frozenset(texts) for key, texts in found.items()}
