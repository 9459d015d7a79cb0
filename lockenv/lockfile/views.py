"""A lock target by target: what is installed there, one thing a name, whatever its layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile.order import source_of
from lockenv.lockfile.selection import artifact_for
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.model import Artifact, Lock, LockedPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One installed thing: ``content`` is its digest, or what else names its bytes.

    ``sizes`` maps the digests of its files to their bytes, 0 where unknown.
    """

    layer: str
    name: str
    version: str
    content: str
    group: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)


def things(lock: Lock, target: str) -> dict[tuple[str, str], Thing]:
    """Everything that a target installs, by layer and name."""
    found = (*_python_things(lock, target), *_system_things(lock, target))
    return {(thing.layer, thing.name): thing for thing in found}


def _python_things(lock: Lock, target: str) -> Iterator[Thing]:
    for package in lock.packages:
        if target in package.targets:
            artifact = artifact_for(package, target)
            yield Thing(
                layer="python",
                name=package.name,
                version=package.version or "",
                content=_content(package, artifact),
                sizes=_sizes(artifact),
            )
    for interpreter in lock.interpreters:
        if target in interpreter.targets:
            build = f" {interpreter.build}" if interpreter.build else ""
            digest = f" {interpreter.artifact.digest}" if interpreter.artifact else ""
            yield Thing(
                layer="interpreter",
                name="python",
                version=interpreter.version,
                content=f"{interpreter.source} {interpreter.variant}{build}{digest}",
                sizes=_sizes(interpreter.artifact),
            )


def _content(package: LockedPackage, artifact: Artifact | None) -> str:
    return str(artifact.digest) if artifact else source_of(package)


def _sizes(artifact: Artifact | None) -> dict[str, int]:
    return {str(artifact.digest): artifact.size or 0} if artifact else {}


def _system_things(lock: Lock, target: str) -> Iterator[Thing]:
    for item in lock.system_packages:
        if target in item.targets:
            yield Thing(
                layer="system",
                name=f"{item.name}:{item.architecture}",
                version=item.version,
                content=str(item.digest),
                group=item.source,
                sizes={str(item.digest): item.size},
            )
    for component in lock.cuda_components:
        if target in component.targets:
            yield Thing(
                layer="cuda",
                name=component.name,
                version=component.version,
                content=str(component.artifact.digest),
                sizes=_sizes(component.artifact),
            )
    for image in lock.base_images:
        if target in image.targets:
            yield Thing(
                layer="base",
                name=image.reference,
                version="",
                content=str(image.digest),
                sizes={str(digest): size for digest, size in image.layers},
            )
