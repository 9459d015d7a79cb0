"""``init``: a manifest with explicit targets, from what lies in the folder; never overwrites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.formats.toml import parse_toml
from lockenv.interchange.imports import (
    Imported,
    parse_import,
    parse_other_tools,
    parse_setup,
)
from lockenv.manifest import extend_pyproject, new_manifest, parse_manifest
from lockenv.model import LOCK_NAME
from lockenv.values import dataclass
from lockenv.workflows.files import names_in, read_text, write_atomically
from lockenv.workflows.importing import importable, prefer, start_of, unmapped_lines
from lockenv.workflows.project import load_beside

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.workflows.scene import Scene

#: One line of git's attributes: a lock is merged by meaning where the driver is installed, shown by
#: meaning in diffs where the textconv is, and never changed by line-ending conversion.
ATTRIBUTES = f"{LOCK_NAME} text eol=lf merge=lockenv diff=lockenv linguist-generated=true\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What the user said about the new project."""

    python: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOutcome:
    """What was written, and what to look at."""

    lines: tuple[str, ...]
    notes: tuple[str, ...]


#: Files that say what a project needs, the first that is there has the word; then pins of locks.
_ROOTS = (
    *("Pipfile", "requirements.txt", "requirements.in"),
    *("environment.yml", "environment.yaml", "build.envd"),
)
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")


def init(scene: Scene, options: InitOptions) -> InitOutcome:
    """Write a manifest and ``.gitattributes`` where there are none."""
    folder = scene.directory
    pyproject = read_text(folder / "pyproject.toml")
    if read_text(folder / "lockenv.toml") is not None:
        raise _exists("lockenv.toml")
    if pyproject is not None:
        _refuse_declared(pyproject)
    found, used = _found(folder, pyproject)
    file = _manifest_for(pyproject, found)
    has_project = pyproject is not None and file == "pyproject.toml"
    start = start_of(
        found,
        targets=(),
        has_project=has_project,
        name=canonicalize_name(options.name or folder.name or "project"),
        python=options.python,
    )
    if has_project and pyproject is not None:
        text = extend_pyproject(pyproject, start)
    else:
        text = new_manifest(file, start)
    parse_manifest(file, text, load=lambda path: load_beside(folder, path))
    write_atomically(folder / file, text)
    lines = [f"{'extended' if has_project else 'wrote'} {file}"]
    if found.pins:
        count = prefer(folder, found)
        lines.append(f"wrote {LOCK_NAME}: {count} pins that the next lockenv lock prefers")
    if write_attributes(folder):
        lines.append("wrote .gitattributes")
    used.update(found.requirements, found.also_read)
    notes = [*found.notes, *unmapped_lines(found), *_unread(folder, used)]
    return InitOutcome(lines=tuple(lines), notes=tuple(notes))


def _exists(name: str) -> InputError:
    return InputError(
        "manifest-exists",
        f"{name} is a manifest already",
        fix="edit it; lockenv init never overwrites",
    )


def _refuse_declared(pyproject: str) -> None:
    tools = parse_toml("pyproject.toml", pyproject).get("tool")
    if isinstance(tools, dict) and "lockenv" in tools:
        raise _exists("pyproject.toml")


def _manifest_for(pyproject: str | None, found: Imported) -> str:
    """A pyproject.toml, or beside what describes no project in standard words a lockenv.toml."""
    if any(rule.path == "." for rules in found.sources.values() for rule in rules):
        return "lockenv.toml"
    if pyproject is None or "project" in parse_toml("pyproject.toml", pyproject):
        return "pyproject.toml"
    return "lockenv.toml" if found.dependencies or found.groups else "pyproject.toml"


def _found(folder: Path, pyproject: str | None) -> tuple[Imported, set[str]]:
    """What all files of a project say together, and which files were read for it."""
    found = Imported("pyproject.toml")
    used = {"pyproject.toml", "apt.txt"}
    described = False
    if pyproject is not None:
        found = parse_other_tools("pyproject.toml", pyproject)
        described = bool(found.dependencies) or _describes(pyproject)
    for name in _ROOTS:
        if described:
            break
        read = _read(folder, name)
        if read is not None:
            found.join(read)
            used.add(name)
            described = read.has_roots and bool(read.dependencies or read.requirements)
    for name in _LOCKS:
        read = _read(folder, name)
        if read is None:
            continue
        used.add(name)
        if described or (read.has_roots and pyproject is not None):
            # Who asks for what is known already: of a lock only its pins and places count.
            read.dependencies, read.groups, read.extras = [], {}, {}
        found.join(read)
        found.file = name
        break
    if pyproject is not None and _describes(pyproject) and not _is_dynamic(pyproject):
        _read_requirements(folder, found, used)
    _read_beside(folder, pyproject, found)
    return found, used


def _read_beside(folder: Path, pyproject: str | None, found: Imported) -> None:
    """What stands apart from requirements: a setup script's project, and Debian's packages."""
    built = None
    if pyproject is None or not _describes(pyproject):
        script, config = read_text(folder / "setup.py"), read_text(folder / "setup.cfg")
        built = parse_setup(script, config, folder.resolve().name)
    for read in (built, _read(folder, "apt.txt")):
        if read is not None:
            found.join(read)


def _read(folder: Path, name: str) -> Imported | None:
    text = read_text(folder / name)
    if text is None:
        return None
    return parse_import(name, text, load=lambda path: load_beside(folder, path))


def _read_requirements(folder: Path, found: Imported, used: set[str]) -> None:
    """Beside ``[project]``, a requirements.txt by hand is read too; a compiled one has pins."""
    read = _read(folder, "requirements.txt")
    if read is None:
        return
    used.add("requirements.txt")
    if read.requirements == ["requirements.txt"]:
        found.requirements += read.requirements
        found.notes.append(
            "requirements.txt is read beside the dependencies of pyproject.toml:"
            " remove requirements from [tool.lockenv] if it is not to be"
        )
    elif read.pins and not found.pins:
        found.pins += read.pins
        found.file = "requirements.txt"
        found.notes += read.notes
    else:
        found.notes.append(
            "dependencies of pyproject.toml stay as they are; requirements.txt is not read"
        )


def _is_dynamic(pyproject: str) -> bool:
    """Whether the build backend says where the dependencies stand; the manifest reads that too."""
    project = parse_toml("pyproject.toml", pyproject).get("project")
    dynamic = project.get("dynamic") if isinstance(project, dict) else None
    return isinstance(dynamic, list) and "dependencies" in dynamic


def _describes(pyproject: str) -> bool:
    return "project" in parse_toml("pyproject.toml", pyproject)


def _unread(folder: Path, used: set[str]) -> list[str]:
    """The other files here that say what to install, and how to read them."""
    rest = [name for name in importable(names_in(folder)) if name not in used]
    return [f"{name} was not read: lockenv import {name}" for name in rest]


def write_attributes(folder: Path) -> bool:
    """Add the lock's line to ``.gitattributes`` where it is not there; whether that was so."""
    path = folder / ".gitattributes"
    text = read_text(path) or ""
    if any(line.split()[:1] == [LOCK_NAME] for line in text.splitlines()):
        return False
    joined = text if not text or text.endswith("\n") else text + "\n"
    write_atomically(path, joined + ATTRIBUTES)
    return True
