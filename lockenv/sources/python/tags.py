"""Which wheels a target accepts, and which of them is best."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from lockenv.formats.metadata import expand_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import Target


class TagRanks:
    """The order of a target's wheel tags: 0 is best."""

    def __init__(self, target: Target) -> None:
        self._ranks = _ranks(tuple(str(tag) for tag in target.tags))
        self._known: dict[str, int | None] = {}

    def rank(self, compressed: str) -> int | None:
        """The best rank of a compressed tag set; None if the target accepts none of it."""
        try:
            return self._known[compressed]
        except KeyError:
            ranks = [
                rank
                for tag in expand_tags(compressed)
                if (rank := self._ranks.get(tag)) is not None
            ]
            best = self._known[compressed] = min(ranks, default=None)
            return best

    def missing_level(self, compressed: str) -> tuple[str, str] | None:
        """The manifest's key and value that would make the target accept the tags, if one would.

        Wheels say the oldest C library or macOS that they run on (PEP 600, 656, 425); a target that
        accepts the same wheel for an older one differs in nothing else.
        """
        needed: list[tuple[int, int, str]] = []
        for tag in expand_tags(compressed):
            python_and_abi, _, platform = tag.rpartition("-")
            match = _LEVEL.fullmatch(platform)
            if match is None:
                continue
            family, major, minor, machine = match.groups()
            key, oldest = _OLDEST[family]
            if any(f"{python_and_abi}-{family}_{old}_{machine}" in self._ranks for old in oldest):
                needed.append((int(major), int(minor), key))
        if not needed:
            return None
        major, minor, key = min(needed)
        return key, f"{major}.{minor}"


_LEVEL = re.compile(r"(manylinux|musllinux|macosx)_(\d{1,3})_(\d{1,3})_(\w+)", re.ASCII)
#: The manifest's key, and levels that every target of a machine accepts.
_OLDEST = {
    "manylinux": ("glibc", ("2_17",)),
    "musllinux": ("musl", ("1_0", "1_1")),
    "macosx": ("macos", ("10_9", "11_0")),
}


@lru_cache(maxsize=16)
def _ranks(tags: tuple[str, ...]) -> Mapping[str, int]:
    ranks: dict[str, int] = {}
    for rank, tag in enumerate(tags):
        ranks.setdefault(tag, rank)
    return ranks
