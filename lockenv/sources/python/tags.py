"""Which wheels a target accepts, and which of them is best."""

from __future__ import annotations

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


@lru_cache(maxsize=16)
def _ranks(tags: tuple[str, ...]) -> Mapping[str, int]:
    ranks: dict[str, int] = {}
    for rank, tag in enumerate(tags):
        ranks.setdefault(tag, rank)
    return ranks
