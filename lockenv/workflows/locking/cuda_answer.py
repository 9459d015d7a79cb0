"""What a cell declares of CUDA, and what a search with CUDA learned beside the packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from packaging.version import Version

from lockenv.model import Cuda, Origin
from lockenv.sources.cuda import (
    Fleet,
    can_have_cuda,
    merge,
    read_fleet,
    rejection_lines,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import Manifest
    from lockenv.sources.cuda import CudaResolution
    from lockenv.workflows.cells import Cell


@dataclass(frozen=True, slots=True)
class Template:
    """Where a requirement stands whose name follows the resolver."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What holds for one cell: its merged declaration (False refuses CUDA), understood."""

    cuda: Cuda | Literal[False] | None
    fleet: Fleet | None
    templates: tuple[tuple[str, Origin], ...] = ()

    @property
    def asks_for_cuda(self) -> bool:
        """Whether CUDA has a part in the answer whatever packages are chosen."""
        return bool(self.templates) or bool(self.fleet is not None and self.fleet.components)


def declared_for(manifest: Manifest, cell: Cell) -> Declared:
    """What a cell declares."""
    if not can_have_cuda(cell.target.platform):
        return Declared(cuda=None, fleet=None)
    cuda = merge(manifest.cuda, cell.table.cuda)
    fleet = read_fleet(cuda, cell.target.platform) if isinstance(cuda, Cuda) else None
    return Declared(cuda=cuda, fleet=fleet, templates=cell.table.cuda_dependencies)


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaAnswer:
    """What the search with CUDA learned beside the packages; ``needs`` as the lock writes it."""

    found: CudaResolution
    declared: Declared
    needs: Mapping[str, str | tuple[str, ...]]

    @property
    def rejected(self) -> dict[tuple[str, str], list[str]]:
        """Why newer versions of chosen packages were not taken: a line a reason, by choice."""
        found: dict[tuple[str, str], list[str]] = {}
        for name, chosen in sorted(self.found.versions.items()):
            rows = {row.version: row for row in self.found.rejected.get(name, ())}
            for attempt in self.found.closed:
                for row in attempt.rejected.get(name, ()):
                    # That it needs the major which was chosen is no reason against it.
                    if not row.reason.startswith(f"needs CUDA {self.found.world.major} "):
                        rows.setdefault(row.version, row)
            newer = [row for row in rows.values() if _is_newer(row.version, chosen)]
            newer.sort(key=lambda row: Version(row.version), reverse=True)
            if newer:
                found[name, chosen] = rejection_lines(name, newer)
        return found


def _is_newer(version: str, chosen: str) -> bool:
    try:
        return Version(version) > Version(chosen)
    except ValueError:
        return False
