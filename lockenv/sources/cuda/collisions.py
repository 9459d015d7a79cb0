"""Nothing overwrites anything: wheels that would write different bytes to one path.

For every package, not only CUDA's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.contents import Collision
from lockenv.formats.contents import find_collisions as find_folded
from lockenv.formats.wheel import collision_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.formats.contents import Entry


def find_collisions(
    wheels: Mapping[str, Iterable[Entry]], *, folds_case: bool = False
) -> tuple[Collision, ...]:
    """Every pair of wheels that would write different bytes to one path, sorted.

    ``folds_case`` holds for the file systems of macOS and Windows.
    """
    return find_folded(wheels, fold=collision_key if folds_case else None)


__all__ = ["Collision", "find_collisions"]
