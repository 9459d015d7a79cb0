"""What local projects say that a lock depends on: how they are built, and what they need.

A local dependency has no version and no hash, so this is all that can tell that a lock no longer
answers it. Nothing is run; few small files are read.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.lockfile import Asked, canonical_requirement, parsed_requirement
from lockenv.model import Origin
from lockenv.workflows.files import names_in, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lockenv.model import Ask, TargetTable
    from lockenv.workflows.project import Project

_MANIFEST = "pyproject.toml"
#: Beside it, what a build may read to tell what the project needs; and by their usual names, the
#: lists of requirements that scripts and plugins read.
_SCRIPTS = ("setup.py", "setup.cfg")
_LISTS = re.compile(r"requirements[\w.-]*\.(?:txt|in)")


def local_lines(project: Project, table: TargetTable) -> tuple[Asked, ...]:
    """The request's lines about the local projects that a target's table names."""
    found: list[Asked] = []
    for name, place in _places(project, table).items():
        found += [Asked(f"local {name} {fact}", origin) for fact, origin in _facts(project, place)]
    return tuple(found)


def _places(project: Project, table: TargetTable) -> dict[str, str]:
    """The folder of each local project, relative to the project, by its name."""
    manifest = project.manifest
    groups = (*manifest.optional_dependencies.values(), *manifest.groups.values())
    asks: list[Ask] = [*manifest.dependencies, *table.dependencies]
    asks += [ask for group in groups for ask in group]
    found: dict[str, str] = {}
    for ask in asks:
        url = ask.requirement.url or ""
        if url.startswith("file:"):
            found[canonicalize_name(ask.requirement.name)] = _path(url)
    for name, rules in manifest.sources.items():
        fitting = (rule for rule in rules if not rule.targets or table.name in rule.targets)
        rule = next(fitting, None)
        if rule is not None and rule.path is not None:
            found[name] = rule.path
    return found


def _path(url: str) -> str:
    from lockenv.fetch import path_of  # noqa: PLC0415 - start-up: few projects have any

    return str(path_of(url.partition("#")[0]))


def _facts(project: Project, place: str) -> Iterator[tuple[str, Origin]]:
    folder = project.root / place
    body = _read(folder, _MANIFEST)
    scripts = [_read(folder, name) for name in _SCRIPTS]
    if body is None and not any(scripts):
        return  # an archive, or nothing: lock and sync say what is wrong
    from lockenv.formats.metadata import MetadataError  # noqa: PLC0415 - start-up
    from lockenv.sources.python import (  # noqa: PLC0415 - start-up, as above
        build_system_of,
        parsed_project,
        project_metadata,
    )

    file = f"{place.rstrip('/')}/{_MANIFEST}"
    try:
        document = parsed_project(body) if body is not None else {}
        system = build_system_of(document)
    except MetadataError:
        return
    for text in system.requires:
        origin = Origin(file, ("build-system", "requires"))
        yield f"build-requires {_canonical(text)}", origin
    yield f"build-backend {system.backend}", Origin(file, ("build-system", "build-backend"))
    # The version is nothing that a lock has of a local project.
    metadata = project_metadata(document, version="0")
    if metadata is None:
        lists = [_read(folder, name) for name in names_in(folder) if _LISTS.fullmatch(name)]
        said = _standing(document) if body is not None else None
        yield f"setup sha256:{_digest(said, *scripts, *lists)}", Origin(file)
        return
    for text in metadata.requires_dist:
        yield f"requires {_canonical(text)}", Origin(file, ("project", "dependencies"))
    if metadata.requires_python:
        origin = Origin(file, ("project", "requires-python"))
        yield f"requires-python {metadata.requires_python}", origin


def _standing(document: Mapping[str, object]) -> bytes:
    """A pyproject.toml without formatting, and without what no build reads: groups, our own table.

    So that an edit of what is asked of lockenv is no change of the project.
    """
    table = {key: value for key, value in document.items() if key != "dependency-groups"}
    tools = table.get("tool")
    if isinstance(tools, dict):
        table["tool"] = {name: value for name, value in tools.items() if name != "lockenv"}
    return json.dumps(table, sort_keys=True, default=str).encode()


def _read(folder: Path, name: str) -> bytes | None:
    try:
        return read_bytes(folder / name)
    except OSError:
        return None


def _canonical(text: str) -> str:
    try:
        return canonical_requirement(parsed_requirement(text))
    except ValueError:
        return text


def _digest(*bodies: bytes | None) -> str:
    """The digest of texts, however their lines end."""
    state = hashlib.sha256()
    for body in bodies:
        state.update(b"-" if body is None else b"+" + body.replace(b"\r\n", b"\n"))
        state.update(b"\0")
    return state.hexdigest()
