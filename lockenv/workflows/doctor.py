"""``doctor``: what this machine can do; and ``check --host``: whether it fits the lock."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv import __version__
from lockenv.errors import HostError, InputError, LockenvError
from lockenv.fetch import open_fetcher
from lockenv.host import (
    detect_gpus,
    find_interpreter,
    fit,
    fits,
    machine_here,
    parse_nodes,
    places_here,
)
from lockenv.lockfile import target_of
from lockenv.model import PLATFORMS, CudaFacts
from lockenv.sandbox import abilities
from lockenv.values import dataclass, field
from lockenv.workflows.choice import choose_target
from lockenv.workflows.cuda_check import host_shortfalls
from lockenv.workflows.files import read_text
from lockenv.workflows.init import write_attributes
from lockenv.workflows.merge_driver import driver_state, install_driver
from lockenv.workflows.project import find_project, read_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.host import GpuHost
    from lockenv.model import Finding, Lock, LockedTarget
    from lockenv.workflows.scene import Scene

#: Programs that some commands use where they are there, and what for.
_PROGRAMS = {
    "git": "sources from git, and `diff git:REV`",
    "unshare": "builds without a network",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """``cluster`` is a file with ``kubectl get nodes -o json``; ``install`` tells git of us."""

    cluster: str | None = None
    install: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found, for a person and for a program."""

    lines: tuple[str, ...]
    document: dict[str, object] = field(default_factory=dict)
    status: int = 0


def doctor(scene: Scene, options: DoctorOptions) -> Diagnosis:
    """Look at this machine, or at a cluster's nodes."""
    if options.cluster is not None:
        return _cluster(scene, options.cluster)
    if options.install:
        return _installed(scene)
    machine = machine_here()
    gpus = detect_gpus()
    found: list[tuple[str, str]] = [
        ("lockenv", f"{__version__}, on Python {sys.version.split()[0]}"),
        ("machine", f"{machine.platform}{f', libc {machine.level}' if machine.level else ''}"),
        ("store", str(scene.settings.cache_dir)),
        ("environments", str(scene.settings.data_dir)),
        *(("configuration", str(file)) for file in scene.settings.files),
        *_gpu_lines(gpus),
        *_build_lines(),
        *_engine_lines(),
        *((name, _program(name, use)) for name, use in _PROGRAMS.items()),
        ("merges", driver_state(scene.directory)),
        *_lock_lines(scene),
    ]
    width = max(len(name) for name, _ in found) + 2
    document: dict[str, object] = {
        "schema": "lockenv/doctor/1",
        "status": 0,
        "facts": [{"name": name, "value": value} for name, value in found],
    }
    return Diagnosis(
        lines=tuple(f"{name:<{width}}{value}" for name, value in found), document=document
    )


def _installed(scene: Scene) -> Diagnosis:
    """Tell git of the merge driver and the textconv, for this clone and no other."""
    lines = [*install_driver(scene.directory)] or ["the merge driver is installed already"]
    if write_attributes(scene.directory):
        lines.append("wrote .gitattributes: commit it")
    document: dict[str, object] = {"schema": "lockenv/doctor/1", "status": 0, "changes": lines}
    return Diagnosis(lines=tuple(lines), document=document)


def _gpu_lines(gpus: GpuHost) -> Iterator[tuple[str, str]]:
    source = gpus.sources.get("driver")
    yield (
        "NVIDIA driver",
        f"{gpus.driver} (from {source})" if gpus.driver else "none",
    )
    for gpu in gpus.gpus:
        yield "GPU", f"{gpu.name} (compute capability {gpu.capability or 'unknown'})"
    for note in gpus.notes:
        yield "note", note


def _build_lines() -> Iterator[tuple[str, str]]:
    for ability in abilities():
        state = "works" if ability.works else f"does not work: {ability.why}"
        fix = f" ({ability.fix})" if ability.fix and not ability.works else ""
        yield f"image, as {ability.mode}", state + fix


