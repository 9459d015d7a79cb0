"""``merge-driver``: git's three locks to one by meaning; and a lock as lines for ``git diff``."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from lockenv.errors import InputError, LockenvError
from lockenv.lockfile import (
    diff,
    merge,
    parse_lock,
    render_diff_text,
    render_lock,
    render_things,
    settle,
)
from lockenv.manifest import parse_manifest
from lockenv.model import LOCK_NAME, Lock
from lockenv.values import dataclass
from lockenv.workflows.files import read_text, write_atomically
from lockenv.workflows.judging import own_findings
from lockenv.workflows.lock import LockOptions, answer, ask
from lockenv.workflows.project import MANIFESTS, Project, load_beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.workflows.scene import Scene

#: What git is told, by `doctor --install-merge-driver`: in the repository's own configuration.
GIT_SETTINGS = {
    "merge.lockenv.name": "lockenv: merge locks by meaning",
    "merge.lockenv.driver": "lockenv merge-driver %O %A %B %P",
    "diff.lockenv.textconv": "lockenv merge-driver --textconv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """The files that git names: base, ours (which becomes the result), theirs, and the path."""

    base: str
    ours: str
    theirs: str
    path: str = LOCK_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOutcome:
    """What came of it: status 0, or 1 where ``lockenv lock`` has to finish it."""

    status: int
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def merge_locks(scene: Scene, options: MergeOptions) -> MergeOutcome:
    """Write the merged lock into the file of ours; with conflict markers where it is not decided.

    What only one side changed is taken. Where both moved a pin, the newer that fits stays; where
    nothing fits, those pins are resolved again against the merged manifest.
    """
    folder = scene.directory
    places = {
        "base": folder / options.base,
        "ours": folder / options.ours,
        "theirs": folder / options.theirs,
    }
    texts = {name: read_text(place) for name, place in places.items()}
    if texts["ours"] is None or texts["theirs"] is None:
        gone = options.ours if texts["ours"] is None else options.theirs
        raise InputError("no-lock", f"there is no {gone}", fix="name the three files that git has")
    try:
        base, ours, theirs = (
            parse_lock(text, name=name) if text else Lock() for name, text in texts.items()
        )
    except LockenvError as error:
        return _unmerged(places, f"{options.path} cannot be merged by meaning: {error.what}")
    merged = settle(base, ours, theirs)
    if merged is not None and not _is_wrong(merged):
        return _written(places["ours"], ours, merged, options.path)
    half = merge(base, ours, theirs)
    names = sorted({name for found in half.conflicts.values() for name in found})
    resolved = _resolved_again(scene, options, half.lock)
    said = f"{options.path}: both sides moved {', '.join(names)}" if names else options.path
    if resolved is not None:
        return _written(places["ours"], ours, resolved, f"{said}: resolved again")
    return _unmerged(places, f"{said}: merge the manifest, then run lockenv lock")


def _is_wrong(lock: Lock) -> bool:
    return any(one.severity == "error" for one in own_findings(lock, render_lock(lock)))


def _written(place: Path, ours: Lock, merged: Lock, said: str) -> MergeOutcome:
    write_atomically(place, render_lock(merged))
    text = render_diff_text(diff(ours, merged), [target.name for target in merged.targets])
    return MergeOutcome(status=0, lines=tuple(text.splitlines()), notes=(f"{said}: merged",))


def _unmerged(places: dict[str, Path], note: str) -> MergeOutcome:
    """Conflict markers with their base, in which `lock` finds all three sides again."""
    names = [word for name in ("ours", "base", "theirs") for word in ("-L", name)]
    files = [str(places[name]) for name in ("ours", "base", "theirs")]
    done = _git(places["ours"].parent, "merge-file", "-q", "-p", "--diff3", *names, *files)
    if done is None:
        sides = [read_text(places[name]) or "" for name in ("ours", "base", "theirs")]
        done = "<<<<<<< ours\n{}||||||| base\n{}=======\n{}>>>>>>> theirs\n".format(*sides)
    write_atomically(places["ours"], done)
    return MergeOutcome(status=1, notes=(note,))


# -- the manifest of the merge ---------------------------------------------------------------------


def _resolved_again(scene: Scene, options: MergeOptions, half: Lock) -> Lock | None:
    """The half-merged lock made to answer the merged manifest; None where that is not known."""
    project = _merged_project(scene.directory, options.path)
    if project is None:
        return None
    try:
        return answer(scene, ask(scene, project, half, LockOptions())).lock
    except LockenvError:
        return None  # the person who merges sees the reason from `lockenv lock`


def _merged_project(top: Path, path: str) -> Project | None:
    """The project with its manifest as this merge will have it: git writes that only afterwards."""
    sides = _sides(top)
    folder = (top / path).parent
    for name in MANIFESTS if sides else ():
        inside = (folder / name).relative_to(top).as_posix()
        texts = [_git(top, "show", f"{commit}:{inside}") for commit in sides]
        if any(text is None for text in texts):
            continue
        text = _merged_text(folder, texts)
        if text is None:
            return None
        try:
            manifest = parse_manifest(name, text, load=lambda one: load_beside(folder, one))
        except LockenvError:
            return None
        return Project(folder, manifest)
    return None


def _sides(top: Path) -> list[str]:
    """The commits of ours, the base and theirs of the merge that git is in; none where unknown."""
    named = [key[8:] for key in os.environ if key.startswith("GITHEAD_") and len(key) >= 48]
    head = (_git(top, "rev-parse", "HEAD") or "").strip()
    theirs = [commit for commit in named if commit != head]
    if len(theirs) == 1:
        base = (_git(top, "merge-base", "HEAD", theirs[0]) or "").strip()
        return [head, base, theirs[0]] if head and base else []
    picked = _picked(top)
    return [head, f"{picked}^", picked] if head and picked else []


def _picked(top: Path) -> str:
    """The commit that a rebase is about to put on top."""
    place = (_git(top, "rev-parse", "--git-path", "rebase-merge/done") or "").strip()
    lines = (read_text(top / place) or "").splitlines() if place else []
    words = lines[-1].split() if lines else []
    return words[1] if len(words) > 1 and words[0] in {"pick", "reword", "edit"} else ""


def _merged_text(folder: Path, texts: list[str | None]) -> str | None:
    import tempfile  # noqa: PLC0415 - start-up: only for this

    with tempfile.TemporaryDirectory() as scratch:
        names = []
        for number, text in enumerate(texts):
            names.append(os.path.join(scratch, str(number)))  # noqa: PTH118 - a word for git
            with open(names[-1], "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - likewise
                file.write(text or "")
        return _git(folder, "merge-file", "-q", "-p", *names, clean=True)


def _git(folder: Path, *words: str, clean: bool = False) -> str | None:
    """What git answers; None where it cannot. A conflict is an answer, unless ``clean``."""
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)
    except OSError:
        return None
    is_merge = words[0] == "merge-file" and not clean and 0 < done.returncode < 128
    if done.returncode and not is_merge:
        return None
    return done.stdout.decode("utf-8", "replace")


# -- for git diff, and git's settings ------------------------------------------------------------


def lock_as_lines(scene: Scene, path: str) -> str:
    """A lock as ``git diff`` shall see it: one line a thing; as it is where it cannot be read."""
    text = read_text(scene.directory / path)
    if text is None:
        raise InputError("no-lock", f"there is no {path}", fix="name a file")
    try:
        return render_things(parse_lock(text))
    except LockenvError:
        return text


def install_driver(folder: Path) -> Iterator[str]:
    """Write git's settings into the repository's own configuration; a line for each that is new."""
    if _git(folder, "rev-parse", "--git-dir") is None:
        raise InputError(
            "no-repository",
            f"{folder} is in no git repository",
            fix="git init, or name a folder of the repository with -C",
        )
    for key, value in GIT_SETTINGS.items():
        if (_git(folder, "config", "--local", "--get", key) or "").rstrip("\n") == value:
            continue
        if _git(folder, "config", "--local", key, value) is None:
            raise InputError("unwritable", f"git did not take {key}", fix="mend .git/config")
        yield f"set {key}"


def driver_state(folder: Path) -> str:
    """Whether this repository merges locks by meaning, and what would make it."""
    if _git(folder, "rev-parse", "--git-dir") is None:
        return "no repository"
    have = all(
        (_git(folder, "config", "--get", key) or "").rstrip("\n") == value
        for key, value in GIT_SETTINGS.items()
    )
    shown = _git(folder, "check-attr", "merge", LOCK_NAME) or ""
    if have and shown.rstrip().endswith(": lockenv"):
        return "locks merge by meaning"
    if have:
        return "the driver is installed, .gitattributes does not name it (lockenv init writes it)"
    return "not installed (lockenv doctor --install-merge-driver)"
