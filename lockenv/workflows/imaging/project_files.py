"""The project's own files, as an image holds them in ``/app``."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.materialize import ProjectFile, is_archive
from lockenv.model import LOCK_NAME, sha256
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockenv.model import Digest

#: What never belongs into an image, whatever git thinks of it.
_LEFT_OUT = {".git", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
#: The same where there is no git to say so: what tools put beside a project's own files.
_TOOLS_FOLDERS = {".hg", ".svn", ".tox", ".nox", ".eggs", ".hypothesis", ".ipynb_checkpoints"}
#: The files by which an image layout (OCI), an environment (PEP 405), and a cache (Cache Directory
#: Tagging) are known.
_MARKS = ("oci-layout", "pyvenv.cfg", "CACHEDIR.TAG")
#: A folder of a bundle or store, where files lie by their hash.
_BUNDLE = re.compile(r"/blobs/sha256/[0-9a-f]{2}$")
#: How a file of ``--metadata-file`` begins.
METADATA_HEAD = b'{\n  "containerimage.digest": "sha256:'
#: Only lists are asked for. So a repository that another user owns (a checkout that is mounted into
#: a container) is read too, without the one program that its configuration could have git run.
GIT = ("git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false")
_LIST = (*GIT, "ls-files", "-z", "--cached", "--recurse-submodules")


def project_files(root: Path) -> Iterator[ProjectFile]:
    """The project's own files: those that git tracks, else all but what tools make.

    What git does not track stays out: it may be a secret, and another checkout does not have it.
    An image, environment, bundle or cache that lies in the project is never a part of it.
    `HostError` where there is a repository and git cannot tell.
    """
    yield from listed_files(root, tracked_names(root) if is_repository(root) else _all(root))


def is_repository(root: Path) -> bool:
    """Whether git is asked at all: a folder above has a repository, or is a working tree of one."""
    place = root.resolve()
    return "GIT_DIR" in os.environ or any((up / ".git").exists() for up in (place, *place.parents))


def tracked_names(root: Path) -> list[str]:
    """The names that git tracks below a folder, sorted; `HostError` where it cannot tell."""
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
    found: list[str] = []
    for place, folders, files in os.walk(root):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [
            name for name in folders if name not in links and not _is_made_folder(here / name)
        ]
        names = [*links, *(name for name in files if not _is_made_file(here / name))]
        found += [(here / name).relative_to(root).as_posix() for name in names]
    return sorted(found)


def _is_made_folder(folder: Path) -> bool:
    """Whether tools made a folder: environments, images, caches and bundles carry their marks."""
    return (
        folder.name in _LEFT_OUT | _TOOLS_FOLDERS
        or folder.name.endswith(".egg-info")
        or any((folder / mark).is_file() for mark in _MARKS)
        or _BUNDLE.search(folder.as_posix()) is not None
    )


def _is_made_file(file: Path) -> bool:
    """Whether a file is one of our own outputs, or half of one: an image, its digests, a lock."""
    if file.is_symlink() or not file.is_file():
        return False
    if file.name.startswith(f".{LOCK_NAME}.") or is_archive(file):
        return True
    with file.open("rb") as content:
        return content.read(len(METADATA_HEAD)) == METADATA_HEAD


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


def files_below(root: Path, files: Sequence[ProjectFile], folder: Path) -> Sequence[ProjectFile]:
    """The files that belong to a folder; ``files`` are those of the project in ``root``."""
    here = folder.resolve()
    if here.is_relative_to(root.resolve()) and files:
        prefix = here.relative_to(root.resolve()).as_posix() + "/"
        if prefix == "./":
            return files
        return [
            replace(one, path=one.path.removeprefix(prefix))
            for one in files
            if one.path.startswith(prefix)
        ]
    return list(project_files(folder))


def project_digest(files: Sequence[ProjectFile]) -> Digest:
    """The digest of a project's tree as an image holds it: paths, modes, contents, links."""
    rows = [
        [one.path, one.executable, f"-> {one.target}" if one.target else _sha256(one.source)]
        for one in files
    ]
    text = json.dumps(sorted(rows), separators=(",", ":"), ensure_ascii=False)
    return sha256(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
