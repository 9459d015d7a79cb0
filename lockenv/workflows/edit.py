"""``add`` and ``remove``: edit the manifest, lock, sync; without a solution nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.manifest import Where, add_requirement, remove_requirement
from lockenv.values import dataclass
from lockenv.workflows.files import read_text, write_atomically
from lockenv.workflows.lock import LockOptions, lock
from lockenv.workflows.project import find_project, project_of
from lockenv.workflows.sync import SyncOptions, sync

if TYPE_CHECKING:
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOptions:
    """``verb`` is add or remove; the place is the project's own list unless one is named."""

    verb: str
    requirements: tuple[str, ...]
    group: str | None = None
    extra: str | None = None
    system: bool = False
    target: str | None = None
    lock: bool = True
    sync: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOutcome:
    """What changed, for a person."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    summary: str = ""


def edit(scene: Scene, options: EditOptions) -> EditOutcome:
    """Edit the manifest and everything that follows from it.

    The edited manifest is locked before it is written, so that a requirement without a solution
    leaves both files as they were.
    """
    root, name = find_project(scene.directory)
    text = read_text(root / name)
    if text is None:
        raise InputError("no-manifest", f"{name} vanished while it was read", fix="run it again")
    edited = text
    where = Where(
        group=options.group, extra=options.extra, target=options.target, system=options.system
    )
    change = add_requirement if options.verb == "add" else remove_requirement
    for requirement in options.requirements:
        edited = change(edited, name, requirement, where)
    project = project_of(root, name, edited)
    if not options.lock:
        write_atomically(root / name, edited)
        return EditOutcome(summary=f"{name} written")
    outcome = lock(scene, LockOptions(dry_run=True), project)
    if edited != text:
        write_atomically(root / name, edited)
    write_atomically(root / "lockenv.lock", outcome.text)
    lines = outcome.difference.splitlines()
    notes = list(outcome.notes)
    summary = f"{name} and lockenv.lock written"
    if options.sync:
        synced = sync(scene, SyncOptions())
        notes += synced.notes
        summary = f"{summary}; {synced.summary}"
    return EditOutcome(lines=tuple(lines), notes=tuple(notes), summary=summary)
