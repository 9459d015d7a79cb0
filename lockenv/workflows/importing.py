"""``import``: another tool's file becomes requirements of the manifest and preferences of the lock.

`init` uses the same readers, so a project comes over the same way by either.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lockenv.errors import InputError, LockenvError
from lockenv.formats.toml import parse_toml
from lockenv.host import machine_here
from lockenv.interchange.imports import kind_of_file, parse_import, requirement_name
from lockenv.lockfile import parse_lock, render_lock
from lockenv.manifest import (
    Start,
    Where,
    add_requirement,
    append_tables,
    extend_pyproject,
    new_manifest,
    parse_manifest,
)
from lockenv.model import LOCK_NAME, PLATFORMS, Lock, Manifest, Preference
from lockenv.values import dataclass, replace
from lockenv.workflows.files import read_text, write_atomically
from lockenv.workflows.project import load_beside, manifest_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.interchange.imports import Imported
    from lockenv.model import Ask
    from lockenv.workflows.scene import Scene

#: Locks of other tools have 10 MB at the most.
LARGEST = 256 * 1024 * 1024
#: Debian's current stable release but one: what most base images stand on.
SUITE = "bookworm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Which file to read."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What was written, and what did not map, for a person."""

    lines: tuple[str, ...]
    notes: tuple[str, ...]


def import_file(scene: Scene, options: ImportOptions) -> ImportOutcome:
    """Read a file, add what it asks to the manifest, keep its pins for the next lock."""
    path = scene.directory / options.file
    _refuse_large(path, options.file)
    text = read_text(path)
    if text is None:
        raise InputError("no-file", f"there is no file {options.file}", fix="name one that exists")
    root = _root(scene.directory, path)
    name = _relative(path, root)
    stays = not name.startswith("..")
    found = parse_import(name, text, load=lambda one: load_beside(root, one), stays=stays)
    lines, notes = written(root, found, ())
    return ImportOutcome(lines=tuple(lines), notes=tuple(notes))


def _refuse_large(path: Path, name: str) -> None:
    """Refuse by its size what would not fit into memory; a file that is not there is told later."""
    try:
        size = path.stat().st_size
    except OSError:
        return
    if size > LARGEST:
        raise InputError(
            "too-large",
            f"{name} has {size} bytes, more than any file of its kind",
            fix="name another file",
        )


def _root(start: Path, path: Path) -> Path:
    """The folder of the project that the current folder belongs to, else that of the file."""
    for folder in (start, *start.parents):
        if manifest_in(folder) is not None:
            return folder
        if (folder / ".git").exists():
            break
    return path.parent if path.parent.is_relative_to(start) else start


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return Path("..", path.name).as_posix() if path.parent == root.parent else str(path)


