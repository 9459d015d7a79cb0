"""The project's own files, as an image holds them in ``/app``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.materialize import ProjectFile
from lockenv.model import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: What never belongs into an image, whatever git thinks of it.
_LEFT_OUT = {".git", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
#: Only a list is asked for. So a repository that another user owns (a checkout that is mounted into
#: a container) is read too, without the one program that its configuration could have git run.
_LIST = (
    "git",
    *("-c", "safe.directory=*", "-c", "core.fsmonitor=false"),
    *("ls-files", "-z", "--cached", "--recurse-submodules"),
)


def project_files(root: Path) -> Iterator[ProjectFile]:
    """The project's own files: those that git tracks, else all but what tools make.

    What git does not track stays out: it may be a secret, and another checkout does not have it.
    `HostError` where there is a repository and git cannot tell.
    """
    yield from listed_files(root, _tracked(root) if _is_repository(root) else _all(root))


def _is_repository(root: Path) -> bool:
    """Whether git is asked at all: a folder above has a repository, or is a working tree of one."""
    place = root.resolve()
    return "GIT_DIR" in os.environ or any((up / ".git").exists() for up in (place, *place.parents))


def _tracked(root: Path) -> list[str]:
    try:
        listed = subprocess.run(_LIST, cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        raise _untold("git is not installed") from None
    if listed.returncode != 0:
        raise _untold(listed.stderr.decode("utf-8", "replace").strip())
    return sorted(set(os.fsdecode(listed.stdout).split("\0")) - {""})


def _untold(why: str) -> HostError:
    return HostError(
        "git-cannot-tell",
        "git does not say which files belong to the project",
        why=(*why.splitlines(), "what git does not track must not get into an image"),
        fix="make `git ls-files` work here, or say project = false in [image]",
    )


def _all(root: Path) -> list[str]:
    layouts = {marker.parent for marker in root.rglob("oci-layout")}
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if (path.is_file() or path.is_symlink()) and layouts.isdisjoint(path.parents)
    )


def listed_files(root: Path, names: Iterable[str]) -> Iterator[ProjectFile]:
    """Those of the names that are files or links, and belong into an image."""
    for name in names:
        source = root / name
        # The lock's projection stands elsewhere: nothing inside depends on what --record writes.
        if name == LOCK_NAME or set(Path(name).parts) & _LEFT_OUT:
            continue
        if source.is_symlink():
            yield ProjectFile(path=name, source=source, target=os.fspath(source.readlink()))
        elif source.is_file():
            executable = bool(source.stat().st_mode & 0o100)
            yield ProjectFile(path=name, source=source, executable=executable)
