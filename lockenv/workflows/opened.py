"""A project opened as its lock says: refused where that is broken or stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import DriftError, IntegrityError
from lockenv.model import LOCK_NAME
from lockenv.values import dataclass
from lockenv.workflows.judging import contradictions, drift
from lockenv.workflows.project import find_project, read_lock, read_project

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.model import Lock, Manifest
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A project as ``sync`` needs it: the manifest is not read with ``--frozen``."""

    root: Path
    lock: Lock
    manifest: Manifest | None


def open_locked(scene: Scene, *, frozen: bool = False) -> Opened:
    """The lock of the project, refused where it no longer answers the manifest."""
    if frozen:
        folder, _ = find_project(scene.directory)
        lock, text = read_lock(folder)
        refuse_broken(lock, text)
        return Opened(root=folder, lock=lock, manifest=None)
    project = read_project(scene.directory)
    lock, text = read_lock(project.root)
    refuse_broken(lock, text)
    refuse_stale(project, lock)
    return Opened(root=project.root, lock=lock, manifest=project.manifest)


def refuse_broken(lock: Lock, text: str) -> None:
    """`IntegrityError` where the lock contradicts itself: nothing is made from it."""
    findings = contradictions(lock, text)
    if not findings:
        return
    first, *others = findings
    raise IntegrityError(
        first.code,
        first.message,
        why=[f"{finding.code}: {finding.message}" for finding in others[:8]],
        fix=f"git restore {LOCK_NAME}, or lockenv lock",
    )


def refuse_stale(project: Project, lock: Lock) -> None:
    """`DriftError` with the findings where the lock does not answer the manifest."""
    findings = [finding for finding in drift(project, lock) if finding.severity == "error"]
    if not findings:
        return
    raise DriftError(
        "stale-lock",
        f"{LOCK_NAME} no longer answers {project.manifest.file}",
        why=[f"{finding.code}: {finding.message}" for finding in findings[:8]],
        fix="lockenv lock, then sync again (or --frozen, to take the lock as it is)",
    )
