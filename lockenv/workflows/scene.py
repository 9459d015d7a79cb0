"""What every verb is handed: the user's settings, a place, who watches, and the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lockenv.model import SILENT, Progress
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lockenv.settings import Settings
    from lockenv.workflows.project import Project


def utc_now() -> datetime:
    """The time; the only clock of the workflows."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The world of one command. ``directory`` is absolute."""

    settings: Settings
    directory: Path
    progress: Progress = SILENT
    clock: Callable[[], datetime] = field(default=utc_now)

    def project(self) -> Project:
        """The project that the directory belongs to."""
        from lockenv.workflows.project import read_project  # noqa: PLC0415 - start-up

        return read_project(self.directory)
