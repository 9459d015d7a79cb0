"""From a lock and an image's choice to the plan that the image's builder carries out."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from lockenv.errors import InputError
from lockenv.lockfile import render_lock
from lockenv.materialize import (
    BASE_DIGEST,
    BASE_NAME,
    CONSTANT_TIME,
    ENVIRONMENT_LABEL,
    GATE,
    GATE_PATH,
    Deb,
    ImagePlan,
    ImagePython,
    ImageSettings,
    ImageWheel,
    InterpreterArchive,
    ToolkitArchive,
    base_config,
    render_gate,
)
from lockenv.model import (
    LOCK_NAME,
    ArchiveState,
    Artifact,
    CudaComponent,
    Digest,
    Lock,
    LockedBaseImage,
    LockedSystemPackage,
    Wanted,
)
from lockenv.sources.debian import wanted_package as wanted_deb
from lockenv.values import replace
from lockenv.workflows.environment import (
    wanted_file,
    wanted_interpreter,
    wanted_package,
)
from lockenv.workflows.imaging.cuda import image_cuda
from lockenv.workflows.imaging.project_files import project_files
from lockenv.workflows.imaging.wheels import OwnWheels
from lockenv.workflows.syncing.cuda_tools import wanted_component

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import Base, ProjectFile
    from lockenv.model import Image, LockedTarget
    from lockenv.workflows.environment import Content
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene

T = TypeVar("T", LockedSystemPackage, ArchiveState, LockedBaseImage)

_KEYRINGS = {"debian": "debian-archive-keyring.gpg", "ubuntu": "ubuntu-archive-keyring.gpg"}


def image_plan(
    scene: Scene,
    opened: Opened,
    image: Image,
    content: Content,
    fetcher: StoreFetcher,
    files: tuple[ProjectFile, ...] | None = None,
) -> ImagePlan:
    """The plan, with every file that it names in the store.

    ``files`` are the project's, where another process has listed them already.
    """
    lock, target = opened.lock, content.selection.target
    if not content.selection.system_packages and image.base == "scratch":
        raise _no_system(target)
    base = _base(scene, opened, image, target, fetcher)
    gate = image_cuda(target).gate
    paths = _fetched(scene, fetcher, _wanted_files(opened, content).values())
    if files is None:
        files = tuple(project_files(opened.root))
    wheels = OwnWheels(scene, opened, content, fetcher, files)
    return ImagePlan(
        architecture=_architecture(target),
        epoch=_epoch(target, base),
        debs=tuple(
            Deb(
                name=package.name,
                version=package.version,
                architecture=package.architecture,
                path=paths[package.digest],
                digest=package.digest,
                source=package.source.partition(" ")[0],
            )
            for package in content.selection.system_packages
        ),
        foreign=_foreign(opened),
        scripts=scripts_of(opened),
        # A base image has its own, and apt warns of archives that it is told of twice.
        apt_sources=""
        if base
        else apt_sources(opened, target.name, content.selection.system_packages),
        toolkit=tuple(
            ToolkitArchive(
                name=one.name,
                filename=one.artifact.name,
                path=paths[one.artifact.digest],
                digest=one.artifact.digest,
            )
            for one in components_of(lock, target)
        ),
        python=_python(content, paths),
        wheels=(
            *(
                ImageWheel(
                    package=wanted_package(one, one.artifact, "/app"),
                    path=paths[one.artifact.digest],
                )
                for one in content.wheels
                if one.artifact is not None
            ),
            *wheels.built(),
        ),
        project=wheels.project() if image.project else None,
        project_files=files if image.project else (),
        projection=projection(lock, target.name, content),
        texts=() if gate is None else ((GATE_PATH, render_gate(gate)),),
        settings=_settings(opened, image, content, base),
        base=base,
    )


def _base(
    scene: Scene, opened: Opened, image: Image, target: LockedTarget, fetcher: StoreFetcher
) -> Base | None:
    """The base image with its layers in the store; None from scratch."""
    if image.base == "scratch":
        return None
    from lockenv.workflows.locking.base_images import base_of, pulled_base  # noqa: PLC0415 - few have one

    locked = base_of(opened.lock.base_images, target, image.base)
    if locked is None:
        raise InputError(
            "base-not-locked",
            f"{LOCK_NAME} holds no digest of the base image {image.base} for target {target.name}",
            why="an image is only made of what is locked",
            fix="lockenv lock",
        )
    return pulled_base(scene, fetcher, locked)


def _no_system(target: LockedTarget) -> InputError:
    return InputError(
        "no-system",
        f"an image from scratch needs a system, and target {target.name} has none locked",
        fix=[
            '[tool.lockenv.system] with suite = "bookworm" in the manifest, then lockenv lock',
            "or name a base image in [image]",
        ],
    )


def fetch_for(
    scene: Scene, opened: Opened, image: Image, content: Content, fetcher: StoreFetcher
) -> None:
    """Get into the store whatever a build of the image reads, also for what it compiles."""
    from lockenv.workflows.syncing.build_steps import wanted_member  # noqa: PLC0415 - few ask

    target = content.selection.target
    _base(scene, opened, image, target, fetcher)
    wanted = _wanted_files(opened, content)
    for one in content.to_build:
        if one.artifact is not None:
            wanted[one.artifact.digest] = wanted_file(one.artifact, one.package, str(opened.root))
    for build in opened.lock.builds:
        for member in build.packages:
            if target.name in member.artifact.targets:
                wanted[member.artifact.digest] = wanted_member(member, str(opened.root))
    _fetched(scene, fetcher, wanted.values())


def _wanted_files(opened: Opened, content: Content) -> dict[Digest, Wanted]:
    """The packages, wheels and interpreter of an image."""
    states = {state.key: state for state in opened.lock.system_archives}
    wanted: dict[Digest, Wanted] = {}
    for package in content.selection.system_packages:
        wanted[package.digest] = wanted_deb(package, states[package.archive])
    for one in content.wheels:
        if one.artifact is not None:
            wanted[one.artifact.digest] = wanted_file(one.artifact, one.package, str(opened.root))
    archive = content.interpreter.artifact
    if archive is not None:
        wanted[archive.digest] = wanted_interpreter(archive)
    for component in components_of(opened.lock, content.selection.target):
        wanted[component.artifact.digest] = wanted_component(component)
    return wanted


def components_of(lock: Lock, target: LockedTarget) -> tuple[CudaComponent, ...]:
    """The parts of a CUDA toolkit that a target has from NVIDIA's archives."""
    return tuple(one for one in lock.cuda_components if target.name in one.targets)


