"""One image to build: which, for what targets, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.host import machine_here
from lockenv.materialize import BuildPlaces, build_image
from lockenv.model import LOCK_NAME, PLATFORMS, Image, Origin
from lockenv.sandbox import Confinement, check_store, choose_mode
from lockenv.values import dataclass, replace
from lockenv.workflows.choice import Choice, choose_target
from lockenv.workflows.environment import content_of
from lockenv.workflows.imaging.cuda import contradictions
from lockenv.workflows.imaging.foreign import compiler_for, refuse_foreign
from lockenv.workflows.imaging.plan import image_plan, scripts_of
from lockenv.workflows.network import open_network
from lockenv.workflows.opened import open_locked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.materialize import BuiltImage, ProjectFile
    from lockenv.model import LockedTarget
    from lockenv.workflows.image_options import ImageOptions
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True)
class Job:
    """What is built and how: a mode of the sandbox, or an engine's name for a container.

    ``bundle`` holds files by their hash; ``files`` are the project's, where they are known.
    """

    opened: Opened
    declared: Image
    mode: str
    bundle: str | None = None
    files: tuple[ProjectFile, ...] | None = None


def choice_of(declared: Image, target: LockedTarget) -> Choice:
    """What an image installs of a target."""
    return Choice(target=target.name, groups=declared.groups, extras=declared.extras)


def building_mode(scene: Scene) -> str:
    """How a root can be built on this machine and in its store; HostError, before any work."""
    mode = choose_mode()
    check_store(scene.settings.cache_dir / "image", mode)
    return mode


def built_images(scene: Scene, options: ImageOptions, mode: str) -> tuple[Opened, list[BuiltImage]]:
    """The project and its image for each target, built or from the store."""
    opened = open_locked(scene)
    declared = declared_image(opened, options)
    targets = chosen_targets(scene, opened, declared, options)
    job = Job(opened, declared, mode)
    return opened, [build_for(scene, job, target) for target in targets]


def declared_image(opened: Opened, options: ImageOptions) -> Image:
    """The image's table; the default one where the manifest has none."""
    images = opened.manifest.images if opened.manifest else ()
    key = options.name or ""
    found = next((one for one in images if one.key == key), None)
    if found is None and not key and len(images) == 1:
        found = images[0]
    if found is None and not key and not images:
        file = opened.manifest.file if opened.manifest else "pyproject.toml"
        found = Image(origin=Origin(file))
    if found is None:
        names = ", ".join(one.key or "[image]" for one in images) or "none"
        raise InputError(
            "no-image",
            f"the manifest has no image {key or '[image]'}",
            why=f"it has {names}",
            fix="name one of them",
        )
    if options.compression:
        found = replace(found, compression=options.compression)
    return found


def chosen_targets(
    scene: Scene, opened: Opened, declared: Image, options: ImageOptions
) -> list[LockedTarget]:
    """The targets that an image is built for: as asked, or the only one that it can be for."""
    lock, here = opened.lock, machine_here().platform
    if options.targets:
        chosen = [choose_target(lock, name, platform=here) for name in options.targets]
        _refuse_unfit(chosen)
        return chosen
    entry = next((one for one in lock.images if one.key == declared.key), None)
    candidates = [
        target
        for target in lock.targets
        if PLATFORMS[target.platform].is_linux
        and (target.name in entry.targets if entry else not target.environment)
    ]
    default = opened.manifest.default_target if opened.manifest else None
    for wanted in (declared.target, scene.settings.target, default):
        fitting = [one for one in candidates if wanted in {one.name, one.table}]
        if wanted and fitting:
            candidates = fitting
            break
    if len(candidates) > 1:
        candidates = [one for one in candidates if one.platform == here] or candidates
    if len(candidates) != 1:
        raise InputError(
            "no-target",
            f"{LOCK_NAME} has {len(candidates)} targets that an image could be for",
            why=[f"{one.name}: {one.platform}" for one in candidates],
            fix="name one with --target, or write target in [image]",
        )
    return candidates


def _refuse_unfit(chosen: Sequence[LockedTarget]) -> None:
    """`InputError` for a target that no image is for, and for two of one architecture."""
    seen: dict[str, str] = {}
    for target in chosen:
        platform = PLATFORMS[target.platform]
        if not platform.is_linux:
            raise InputError(
                "no-image-target",
                f"target {target.name} is for {target.platform}; images are for linux",
                fix="name a target whose platform is linux",
            )
        other = seen.setdefault(platform.oci_architecture, target.name)
        if other != target.name or [one.name for one in chosen].count(target.name) > 1:
            raise InputError(
                "same-architecture",
                f"targets {other} and {target.name} are both for {platform.oci_architecture}",
                why="an index has one manifest for each architecture",
                fix="build two images",
            )


def build_for(scene: Scene, job: Job, target: LockedTarget) -> BuiltImage:
    """The image of one target, built on this machine or from the store."""
    lock = job.opened.lock
    refuse_foreign(target, scripts_of(job.opened))
    content = content_of(lock, choice_of(job.declared, target))
    with open_network(scene, job.opened.manifest, bundle=job.bundle) as fetcher:
        compiler = compiler_for(scene, lock, target, content.interpreter, fetcher)
        plan = image_plan(scene, job.opened, job.declared, content, fetcher, job.files)
        told = contradictions(scene, lock, content, plan, fetcher)
    places = BuildPlaces(
        cache=scene.settings.cache_dir,
        data=scene.settings.data_dir,
        confinement=Confinement(job.mode),
        compiler=compiler,
    )
    return replace(build_image(plan, places, scene.progress), notes=tuple(told))