def written(root: Path, found: Imported, targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Write manifest and preferences; what was done, and what its reader should know."""
    name = manifest_in(root)
    text = read_text(root / name) if name is not None else None
    if name is None or text is None or not _is_declared(name, text):
        name, text, lines = _begun(root, found, targets)
        notes: list[str] = []
    else:
        text, lines, notes = _edited(root, name, text, found)
    parse_manifest(name, text, load=lambda path: load_beside(root, path))
    if read_text(root / name) != text:
        write_atomically(root / name, text)
    if found.pins:
        count = prefer(root, found)
        lines.append(f"{count} pins of {found.file} are preferences of the next lockenv lock")
    notes = [*found.notes, *notes, *unmapped_lines(found)]
    return lines, notes


def _is_declared(name: str, text: str) -> bool:
    if name != "pyproject.toml":
        return True
    tools = parse_toml(name, text).get("tool")
    return isinstance(tools, dict) and "lockenv" in tools


def unmapped_lines(found: Imported) -> list[str]:
    """What did not map, a line each, in the order of the file."""
    lines = []
    for one in found.lost():
        place = f"{one.file}:{one.line}: " if one.line else f"{one.file}: "
        lines.append(f"{place}{one.what} did not map: {one.why}")
    return lines


def prefer(root: Path, found: Imported) -> int:
    """Keep the pins for the next lock; how many there are."""
    path = root / LOCK_NAME
    text = read_text(path)
    former = parse_lock(text) if text is not None else Lock()
    new = [
        Preference(
            name=canonicalize_name(pin.name),
            version=pin.version,
            marker=pin.marker,
            source=found.file,
        )
        for pin in found.pins
    ]
    names = {one.name for one in new}
    kept = [one for one in former.preferences if one.name not in names]
    write_atomically(path, render_lock(replace(former, preferences=(*kept, *new))))
    return len(set(new))


def start_of(
    found: Imported,
    *,
    targets: Sequence[str],
    has_project: bool,
    name: str | None,
    python: str | None = None,
) -> Start:
    """A first manifest with what a file says."""
    known = targets or default_targets()
    chosen = python or found.python or _python_here(found.requires_python)
    wants_system = bool(found.system_packages or found.suite or found.image)
    return Start(
        targets=known,
        python=[chosen] if chosen else [],
        requires_python=None if has_project else found.requires_python or _at_least(chosen),
        name=None if has_project else name,
        dependencies=() if has_project else tuple(dict.fromkeys(found.dependencies)),
        extras={} if has_project else found.extras,
        groups={} if has_project else found.groups,
        requirements=found.requirements,
        constraints=found.constraints,
        overrides=found.overrides,
        distribution=found.distribution or "debian",
        suite=(found.suite or SUITE) if wants_system else None,
        system_packages=found.system_packages,
        indexes=found.indexes,
        sources=found.sources,
        prerelease=found.prerelease,
        sdist=found.sdist,
        image=found.image,
    )


def default_targets() -> list[str]:
    """linux-x86_64 and this machine's."""
    here = machine_here().platform
    return sorted({"linux-x86_64", *([here] if here in PLATFORMS else [])})


def _python_here(requires: str | None) -> str | None:
    """This interpreter's X.Y where the project admits it; else `lock` takes the newest."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        fits = requires is None or SpecifierSet(requires).contains(f"{here}.99")
    except ValueError:
        fits = False
    return here if fits else None


def _at_least(python: str | None) -> str | None:
    return f">={python.removesuffix('t')}" if python else None


def _begun(root: Path, found: Imported, targets: Sequence[str]) -> tuple[str, str, list[str]]:
    """The first manifest, beside or behind what lies there."""
    pyproject = read_text(root / "pyproject.toml")
    project = canonicalize_name(root.name or "project")
    if pyproject is None:
        start = start_of(found, targets=targets, has_project=False, name=project)
        return "pyproject.toml", new_manifest("pyproject.toml", start), ["wrote pyproject.toml"]
    if "project" in parse_toml("pyproject.toml", pyproject):
        start = start_of(found, targets=targets, has_project=True, name=None)
        text = extend_pyproject(pyproject, start)
        return "pyproject.toml", _with_missing(text, found), ["extended pyproject.toml"]
    start = start_of(found, targets=targets, has_project=False, name=project)
    return "lockenv.toml", new_manifest("lockenv.toml", start), ["wrote lockenv.toml"]


def _with_missing(text: str, found: Imported) -> str:
    """The project's own lists with what a file asks beyond them; a mere lock asks nothing."""
    if not found.has_roots:
        return text
    manifest = parse_manifest("pyproject.toml", text, load=lambda _: None)
    return _added(text, "pyproject.toml", manifest, found)[0]


def _edited(root: Path, name: str, text: str, found: Imported) -> tuple[str, list[str], list[str]]:
    """A manifest of ours with what the file asks beyond it; its own words stay."""
    manifest = parse_manifest(name, text, load=lambda path: load_beside(root, path))
    if not (found.has_roots or _is_empty(manifest)):
        found.dependencies.clear()
    edited, lines = _added(text, name, manifest, found)
    rest = Start(
        targets=(),
        indexes=[
            one for one in found.indexes if all(one.url != own.url for own in manifest.indexes)
        ],
        sources={key: rules for key, rules in found.sources.items() if key not in manifest.sources},
        image={} if manifest.images else found.image,
    )
    notes = [f"add to the manifest: {line}" for line in _missing_keys(manifest, found)]
    try:
        edited = append_tables(edited, name, rest)
    except LockenvError:
        notes.append(f"add to the manifest what {found.file} says of indexes and sources")
    return edited, lines, notes


def _is_empty(manifest: Manifest) -> bool:
    return not (manifest.dependencies or manifest.optional_dependencies or manifest.groups)


def _missing_keys(manifest: Manifest, found: Imported) -> Iterable[str]:
    """Lines for keys that stand in a table of their own words: a person has to place them."""
    for path in found.requirements:
        if path not in manifest.files:
            yield f'requirements = ["{path}"]'
    constraints = {str(ask.requirement) for ask in manifest.constraints}
    if set(found.constraints) - constraints:
        yield f"constraints = {sorted(set(found.constraints) - constraints)}".replace("'", '"')
    overrides = {str(ask.requirement) for ask in manifest.overrides}
    if set(found.overrides) - overrides:
        yield f"overrides = {sorted(set(found.overrides) - overrides)}".replace("'", '"')
    if found.python and not manifest.python:
        yield f'python = "{found.python}"'
    if found.prerelease and manifest.prerelease != found.prerelease:
        yield f'prerelease = "{found.prerelease}"'


def _added(text: str, name: str, manifest: Manifest, found: Imported) -> tuple[str, list[str]]:
    asked = {
        Where(): (
            {_name(ask.requirement.name) for ask in manifest.dependencies},
            found.dependencies,
        ),
        **_lists("extra", manifest.optional_dependencies, found.extras),
        **_lists("group", manifest.groups, found.groups),
    }
    lines = []
    for where, (known, members) in asked.items():
        for member in dict.fromkeys(members):
            if requirement_name(member) not in known:
                text = add_requirement(text, name, member, where)
                lines.append(f"added {member}")
    system = manifest.system
    present = {one.relation for one in system.packages} if system is not None else set()
    missing = [one for one in dict.fromkeys(found.system_packages) if one not in present]
    if missing and system is None:
        start = Start(
            targets=(),
            distribution=found.distribution or "debian",
            suite=found.suite or SUITE,
            system_packages=missing,
        )
        text = append_tables(text, name, start)
        lines += [f"added {member} to [system]" for member in missing]
        return text, lines
    for member in missing:
        text = add_requirement(text, name, member, Where(system=True))
        lines.append(f"added {member} to [system]")
    return text, lines


def _lists(
    kind: str, known: Mapping[str, Iterable[Ask]], found: Mapping[str, list[str]]
) -> dict[Where, tuple[set[str], list[str]]]:
    lists = {}
    for key, members in found.items():
        own = {_name(ask.requirement.name) for ask in known.get(key, ())}
        where = Where(extra=key) if kind == "extra" else Where(group=key)
        lists[where] = (own, members)
    return lists


def _name(text: str) -> str:
    return canonicalize_name(text)


def importable(names: Iterable[str]) -> list[str]:
    """Of a folder's files those that `import` reads, with their kinds' own names alone."""
    return [name for name in names if kind_of_file(name) is not None]
