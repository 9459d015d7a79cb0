"""Which environments of this user stand on the store: a note each, beside the store."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lockenv.materialize import read_installed
from lockenv.workflows.files import is_there, read_text, write_atomically


def register(data_dir: Path, root: Path) -> None:
    """Note an environment, so that pruning keeps what it uses."""
    folder = data_dir / "environments"
    note = folder / hashlib.sha256(str(root).encode("utf-8")).hexdigest()[:32]
    if not is_there(note):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(note, f"{root}\n")


def registered_digests(data_dir: Path) -> set[str]:
    """The digits of every artifact that a registered environment holds; forgets those gone."""
    found: set[str] = set()
    for note in sorted((data_dir / "environments").glob("[0-9a-f]*")):
        text = read_text(note)
        root = Path((text or "").strip() or "/nonexistent")
        installed = read_installed(root)
        if not installed.is_ours:
            note.unlink(missing_ok=True)
            continue
        found |= {package.artifact.rpartition(":")[2] for package in installed.packages}
        found.add(installed.python_build)
    return found