def _fetched(scene: Scene, fetcher: StoreFetcher, wanted: Iterable[Wanted]) -> dict[Digest, Path]:
    members = list(wanted)
    scene.progress.started("fetch", len(members))
    paths = {}
    for one, path in fetcher.blobs(members):
        paths[one.digest] = path
        scene.progress.advanced("fetch", one.name)
    scene.progress.finished("fetch")
    return paths


def _architecture(target: LockedTarget) -> str:
    from lockenv.lockfile import target_of  # noqa: PLC0415 - one word

    return target_of(target).platform.debian_architecture


def _epoch(target: LockedTarget, base: Base | None) -> int:
    """The newest of what the image is made of: the archives' date, the base image's creation."""
    times = [CONSTANT_TIME]
    created = base_config(base).created if base else ""
    for text in (target.epoch, created):
        with suppress(ValueError):
            times.append(int(datetime.fromisoformat(text or "").timestamp()))
    return max(times)


def _foreign(opened: Opened) -> tuple[str, ...]:
    system = opened.manifest.system if opened.manifest else None
    return system.architectures if system else ()


def scripts_of(opened: Opened) -> str:
    """Whether maintainer scripts run: run or none."""
    system = opened.manifest.system if opened.manifest else None
    return system.scripts if system else "run"


