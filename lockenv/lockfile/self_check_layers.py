"""What a lock's own requests ask of each layer, and no entry of it answers (LE201)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.formats.debian import parse_request
from lockenv.lockfile.asked import rests, single
from lockenv.lockfile.selection import artifact_for, own_project
from lockenv.lockfile.self_fault import SelfFault
from lockenv.model import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lockenv.formats.debian import Relation
    from lockenv.model import Lock, LockedTarget


def unserved(
    lock: Lock, target: LockedTarget, is_provided: Callable[[Relation], bool]
) -> Iterator[SelfFault]:
    """What a target was locked for and does not have: as after an entry was lost.

    ``is_provided`` says whether the target's system packages answer a relation.
    """
    lines = lock.request.get(target.name, ())
    yield from _unbuilt(lock, target)
    for what in (
        *_project(lock, target, lines),
        *_system(lock, target, lines, is_provided),
        *_base_images(lock, target, lines),
        *_components(lock, target, lines),
    ):
        message = f"{{place}}: target {target.name} asks for {what}, which is not locked"
        yield SelfFault("LE201", message, target.name)


def _unbuilt(lock: Lock, target: LockedTarget) -> Iterator[SelfFault]:
    """Whatever has no wheel has a locked build, and so has what builds are made with."""
    builds = {canonicalize_name(one.name) for one in lock.builds if target.name in one.targets}
    for number, package in enumerate(lock.packages):
        if target.name in package.targets and package.name not in builds:
            file = artifact_for(package, target.name)
            if file is None or not file.name.endswith(".whl"):
                message = f"{{place}}: {package.name} must be built, and its build is not locked"
                path = ("packages", number)
                yield SelfFault("LE201", message, target.name, package.name, path)
    for number, build in enumerate(lock.builds):
        if target.name not in build.targets:
            continue
        for member in build.packages:
            is_here = target.name in member.artifact.targets
            if is_here and not member.artifact.name.endswith(".whl") and member.name not in builds:
                message = (
                    f"{{place}}: {build.name} is built with {member.name}, which must be built"
                )
                message = f"{message} too, and its build is not locked"
                yield SelfFault("LE201", message, target.name, member.name, ("builds", number))


def _project(lock: Lock, target: LockedTarget, lines: Sequence[str]) -> Iterator[str]:
    if single(lines, "package") == "yes" and own_project(lock, target.name) is None:
        yield "the project itself"


def _system(
    lock: Lock,
    target: LockedTarget,
    lines: Sequence[str],
    is_provided: Callable[[Relation], bool],
) -> Iterator[str]:
    if any(target.name in image.targets for image in lock.base_images):
        return  # what the base image brings is not in the lock
    for text in rests(lines, "system package"):
        try:
            alternatives = parse_request(text).alternatives
        except ValueError:
            continue
        asked = [one for one in alternatives if one.applies_to(_architecture(target))]
        if asked and not any(map(is_provided, asked)):
            yield f"the system package {text}"


def _architecture(target: LockedTarget) -> str:
    return PLATFORMS[target.platform].debian_architecture


def _base_images(lock: Lock, target: LockedTarget, lines: Sequence[str]) -> Iterator[str]:
    locked = {one.reference for one in lock.base_images if target.name in one.targets}
    for reference in sorted({*rests(lines, "base")} - locked):
        yield f"the base image {reference}"


def _components(lock: Lock, target: LockedTarget, lines: Sequence[str]) -> Iterator[str]:
    words = single(lines, "cuda components")
    if not words or any(target.name in one.targets for one in lock.cuda_components):
        return
    rows = (row.partition("=") for row in single(lines, "cuda sources").split(",") if row)
    places = {name.removesuffix("-dev"): place for name, _, place in rows}
    common = single(lines, "cuda source", "wheels")
    for name in words.split(","):
        if places.get(name.removesuffix("-dev"), common) == "redistributable":
            yield f"the CUDA component {name}"
