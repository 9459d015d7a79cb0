"""What one `lock` asks, before anything was asked of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import (
        Lock,
    )
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.cell_base import CellBase
    from lockenv.workflows.locking.moves import Limits, Moves
    from lockenv.workflows.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One ``lock``, before anything was asked of the world.

    ``asked_targets`` are the cells to solve; None means all. ``bases`` are the base images that
    cells build on, once they are known.
    """

    project: Project
    cells: tuple[Cell, ...]
    former: Lock | None
    moves: Moves
    limits: Limits
    asked_targets: frozenset[str] | None = None
    strict: bool = False
    explain: bool = False
    trace: str | None = None
    bases: Mapping[str, CellBase] = field(default_factory=dict)

    def is_solved(self, cell: Cell) -> bool:
        """Whether this cell is asked again."""
        return self.asked_targets is None or cell.name in self.asked_targets
