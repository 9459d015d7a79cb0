"""A selection of a lock as ``pylock.toml`` (PEP 751), for installers that read nothing else.

One file a target: what is chosen for one target needs no marker on any package. Nothing is left
out but what the standard cannot say: system packages, the interpreter's build, CUDA, images.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.lockfile import Moment, Value, render_value, target_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.model import Artifact, LockedPackage, Target

#: PEP 751, "File Name".
_NAME = re.compile(r"pylock(\.[^.]+)?\.toml\Z")


def is_pylock_name(name: str) -> bool:
    """Whether installers accept a file of this name: ``pylock.toml`` or ``pylock.NAME.toml``."""
    return _NAME.match(name) is not None


def render_pylock(
    selection: Selection, *, address: Callable[[Artifact], str | None] | None = None
) -> str:
    """The text, the same for the same selection.

    ``address`` says where a file is had; without it, that is its canonical url. InputError where
    there is none, because the standard demands one.
    """
    target = target_of(selection.target)
    where = address or (lambda artifact: artifact.url)
    major, _, minor = target.python_minor.partition(".")
    lines = [
        "# Made by lockenv from lockenv.lock: edit the manifest, then run `lockenv lock`.",
        'lock-version = "1.0"',
        f"environments = {render_value((_environment(target),))}",
        f'requires-python = ">={target.python_minor},<{major}.{int(minor) + 1}"',
        'created-by = "lockenv"',
        "",
    ]
    installed = {member.name for member in selection.packages}
    for member in selection.packages:
        lines += ["[[packages]]", *_package(member, installed, selection, where), ""]
    if not selection.packages:
        lines += ["packages = []", ""]
    return "\n".join(lines)


def _environment(target: Target) -> str:
    # These four words are the ones that every installer understands: pdm knows no others.
    markers = {
        "implementation_name": "cpython",
        "platform_machine": target.platform.machine,
        "platform_system": target.platform.system,
        "python_version": target.python_minor,
    }
    return " and ".join(f"{name} == '{text}'" for name, text in markers.items())


def _package(
    member: SelectedPackage,
    installed: set[str],
    selection: Selection,
    where: Callable[[Artifact], str | None],
) -> list[str]:
    package = member.package
    table: dict[str, Value] = {"name": package.name}
    if package.version is not None and package.directory is None:
        table["version"] = package.version
    if package.requires_python:
        table["requires-python"] = package.requires_python
    lines = [f"{key} = {render_value(item)}" for key, item in table.items()]
    names = sorted(
        other.name
        for other in selection.packages
        if other.name in installed
        and any(not edge.is_root and edge.asker == package.name for edge in other.asked_by)
    )
    if names:
        lines.append("dependencies = [")
        lines += [f"  {render_value({'name': name})}," for name in names]
        lines.append("]")
    return lines + _source(member, where)


def _source(member: SelectedPackage, where: Callable[[Artifact], str | None]) -> list[str]:
    package, artifact = member.package, member.artifact
    if package.vcs is not None:
        return [f"vcs = {render_value(_vcs(package))}"]
    if package.directory is not None:
        table: dict[str, Value] = {"path": package.directory.path}
        if package.directory.editable:
            table["editable"] = True
        if package.directory.subdirectory:
            table["subdirectory"] = package.directory.subdirectory
        return [f"directory = {render_value(table)}"]
    if artifact is None:
        raise InputError(
            "no-artifact",
            f"lockenv.lock has no file of {package.name} for this target",
            fix="lockenv lock",
        )
    if package.archive is not None:
        return [f"archive = {render_value(_archive(package, artifact, where))}"]
    lines = [f"index = {render_value(package.index)}"] if package.index else []
    file = render_value({"name": artifact.name, **_file(artifact, where)})
    if artifact.name.endswith(".whl"):
        return [*lines, "wheels = [", f"  {file},", "]"]
    return [*lines, f"sdist = {file}"]


def _vcs(package: LockedPackage) -> dict[str, Value]:
    if package.vcs is None:
        return {}
    table: dict[str, Value] = {"type": package.vcs.type, "url": package.vcs.url}
    if package.vcs.requested:
        table["requested-revision"] = package.vcs.requested
    table["commit-id"] = package.vcs.commit
    if package.vcs.subdirectory:
        table["subdirectory"] = package.vcs.subdirectory
    return table


def _archive(
    package: LockedPackage, artifact: Artifact, where: Callable[[Artifact], str | None]
) -> dict[str, Value]:
    table: dict[str, Value] = {}
    if package.archive_path is not None:
        table |= {"path": package.archive_path, **_file(artifact, lambda _: "")}
        table.pop("url", None)
    else:
        table |= _file(artifact, where)
    if package.archive_subdirectory:
        table["subdirectory"] = package.archive_subdirectory
    return table


def _file(artifact: Artifact, where: Callable[[Artifact], str | None]) -> dict[str, Value]:
    url = where(artifact)
    if url is None:
        raise InputError(
            "no-url",
            f"lockenv.lock has no address for {artifact.name}, and pylock.toml needs one",
            why="it was locked from a mirror whose files have no canonical address",
            fix="lock with an index that names its files' addresses",
        )
    table: dict[str, Value] = {}
    if artifact.upload_time is not None:
        table["upload-time"] = Moment(artifact.upload_time)
    table["url"] = url
    if artifact.size is not None:
        table["size"] = artifact.size
    table["hashes"] = {artifact.digest.algorithm: artifact.digest.hex}
    return table
