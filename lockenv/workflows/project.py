"""One project: where it is, what its manifest asks, what its lock says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import DriftError, InputError
from lockenv.lockfile import parse_lock
from lockenv.manifest import choose_manifest, line_of, parse_manifest
from lockenv.model import LOCK_NAME, Lock, Manifest, Origin
from lockenv.values import dataclass
from lockenv.workflows.files import is_there, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFESTS = ("pyproject.toml", "lockenv.toml")


@dataclass(frozen=True, slots=True)
class Project:
    """A project's folder and its manifest, read."""

    root: Path
    manifest: Manifest

    @property
    def lock_path(self) -> Path:
        """Where its lock stands, or will."""
        return self.root / LOCK_NAME

    def place(self, origin: Origin) -> str:
        """``pyproject.toml:9``, for messages."""
        line = line_of(self.manifest, origin)
        return f"{origin.file}:{line}" if line else origin.file

    def line(self, origin: Origin) -> int | None:
        """The line of something that was asked."""
        return line_of(self.manifest, origin)


def find_project(start: Path) -> tuple[Path, str]:
    """The nearest folder upwards that has a manifest, and the manifest's name (contract 2).

    Looks no further than the repository's root. Raises `InputError` where there is none.
    """
    for folder in _upwards(start):
        name = manifest_in(folder)
        if name is not None:
            return folder, name
    raise InputError(
        "no-manifest",
        f"there is no manifest in {start} or above it, up to the repository's root",
        why="a manifest is a lockenv.toml, or a pyproject.toml with [project] or [tool.lockenv]",
        fix="lockenv init",
    )


def manifest_in(folder: Path) -> str | None:
    """The name of a folder's manifest, or None."""
    texts = [read_text(folder / name) for name in MANIFESTS]
    return choose_manifest(*texts) if any(text is not None for text in texts) else None


def _upwards(start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        yield folder
        if is_there(folder / ".git"):
            return


def place_in_repository(folder: Path) -> str:
    """A folder's path from the root of its repository; empty for that, and where there is none."""
    for above in (folder, *folder.parents):
        if is_there(above / ".git"):
            return "" if above == folder else folder.relative_to(above).as_posix()
    return ""


def read_project(start: Path) -> Project:
    """Find and read the project that a folder belongs to; `FaultsError` with all its faults."""
    root, name = find_project(start)
    text = read_text(root / name)
    if text is None:
        raise InputError("no-manifest", f"{name} vanished while it was read", fix="run it again")
    project = project_of(root, name, text)
    _refuse_other_versions(project)
    return project


def _refuse_other_versions(project: Project) -> None:
    """Refuse to work where ``requires-lockenv`` asks for another lockenv."""
    wanted = project.manifest.requires_lockenv
    if wanted is None:
        return
    from lockenv import __version__  # noqa: PLC0415 - start-up: few manifests ask

    if not wanted.contains(__version__, prereleases=True):
        raise InputError(
            "other-lockenv",
            f"{project.manifest.file} asks for lockenv{wanted}, this is {__version__}",
            fix=f"install lockenv{wanted}",
        )


def project_of(root: Path, name: str, text: str) -> Project:
    """The project that a manifest's text describes, with what the lock that it follows adds."""

    def load(path: str) -> str | None:
        return load_beside(root, path)

    manifest = parse_manifest(name, text, load=load)
    if manifest.follow is not None:
        from lockenv.workflows.following import with_followed  # noqa: PLC0415 - start-up: few follow

        manifest = with_followed(manifest, load)
    return Project(root, manifest)


def load_beside(root: Path, path: str) -> str | None:
    """The text of another file that a manifest names, by its path from the project's folder."""
    if Path(path).is_absolute() or "\x00" in path:
        return None
    return read_text(root / path)


def read_lock(root: Path) -> tuple[Lock, str]:
    """The lock of a project folder and its text, read strictly.

    Raises `DriftError` where there is none, and what `parse_lock` raises.
    """
    text = read_text(root / LOCK_NAME)
    if text is None:
        raise DriftError(
            "LE101", f"there is no {LOCK_NAME} in {root}", fix="lockenv lock, then commit the file"
        )
    return parse_lock(text), text
