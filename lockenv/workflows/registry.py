"""Which environments of this user stand on the store: a note each, beside the store."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from lockenv.errors import LockenvError
from lockenv.materialize import read_installed
from lockenv.workflows.files import is_there, read_text, write_atomically


def _note(data_dir: Path, root: Path) -> Path:
    digits = hashlib.sha256(str(root).encode("utf-8")).hexdigest()[:32]
    return data_dir / "environments" / digits


def register(data_dir: Path, root: Path) -> None:
    """Note an environment, so that pruning keeps what it uses."""
    note = _note(data_dir, root)
    if not note.exists():  # unwitnessed: no answer follows from it
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(note, f"{root}\n")


def note_damage(data_dir: Path, root: Path) -> None:
    """Note that files of an environment were changed, so that the next sync reads them all.

    The check that finds it changes nothing in the environment; without a store the note is lost.
    """
    with contextlib.suppress(LockenvError, OSError):
        note = _note(data_dir, root).with_suffix(".damaged")
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(note, f"{root}\n")


def is_damaged(data_dir: Path, root: Path) -> bool:
    """Whether a check found changed files since the last sync."""
    return is_there(_note(data_dir, root).with_suffix(".damaged"))


def forget_damage(data_dir: Path, root: Path) -> None:
    """The environment is whole again."""
    _note(data_dir, root).with_suffix(".damaged").unlink(missing_ok=True)


def registered_digests(data_dir: Path) -> set[str]:
    """The digits of every artifact that a registered environment holds, and the tree it leads into.

    Forgets environments that are gone.
    """
    found: set[str] = set()
    for note in sorted((data_dir / "environments").glob("[0-9a-f]*")):
        if note.suffix:
            continue
        text = read_text(note)
        root = Path((text or "").strip() or "/nonexistent")
        installed = read_installed(root)
        if not installed.is_ours:
            note.unlink(missing_ok=True)
            continue
        found |= {package.artifact.rpartition(":")[2] for package in installed.packages}
        found |= {installed.python_build, installed.tree}
    return found
