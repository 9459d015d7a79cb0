"""What stands twice in a lock though a target can have it only once (LE203)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile.places import Places
from lockenv.model import LOCK_NAME, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.fields import KeyPath
    from lockenv.model import Lock

#: What an entry is (kind, name, target): once it may stand there, and here it stands.
Claim = tuple[tuple[str, str, str], "KeyPath"]


def duplicates(lock: Lock, text: str, *, name: str = LOCK_NAME) -> list[Finding]:
    """One finding for each second entry of one thing for one target."""
    seen: dict[tuple[str, str, str], KeyPath] = {}
    findings = []
    places = Places(text)
    for claim, path in _claims(lock):
        if claim not in seen:
            seen[claim] = path
            continue
        kind, thing, target = claim
        line, first = places.entry(path), places.entry(seen[claim])
        findings.append(
            Finding(
                code="LE203",
                message=f"{name} has {kind} {thing} twice, in lines {first} and {line}",
                layer="lock",
                target=target or None,
                package=thing if kind in {"package", "system package"} else None,
                file=name,
                line=line,
                fix="lockenv lock",
            )
        )
    return findings


def _claims(lock: Lock) -> Iterator[Claim]:
    for number, item in enumerate(lock.targets):
        yield ("target", item.name, ""), ("targets", number)
    for number, package in enumerate(lock.packages):
        path: KeyPath = ("packages", number)
        yield from _each("package", package.name, package.targets, path)
        for artifact in (*package.wheels, *filter(None, (package.sdist, package.archive))):
            kind = f"in packages[{number}] the file of"
            yield from _each(kind, package.name, artifact.targets, path)
    for number, build in enumerate(lock.builds):
        path = ("builds", number)
        yield from _each(f"the {build.kind} build of", build.name, build.targets, path)
        for member in build.packages:
            thing = f"{member.name} for the {build.kind} build of {build.name}"
            yield from _each("package", thing, member.artifact.targets, path)
    for number, interpreter in enumerate(lock.interpreters):
        yield from _each("an interpreter", "", interpreter.targets, ("interpreters", number))
    yield from _system_claims(lock)


def _system_claims(lock: Lock) -> Iterator[Claim]:
    for number, package in enumerate(lock.system_packages):
        thing = f"{package.name}:{package.architecture}"
        yield from _each("system package", thing, package.targets, ("system-packages", number))
    for number, archive in enumerate(lock.system_archives):
        yield from _each(
            "the archive state", archive.key, archive.targets, ("system-archives", number)
        )
    for number, component in enumerate(lock.cuda_components):
        thing = f"{component.name} for {component.platform}"
        yield from _each("component", thing, component.targets, ("cuda-components", number))
    for number, base in enumerate(lock.base_images):
        thing = f"{base.reference} for {base.platform}"
        yield from _each("base image", thing, base.targets, ("base-images", number))
    for number, image in enumerate(lock.images):
        yield ("image", image.key or "image", ""), ("images", number)
        for record in image.recorded:
            thing = f"a record of {image.key or 'the image'}"
            yield (thing, "", record.target), ("images", number)


def _each(kind: str, thing: str, targets: Iterable[str], path: KeyPath) -> Iterator[Claim]:
    for target in targets:
        yield (kind, thing, target), path
