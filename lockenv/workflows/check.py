"""``check``: the drift gate. Offline, clock-free, read-only (contract 4, 6)."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError, LockenvError
from lockenv.lockfile import (
    decode_lock,
    inspect_lock,
)
from lockenv.model import LOCK_NAME, Finding, error_findings
from lockenv.values import dataclass, replace
from lockenv.workflows.files import read_bytes
from lockenv.workflows.judging import (
    drift,
    judged,
    own_findings,
    status_of,
    worst,
)
from lockenv.workflows.project import (
    Project,
    find_project,
    manifest_in,
    place_in_repository,
    read_project,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.model import Lock
    from lockenv.workflows.scene import Scene

#: Folders that hold no project of the user's.
_SKIPPED = {".git", ".venv", "node_modules", "__pycache__", ".tox", ".nox"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What to check: ``layers`` among lock, env, host and image."""

    layers: frozenset[str] = frozenset({"lock"})
    target: str | None = None
    image: str | None = None
    recursive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What was found, most important first, and the status that it amounts to.

    ``errors`` are those of layers that could not be looked at. ``place`` is the folder, from the
    repository's root, from which the findings name their files.
    """

    findings: tuple[Finding, ...]
    status: int
    summary: str = ""
    errors: tuple[LockenvError, ...] = ()
    place: str = ""


def check(scene: Scene, options: CheckOptions) -> CheckOutcome:
    """Judge every layer that was asked for."""
    folders = list(_projects_below(scene.directory)) if options.recursive else [None]
    if not folders:
        raise InputError(
            "no-manifest",
            f"there is no project in {scene.directory} or below it",
            fix="lockenv init",
        )
    findings: list[Finding] = []
    errors: list[LockenvError] = []
    for folder in folders:
        inner = scene if folder is None else replace(scene, directory=folder)
        failed: list[LockenvError] = []
        try:
            found = check_project(inner, options, failed)
        except LockenvError as error:
            found, failed = [], [error]
        if folder is not None:
            found += [one for error in failed for one in error_findings(error, layer="manifest")]
            found = [_relative(finding, folder, scene.directory) for finding in found]
        findings += found
        errors += failed
    status = worst([*(error.status for error in errors), *map(status_of, findings)])
    return CheckOutcome(
        findings=tuple(findings),
        status=status,
        summary=_summary(options, len(folders)),
        errors=() if options.recursive else tuple(errors),
        place=_place(scene, options),
    )


def _place(scene: Scene, options: CheckOptions) -> str:
    if options.recursive:
        return place_in_repository(scene.directory)
    try:
        return place_in_repository(find_project(scene.directory)[0])
    except LockenvError:
        return ""


def _projects_below(top: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        place = Path(folder)
        if {"pyproject.toml", "lockenv.toml"} & set(files) and (
            LOCK_NAME in files or manifest_in(place) is not None
        ):
            yield place


def _relative(finding: Finding, folder: Path, top: Path) -> Finding:
    prefix = folder.relative_to(top).as_posix()
    if prefix == ".":
        return finding
    fix = finding.fix
    if fix.startswith("lockenv "):
        fix = f"lockenv -C {shlex.quote(prefix)} {fix.removeprefix('lockenv ')}"
    return replace(
        finding,
        file=f"{prefix}/{finding.file or LOCK_NAME}",
        message=f"{prefix}: {finding.message}",
        fix=fix,
    )


def _summary(options: CheckOptions, projects: int) -> str:
    said = {
        "lock": f"{LOCK_NAME} answers the manifest",
        "env": "the environment is what the lock says",
        "host": "this host fits",
        "image": "the image is what the lock says",
    }
    text = ", ".join(said[layer] for layer in said if layer in options.layers)
    return f"{projects} projects: {text}" if projects > 1 else text


def check_project(scene: Scene, options: CheckOptions, failed: list[LockenvError]) -> list[Finding]:
    """Every finding of one project, with the manifest's severities, ignored cases left out.

    A layer that cannot be looked at says nothing of the others: its error goes to ``failed``.
    """
    project = read_project(scene.directory)
    findings, lock = lock_findings(project)
    if lock is not None and project.manifest.exports and not findings:
        from lockenv.workflows.export import export_findings  # noqa: PLC0415 - start-up

        findings += export_findings(lock, project.manifest, project.root)
    if lock is not None and not any(status_of(finding) in {2, 4} for finding in findings):
        _refuse_unknown(lock, options.target)
        for look in _looks(scene, options, project, lock):
            try:
                findings += look()
            except LockenvError as error:
                failed.append(error)
    if "lock" not in options.layers:
        findings = [
            one
            for one in findings
            if one.layer not in {"manifest", "lock", "cuda"} or _is_fatal(one)
        ]
    return judged(project, findings)


def _refuse_unknown(lock: Lock, target: str | None) -> None:
    """A target that is nowhere is a slip, also where no layer asks for one."""
    if target is None or any(target in {one.name, one.table} for one in lock.targets):
        return
    raise InputError(
        "no-target",
        f"{LOCK_NAME} has no target {target}",
        why=f"it has {', '.join(one.name for one in lock.targets)}",
        fix="name one of these, or add the target to the manifest and run lockenv lock",
    )


def _looks(
    scene: Scene, options: CheckOptions, project: Project, lock: Lock
) -> Iterator[Callable[[], Iterable[Finding]]]:
    """The layers below the lock that were asked for, each to be looked at by itself."""
    if "env" in options.layers:
        from lockenv.workflows.sync import environment_findings  # noqa: PLC0415 - start-up

        yield lambda: environment_findings(scene, project, lock, options.target)
    if "host" in options.layers:
        from lockenv.workflows.doctor import host_findings  # noqa: PLC0415 - start-up

        yield lambda: host_findings(scene, lock, options.target)
    image = options.image
    if "image" in options.layers and image:
        from lockenv.workflows.imaging.use import image_findings  # noqa: PLC0415 - start-up

        yield lambda: image_findings(scene, project, lock, image, options.target)


def _is_fatal(finding: Finding) -> bool:
    return finding.code == "LE101" or status_of(finding) in {2, 4}


def lock_findings(project: Project) -> tuple[list[Finding], Lock | None]:
    """The lock against the manifest and against itself."""
    try:
        data = read_bytes(project.lock_path)
    except OSError:
        data = None
    if data is None:
        missing = Finding(
            code="LE101",
            message=f"there is no {LOCK_NAME} beside {project.manifest.file}",
            layer="manifest",
            file=project.manifest.file,
            line=1,
            fix="lockenv lock",
        )
        return [missing], None
    text = decode_lock(data)
    inspection = inspect_lock(text)
    findings = list(inspection.findings)
    for fault in inspection.faults:
        raise fault
    lock = inspection.lock
    if lock is None:
        return findings, None
    findings += own_findings(lock, text)
    findings += drift(project, lock)
    if any(target.native_libraries for target in lock.targets):
        from lockenv.workflows.locking.native_layer import native_findings  # noqa: PLC0415 - start-up

        findings += native_findings(project, lock)
    return findings, lock
