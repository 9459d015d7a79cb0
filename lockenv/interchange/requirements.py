"""A selection of a lock as ``requirements.txt`` with hashes, as pip reads it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lockenv.tables.addresses import PYTHON_INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.model import LockedPackage


def render_requirements(selection: Selection) -> str:
    """One package an entry, each with the hash of its one file, and why it is there.

    pip takes hashes for all or for none: a VCS checkout and a local directory have none, so where
    there are such, a comment says that ``--require-hashes`` cannot be used.
    """
    target = selection.target
    lines = [
        "# Made by lockenv from lockenv.lock: edit the manifest, then run `lockenv lock`.",
        f"# For {target.platform}, Python {target.python}.",
    ]
    members = sorted(selection.packages, key=lambda member: member.name)
    if any(member.artifact is None for member in members):
        lines.append("# Some entries are not files, so pip cannot require hashes for all.")
    lines += index_lines(members)
    for member in members:
        lines += _entry(member)
    return "\n".join(lines) + "\n"


def index_lines(members: Sequence[SelectedPackage], indexes: Sequence[str] = ()) -> list[str]:
    """The indexes in use; unsaid where it is the default one alone. The hashes bind, not these."""
    used = sorted({member.package.index for member in members if member.package.index} | {*indexes})
    if used in ([], [PYTHON_INDEX]):
        return []
    if PYTHON_INDEX in used:
        used = [PYTHON_INDEX, *(index for index in used if index != PYTHON_INDEX)]
    return [f"--index-url {used[0]}", *(f"--extra-index-url {index}" for index in used[1:])]


def _entry(member: SelectedPackage) -> list[str]:
    line = requirement_line(member.package)
    lines = [line]
    artifact = member.artifact
    if artifact is not None:
        lines = [f"{line} \\", f"    --hash={artifact.digest}"]
    askers = sorted({edge.asker for edge in member.asked_by})
    return [*lines, f"    # via {', '.join(askers)}"]


def requirement_line(package: LockedPackage) -> str:
    """The package at its version or place, as pip's requirements say it."""
    if package.vcs is not None:
        part = f"#subdirectory={package.vcs.subdirectory}" if package.vcs.subdirectory else ""
        return f"{package.name} @ {package.vcs.type}+{package.vcs.url}@{package.vcs.commit}{part}"
    if package.directory is not None:
        path = "/".join(filter(None, (package.directory.path, package.directory.subdirectory)))
        path = shlex.quote(path if path.startswith(".") else f"./{path}")
        return f"-e {path}" if package.directory.editable else path
    if package.archive is not None:
        place = package.archive_path or package.archive.url or ""
        inner = package.archive_subdirectory
        part = f"#subdirectory={inner}" if inner else ""
        if package.archive_path is not None:
            return place if place.startswith(".") else f"./{place}"
        return f"{package.name} @ {place}" + part
    return f"{package.name}=={package.version}"
