"""The Python indexes of a manifest: apart from the search, since `sync` needs no search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import Index
from lockenv.tables.addresses import PYTHON_INDEX

if TYPE_CHECKING:
    from lockenv.model import Manifest


def indexes_of(manifest: Manifest) -> tuple[Index, ...]:
    """The indexes in order of priority; the public default one last unless another is."""
    ordered = [index for index in manifest.indexes if not index.default]
    defaults = [index for index in manifest.indexes if index.default]
    if not defaults:
        defaults = [Index(name="pypi", url=PYTHON_INDEX, default=True)]
    return (*ordered, *defaults)
