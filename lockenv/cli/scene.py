"""From the global options to what a workflow is handed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.cli.progress import watching
from lockenv.errors import InputError
from lockenv.settings import read_settings
from lockenv.values import replace
from lockenv.workflows.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.cli.invocation import Invocation


@contextmanager
def open_scene(invocation: Invocation) -> Iterator[Scene]:
    """The scene of one command; its progress display ends with the block."""
    directory = Path(invocation.directory).absolute()
    if not directory.is_dir():
        raise InputError(
            "no-directory", f"there is no folder {directory}", fix="name one that exists with -C"
        )
    settings = read_settings(
        os.environ,
        home=Path.home(),
        config=Path(invocation.config).absolute() if invocation.config else None,
    )
    if invocation.cache_dir:
        settings = replace(settings, cache_dir=Path(invocation.cache_dir).absolute())
    if invocation.offline:
        settings = replace(settings, offline=True)
    with watching(invocation.output) as progress:
        yield Scene(settings=settings, directory=directory, progress=progress)