def apt_sources(opened: Opened, target: str, packages: Iterable[LockedSystemPackage]) -> str:
    """The text of a ``.sources`` file (sources.list(5)) with the archives that the lock names.

    An image without the bundle of certificates cannot reach an archive over TLS. The distribution's
    own are reached without it then, as its installer has it: apt verifies their signatures.
    """
    has_bundle = any(package.name == "ca-certificates" for package in packages)
    stanzas = []
    by_url: dict[str, list[ArchiveState]] = {}
    for state in opened.lock.system_archives:
        if target in state.targets and not state.suite.endswith("/"):
            by_url.setdefault(state.url, []).append(state)
    for url, states in sorted(by_url.items()):
        ring = _KEYRINGS.get(states[0].name.partition("-")[0])
        components = sorted({name for state in states for name in state.components})
        reached = url if has_bundle or not ring else f"http://{url.partition('://')[2]}"
        lines = [
            "Types: deb",
            f"URIs: {reached}",
            f"Suites: {' '.join(sorted(state.suite for state in states))}",
            f"Components: {' '.join(components)}",
        ]
        if ring:
            lines.append(f"Signed-By: /usr/share/keyrings/{ring}")
        stanzas.append("\n".join(lines) + "\n")
    return "\n".join(stanzas)


def _python(content: Content, paths: Mapping[Digest, Path]) -> ImagePython | None:
    locked = content.interpreter
    archive = None
    if locked.artifact is not None:
        archive = InterpreterArchive(
            path=paths[locked.artifact.digest],
            filename=locked.artifact.name,
            digest=locked.artifact.digest,
            version=locked.version,
            freethreaded=locked.variant == "freethreaded",
        )
    return ImagePython(
        version=locked.version, archive=archive, freethreaded=locked.variant == "freethreaded"
    )


def projection(lock: Lock, target: str, content: Content) -> str:
    """The lock as one target sees it: canonical, without requests, images, urls, other targets."""
    chosen = {one.package.name for one in content.selection.packages}
    packages = [
        replace(
            package,
            wheels=_only(package.wheels, target),
            sdist=next(iter(_only([package.sdist] if package.sdist else [], target)), None),
            archive=next(iter(_only([package.archive] if package.archive else [], target)), None),
            targets=(target,),
        )
        for package in lock.packages
        if target in package.targets and (package.name in chosen or package.directory is not None)
    ]
    interpreters = [
        replace(one, artifact=_bare(one.artifact), targets=(target,))
        for one in lock.interpreters
        if target in one.targets
    ]
    part = Lock(
        version=lock.version,
        targets=tuple(one for one in lock.targets if one.name == target),
        packages=tuple(packages),
        interpreters=tuple(interpreters),
        system_packages=_serving(lock.system_packages, target),
        system_archives=_serving(lock.system_archives, target),
        base_images=_serving(lock.base_images, target),
        cuda_components=tuple(
            replace(one, artifact=replace(one.artifact, url=None), targets=(target,))
            for one in lock.cuda_components
            if target in one.targets
        ),
    )
    return render_lock(part)


def _serving(entries: Sequence[T], target: str) -> tuple[T, ...]:
    return tuple(replace(one, targets=(target,)) for one in entries if target in one.targets)


def _only(artifacts: Iterable[Artifact], target: str) -> tuple[Artifact, ...]:
    return tuple(
        replace(one, url=None, targets=(target,)) for one in artifacts if target in one.targets
    )


def _bare(artifact: Artifact | None) -> Artifact | None:
    return replace(artifact, url=None) if artifact else None


def _settings(opened: Opened, image: Image, content: Content, base: Base | None) -> ImageSettings:
    digest = str(content.digest)
    labels = {ENVIRONMENT_LABEL: digest, **image.labels}
    annotations = {ENVIRONMENT_LABEL: digest}
    if base is not None:
        annotations[BASE_NAME], annotations[BASE_DIGEST] = base.reference, base.digest
    inherited = base_config(base).user if base else ""
    cuda = image_cuda(content.selection.target)
    labels, annotations = {**cuda.labels, **labels}, {**cuda.labels, **annotations}
    return ImageSettings(
        name=image.name or opened.root.name,
        user=image.user or inherited or "app",
        workdir=image.workdir,
        before=GATE if cuda.gate is not None else (),
        entrypoint=image.entrypoint,
        cmd=image.cmd,
        env={"LOCKENV_ENVIRONMENT_DIGEST": digest, **cuda.env, **image.env},
        labels=labels,
        annotations=annotations,
        ports=image.ports,
        compression=image.compression,
    )