def _engine_lines() -> Iterator[tuple[str, str]]:
    """Whether each container engine answers: for `image --builder` and `image --load`."""
    from lockenv.workflows.imaging.deliver import (  # noqa: PLC0415 - loads exports
        ENGINES,
        find_engine,
    )

    for name in ENGINES:
        try:
            yield f"image, by {name}", f"works ({find_engine(name)})"
        except HostError as error:
            yield f"image, by {name}", f"does not work: {error.why[0]}"


def _program(name: str, use: str) -> str:
    found = shutil.which(name)
    return found or f"not there; {use} would use it"


def _lock_lines(scene: Scene) -> Iterator[tuple[str, str]]:
    """The project's own lock, where there is one: its interpreters, and whether this host fits."""
    try:
        folder, _ = find_project(scene.directory)
        lock, _ = read_lock(folder)
    except LockenvError as error:
        yield "project", error.what
        return
    places = places_here(os.environ, Path.home(), sys.platform)
    here = machine_here().platform
    with open_fetcher(scene.settings.cache_dir) as memory:
        for target in lock.targets:
            if target.platform != here or target.python_source != "standalone":
                continue
            try:
                known = find_interpreter(
                    target.python, places, freethreaded=target.freethreaded, memory=memory
                )
                yield f"target {target.name}", f"Python {known}"
            except LockenvError as error:
                yield f"target {target.name}", error.what
    findings = host_findings(scene, lock, None, quiet=True)
    for finding in findings:
        if finding.layer != "system":
            yield finding.code, finding.message
    lacking = sum(finding.layer == "system" for finding in findings)
    if lacking:
        yield "system packages", f"{lacking} findings (lockenv check --host)"


def host_findings(
    scene: Scene, lock: Lock, name: str | None, *, quiet: bool = False
) -> list[Finding]:
    """Where this machine falls short of what a target needs (LE6xx)."""
    machine = machine_here()
    try:
        target = choose_target(lock, name or scene.settings.target, platform=machine.platform)
    except InputError:
        if quiet:
            return []
        if name is None and not any(one.platform == machine.platform for one in lock.targets):
            return fits(machine, target_of(lock.targets[0])) if lock.targets else []
        raise
    findings = fits(machine, target_of(target)) + host_shortfalls(target)
    if lock.system_packages:
        from lockenv.workflows.syncing.host_system import (  # noqa: PLC0415 - start-up
            read_host,
            system_findings,
        )

        findings += system_findings(lock, target, read_host())
    return findings


def _cluster(scene: Scene, file: str) -> Diagnosis:
    text = read_text(scene.directory / file)
    if text is None:
        raise InputError(
            "no-file", f"there is no {file}", fix="kubectl get nodes -o json > nodes.json"
        )
    folder, _ = find_project(scene.directory)
    lock, _ = read_lock(folder)
    lines: list[str] = []
    nodes: list[object] = []
    served: list[bool] = []
    for target in lock.targets:
        if not PLATFORMS[target.platform].is_linux:
            continue
        found = _fits(text, target)
        for name, reason in found:
            lines.append(f"{target.name}: {name} {reason or 'fits'}")
            nodes.append(
                {"target": target.name, "node": name, "fits": not reason, "reason": reason}
            )
        if target.cuda is not None and "driver" in target.cuda.needs:
            served.append(any(not reason for _, reason in found))
    status = 6 if served and not any(served) else 0
    return Diagnosis(
        lines=tuple(lines or ["the cluster has no nodes"]),
        document={"schema": "lockenv/doctor/1", "status": status, "nodes": nodes},
        status=status,
    )


def _fits(text: str, target: LockedTarget) -> list[tuple[str, str]]:
    """Each node's name, with the first thing that is in the way of a target."""
    facts = target.cuda or CudaFacts()
    machine = target_of(target).platform.machine
    return [(found.node.name, found.reason) for found in fit(parse_nodes(text), facts, machine)]
