"""The environment digest (contract 3): what can be installed in a selection, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, TypeAlias

from lockenv.model import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.lockfile.selection import Selection
    from lockenv.model import Artifact, Lock, LockedBuild

Json: TypeAlias = "str | int | list[Json] | dict[str, Json] | None"


def environment_digest(lock: Lock, selection: Selection) -> Digest:
    """sha256 over the canonical JSON of everything installable: the same for venv and image.

    Sorted keys, no blanks, UTF-8. No names of targets, no addresses, no groups.
    """
    text = json.dumps(
        _document(lock, selection), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return Digest("sha256", hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest())


def _document(lock: Lock, selection: Selection) -> dict[str, Json]:
    target = selection.target.name
    return {
        "base": _sorted(
            {"kind": "base", "name": image.reference, **_bytes(image.digest, image.size)}
            for image in lock.base_images
            if target in image.targets
        ),
        "builds": _sorted(_build(build, target) for build in selection.builds),
        "cuda": _sorted(
            {"kind": "cuda", "name": item.name, "version": item.version, **_file(item.artifact)}
            for item in lock.cuda_components
            if target in item.targets
        ),
        "interpreter": _interpreter(selection),
        "python": _sorted(_packages(selection)),
        "system": _sorted(
            {
                "kind": "deb",
                "name": item.name,
                "version": item.version,
                "architecture": item.architecture,
                "file": item.path.rpartition("/")[2],
                **_bytes(item.digest, item.size),
            }
            for item in selection.system_packages
        ),
    }


def _sorted(members: Iterable[dict[str, Json]]) -> list[Json]:
    return sorted(members, key=lambda member: json.dumps(member, sort_keys=True))


def _bytes(digest: Digest, size: int | None) -> dict[str, Json]:
    return {digest.algorithm: digest.hex, "size": size}


def _file(artifact: Artifact) -> dict[str, Json]:
    return {"file": artifact.name, **_bytes(artifact.digest, artifact.size)}


def _packages(selection: Selection) -> Iterator[dict[str, Json]]:
    for member in selection.packages:
        package = member.package
        entry: dict[str, Json] = {
            "kind": "python",
            "name": package.name,
            "version": package.version,
        }
        if member.artifact is not None:
            entry |= _file(member.artifact)
        if package.vcs is not None:
            entry |= {"commit": package.vcs.commit, "subdirectory": package.vcs.subdirectory}
        if package.directory is not None:
            entry["file"] = package.directory.path
        if package.archive is not None:
            entry["subdirectory"] = package.archive_subdirectory
        yield entry
    if selection.project is not None:
        yield {"kind": "project", "name": selection.project.name, "version": None}


def _build(build: LockedBuild, target: str) -> dict[str, Json]:
    entry: dict[str, Json] = {
        "kind": build.kind,
        "name": build.name,
        "version": build.version,
        "backend": build.backend,
        "backend-path": list(build.backend_path),
        "packages": _sorted(
            {"name": item.name, "version": item.version, **_file(item.artifact)}
            for item in build.packages
            if target in item.artifact.targets
        ),
    }
    return {**entry, "system": list(build.system)} if build.system else entry


def _interpreter(selection: Selection) -> Json:
    interpreter = selection.interpreter
    if interpreter is None:
        return None
    entry: dict[str, Json] = {
        "kind": "interpreter",
        "name": "cpython",
        "version": interpreter.version,
        "source": interpreter.source,
        "variant": interpreter.variant,
    }
    return entry | _file(interpreter.artifact) if interpreter.artifact else entry
