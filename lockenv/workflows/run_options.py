"""What `run` and `shell` are asked."""

from __future__ import annotations

from lockenv.values import dataclass
from lockenv.workflows.selection import SILENT_SELECTION, AskedSelection


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run, and where: in an image, ``image_name`` may say which of the manifest's."""

    words: tuple[str, ...]
    selection: AskedSelection = SILENT_SELECTION
    sync: bool = True
    venv: str | None = None
    writable: tuple[str, ...] = ()
    in_image: bool = False
    image_name: str | None = None
