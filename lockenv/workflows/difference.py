"""``diff``: two locks, files or git revisions, or two targets of one."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.lockfile import (
    diff,
    diff_json,
    diff_targets,
    parse_lock,
    render_diff_markdown,
    render_diff_text,
)
from lockenv.model import LOCK_NAME, Lock
from lockenv.values import dataclass
from lockenv.workflows.files import read_text
from lockenv.workflows.project import find_project

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOptions:
    """``old`` and ``new`` are files or ``git:REV``; ``targets`` are none or two."""

    old: str | None = None
    new: str | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOutcome:
    """The difference in each form."""

    is_empty: bool
    text: str
    markdown: str
    document: dict[str, object]


def difference(scene: Scene, options: DiffOptions) -> DiffOutcome:
    """Compare what the options name; by default ``git:HEAD`` with the working file."""
    if len(options.targets) not in {0, 2}:
        raise InputError("usage", "--target is given twice, or not at all", fix="name two targets")
    folder, _ = find_project(scene.directory)
    if options.targets:
        lock = lock_at(scene, folder, options.old)
        found = diff_targets(lock, *(_known(lock, name) for name in options.targets))
        every: list[str] = []
    else:
        old = lock_at(scene, folder, options.old or "git:HEAD")
        new = lock_at(scene, folder, options.new)
        found = diff(old, new)
        every = [target.name for target in new.targets]
    return DiffOutcome(
        is_empty=found.is_empty,
        text=render_diff_text(found, every),
        markdown=render_diff_markdown(found, every),
        document=json.loads(diff_json(found)),
    )


def _known(lock: Lock, name: str) -> str:
    if any(target.name == name for target in lock.targets):
        return name
    every = ", ".join(target.name for target in lock.targets)
    raise InputError(
        "no-target",
        f"{LOCK_NAME} has no target {name}",
        why=f"it has {every}",
        fix="name one of these, or add the target to the manifest and run lockenv lock",
    )


def lock_at(scene: Scene, folder: Path, place: str | None) -> Lock:
    """The lock of a file or ``git:REV`` (empty where that has none); None is the working file."""
    if place is None:
        text = read_text(folder / LOCK_NAME)
        name = LOCK_NAME
    elif place.startswith("git:"):
        text, name = _from_git(folder, place.removeprefix("git:")), place
        if text is None:
            return Lock()
    else:
        text, name = read_text(scene.directory / place), place
    if text is None:
        raise InputError("no-lock", f"there is no {name}", fix="lockenv lock, or name a file")
    return parse_lock(text, name=name)


def _from_git(folder: Path, revision: str) -> str | None:
    """The lock of a revision; None where that revision has none."""
    if revision.startswith("-"):
        raise InputError("no-revision", f"{revision} is no revision", fix="name a commit or branch")
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if known.returncode and revision == "HEAD" and _is_unborn(folder):
        return None  # nothing was committed yet: everything is new
    if known.returncode:
        raise InputError(
            "no-revision",
            f"git knows no revision {revision} in {folder}",
            fix="name a commit or branch, or two files",
        )
    shown = subprocess.run(
        ["git", "show", f"{revision}:./{LOCK_NAME}"], cwd=folder, capture_output=True, check=False
    )
    return None if shown.returncode else shown.stdout.decode("utf-8", errors="replace")


def _is_unborn(folder: Path) -> bool:
    """Whether this is a repository without a commit: HEAD names a branch that is not there."""
    found = subprocess.run(
        ["git", "symbolic-ref", "--quiet", "HEAD"], cwd=folder, capture_output=True, check=False
    )
    return found.returncode == 0
