"""Folders of the user's as they are built for an image: copies of what belongs to them alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.sources.python import SourceTree
from lockenv.workflows.imaging.project_files import (
    GIT,
    is_repository,
    listed_files,
    project_digest,
    tracked_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockenv.materialize import ProjectFile


def project_source(
    folder: Path, filename: str, listed: Callable[[Path], Sequence[ProjectFile]]
) -> SourceTree:
    """A folder of the user's as it is built for an image: from what belongs to it, in a copy.

    So neither what a former build left nor what git does not track decides the wheel. The copy is
    one of the whole repository: a project may reach for what lies around it, and for its history.
    """
    files = listed(folder)
    identity = f"files:{project_digest(files)}"
    top = _answer(folder, "rev-parse", "--show-toplevel") if is_repository(folder) else ""
    if not top:
        names = tuple(one.path for one in files)
        return SourceTree(path=folder, filename=filename, identity=identity, files=names)
    above = Path(top)
    place = folder.resolve().relative_to(above.resolve()).as_posix()
    tracked = [name for name in tracked_names(above) if _is_member(above / name)]
    around = _answer(above, "describe", "--always", "--dirty", "--long", "--tags")
    if place != ".":
        around += f" {project_digest(list(listed_files(above, tracked)))}"
    return SourceTree(
        path=above,
        filename=filename,
        identity=identity,
        subdirectory=None if place == "." else place,
        files=tuple(tracked),
        around=around,
    )


def _is_member(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def copy_history(source: Path, copy: Path) -> None:
    """Give a copy of a checkout its history, where git is there: versions may follow from it."""
    if not (source / ".git").exists() or shutil.which("git") is None:
        return
    own = copy / ".git"
    steps = (
        ("clone", "--quiet", "--bare", "--shared", os.fspath(source), os.fspath(own)),
        ("-C", os.fspath(copy), "config", "core.bare", "false"),
        ("-C", os.fspath(copy), "reset", "--quiet"),
    )
    for step in steps:
        if subprocess.run((*GIT, *step), capture_output=True, check=False).returncode != 0:
            # Then there is no history to be had, and a backend that needs it says so.
            shutil.rmtree(own, ignore_errors=True)
            return


def _answer(folder: Path, *words: str) -> str:
    """What git says, in one line; nothing where it does not."""
    try:
        said = subprocess.run((*GIT, *words), cwd=folder, capture_output=True, check=False)
    except FileNotFoundError:
        return ""
    return os.fsdecode(said.stdout).strip() if said.returncode == 0 else ""
