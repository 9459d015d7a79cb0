"""The request's lines for the layers below Python: Debian packages, CUDA, images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.formats.debian import parse_request
from lockenv.lockfile.asked import Asked
from lockenv.model import Cuda, LockedImage, Origin
from lockenv.values import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.model import (
        Archive,
        Image,
        Manifest,
        Platform,
        System,
        Target,
        TargetTable,
    )


def system_lines(manifest: Manifest, table: TargetTable, platform: Platform) -> Iterator[Asked]:
    """What is asked of Debian, where the target has system packages at all."""
    system = manifest.system
    if system is None or (system.distribution == "none" and not system.archives):
        return
    if table.system is False or not platform.is_linux:
        return
    for line in _system_settings(system):
        yield Asked(f"system {line}", system.origin)
    for package in (*system.packages, *table.system_packages):
        yield Asked(f"system package {_relation(package.relation)}", package.origin)
    if manifest.external:
        yield from _external_lines(manifest, system)
    for archive in system.archives:
        yield Asked(f"system archive {_archive(archive)}", system.origin)


def _external_lines(manifest: Manifest, system: System) -> Iterator[Asked]:
    """What ``[external]`` asks to run with: its packages where the suite's mapping knows them."""
    from lockenv.tables.external import (  # noqa: PLC0415 - start-up: few manifests have [external]
        ecosystem,
        packages_for,
        parse_external,
    )

    name = ecosystem(system.distribution, system.suite)
    for text, origin in manifest.external:
        if origin.path[1:2] != ("dependencies",):
            continue
        try:
            wanted = parse_external(text)
        except ValueError:
            continue  # told where the manifest is read
        packages = packages_for(wanted, name, "run") if name else None
        for package in packages or ():
            yield Asked(f"system package {package}", origin)
        if wanted.version or not packages:
            yield Asked(f"system external {text}", origin)


def _system_settings(system: System) -> Iterator[str]:
    yield f"distribution {system.distribution}"
    yield f"suite {system.suite}"
    yield f"components {' '.join(sorted(set(system.components)))}"
    if system.backports:
        yield "backports yes"
    if system.recommends:
        yield "recommends yes"
    if system.scripts != "run":
        yield f"scripts {system.scripts}"
    if system.architectures:
        yield f"architectures {' '.join(sorted(set(system.architectures)))}"
    # What is preferred first wins, so here the order has a meaning.
    for number, name in enumerate(system.prefer, 1):
        yield f"prefer {number:02d} {name}"


def _relation(text: str) -> str:
    try:
        return str(parse_request(text))
    except ValueError:
        return " ".join(text.split())


def _archive(archive: Archive) -> str:
    words = [
        archive.name,
        archive.url,
        ",".join(sorted(set(archive.suites))),
        ",".join(sorted(set(archive.components))) or "-",
    ]
    if archive.architectures:
        words.append(f"architectures={','.join(sorted(set(archive.architectures)))}")
    if archive.signed_by:
        words.append(f"signed-by={archive.signed_by}")
    if archive.priority is not None:
        words.append(f"priority={archive.priority}")
    return " ".join(words)


def cuda_lines(manifest: Manifest, table: TargetTable, platform: Platform) -> Iterator[Asked]:
    """What is declared of CUDA, key by key: the target's own value over the common one."""
    if platform.libc not in {"glibc", ""}:
        return  # there is no CUDA for musl and macOS
    if table.cuda is False:
        yield Asked("cuda refuse yes", table.origin)
        return
    found: dict[str, Asked] = {}
    for cuda in (manifest.cuda, table.cuda):
        if not isinstance(cuda, Cuda):
            continue
        for field in fields(cuda):
            value = getattr(cuda, field.name)
            if value is not None and not isinstance(value, Origin):
                key = field.name.replace("_", "-")
                found[key] = Asked(f"cuda {key} {_words(value)}", cuda.origin)
    yield from found.values()


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(sorted(map(str, value)))
    if isinstance(value, dict):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return str(value)


def image_lines(manifest: Manifest, table: TargetTable, platform: Platform) -> Iterator[Asked]:
    """The base images that must be locked for a target."""
    for image in manifest.images:
        if image.base != "scratch" and _is_built_for(manifest, image, table.name, platform):
            yield Asked(f"base {image.base}", image.origin)


def base_references(manifest: Manifest, table: TargetTable, platform: Platform) -> frozenset[str]:
    """What the images of a target are built on, ``scratch`` included."""
    return frozenset(
        image.base
        for image in manifest.images
        if _is_built_for(manifest, image, table.name, platform)
    )


def _is_built_for(manifest: Manifest, image: Image, table: str, platform: Platform) -> bool:
    wanted = image.target or manifest.default_target
    return platform.is_linux and wanted in {None, table}


def image_requests(manifest: Manifest, targets: Iterable[Target]) -> tuple[LockedImage, ...]:
    """The declared images as the lock states them: selection, targets and settings, canonical.

    ``targets`` are all the cells that are locked.
    """
    targets = tuple(targets)
    return tuple(
        LockedImage(
            key=image.key,
            targets=tuple(
                sorted(target.name for target in targets if _is_built_from(manifest, image, target))
            ),
            groups=tuple(sorted(set(image.groups))),
            extras=tuple(sorted(set(image.extras))),
            settings=tuple(sorted(_settings(image))),
        )
        for image in sorted(manifest.images, key=lambda image: image.key)
    )


def _is_built_from(manifest: Manifest, image: Image, target: Target) -> bool:
    """Whether a cell is one that the image is made from: its target's, in its environment."""
    if not _is_built_for(manifest, image, target.table or target.name, target.platform):
        return False
    wanted = {*(f"group:{name}" for name in image.groups), *(f"extra:{n}" for n in image.extras)}
    apart = ""
    for name in sorted(manifest.environments):
        own = manifest.environments[name]
        members = {*(f"group:{name}" for name in own.groups), *(f"extra:{n}" for n in own.extras)}
        if wanted & members:
            apart = name
            break
    return target.environment == apart


def _settings(image: Image) -> Iterator[str]:
    yield f"base {image.base}"
    yield f"compression {image.compression}"
    yield f"project {'yes' if image.project else 'no'}"
    if image.user or image.base == "scratch":
        yield f"user {image.user or 'app'}"
    yield f"workdir {image.workdir}"
    if image.name:
        yield f"name {image.name}"
    if image.entrypoint:
        yield f"entrypoint {json.dumps(image.entrypoint)}"
    if image.cmd:
        yield f"cmd {json.dumps(image.cmd)}"
    yield from (f"env {key}={value}" for key, value in image.env.items())
    yield from (f"label {key}={value}" for key, value in image.labels.items())
    yield from (f"port {port}" for port in image.ports)
