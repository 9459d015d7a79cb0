"""Base images: a reference to a digest per platform, and what such an image brings along.

An image's layers are only read where the lock depends on them: Debian packages are those that the
base lacks, and wheels may need libraries that it has. What was read is kept under its digest.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError, IntegrityError, UnavailableError
from lockenv.formats.oci import (
    DOCKER_INDEX_TYPE,
    INDEX_TYPE,
    Descriptor,
    oci_layer_type,
    parse_config,
    parse_manifest,
)
from lockenv.lockfile import base_references
from lockenv.materialize import Base, BaseFacts, BaseLayer, read_base
from lockenv.model import LockedBaseImage, Wanted, parse_digest
from lockenv.values import asdict, dataclass, field, replace
from lockenv.workflows.locking.cell_base import CellBase
from lockenv.workflows.registries import (
    open_places,
    platform_manifest,
    pull_blob,
    pull_manifest,
    reference_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.formats.oci import ImageConfig, Manifest
    from lockenv.model import Digest, LockedTarget
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.question import Question
    from lockenv.workflows.registries import Place
    from lockenv.workflows.scene import Scene

#: Registries serve few layers at a time well.
_JOBS = 4
#: Under which name facts are kept; another number for every change of their form.
_KIND = "base-image-2"
_CUDA_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True, slots=True)
class BaseAnswer:
    """The lock's entries, and for each cell that builds on a base what that has."""

    locked: tuple[LockedBaseImage, ...] = ()
    by_cell: Mapping[str, CellBase] = field(default_factory=dict)


def lock_bases(scene: Scene, question: Question, fetcher: StoreFetcher) -> BaseAnswer:
    """The base images of every cell: as the former lock has them, or as the registry has them now.

    Raises `InputError` for a tag under ``as-of``, and for images of one target with a system layer
    that stand on different bases; `SourceError` for what cannot be had.
    """
    manifest = question.project.manifest
    found: dict[tuple[str, str], tuple[LockedBaseImage, list[str]]] = {}
    by_cell: dict[str, CellBase] = {}
    former = question.former.base_images if question.former else ()
    for cell in question.cells:
        if not question.is_solved(cell):
            for one in former:
                if cell.name in one.targets:
                    key = (one.reference, str(one.digest))
                    found.setdefault(key, (one, []))[1].append(cell.name)
            continue
        references = base_references(manifest, cell.table, cell.target.platform)
        _refuse_several(question, cell, references)
        for reference in sorted(references - {"scratch"}):
            locked = _locked(scene, question, fetcher, cell, reference)
            key = (reference, str(locked.digest))
            found.setdefault(key, (locked, []))[1].append(cell.name)
            if _is_read(question, cell):
                facts = base_facts(scene, fetcher, locked)
                by_cell[cell.name] = CellBase(reference=reference, facts=facts)
    entries = tuple(
        replace(locked, targets=tuple(sorted(names))) for locked, names in found.values()
    )
    return BaseAnswer(entries, by_cell)


def _is_read(question: Question, cell: Cell) -> bool:
    manifest = question.project.manifest
    has_system = manifest.system is not None and cell.table.system is not False
    return has_system or manifest.policy.native_libraries == "error"


def _refuse_several(question: Question, cell: Cell, references: frozenset[str]) -> None:
    manifest = question.project.manifest
    if len(references) < 2 or manifest.system is None or cell.table.system is False:
        return
    raise InputError(
        "bases-differ",
        f"the images of target {cell.name} stand on different bases: "
        f"{' and '.join(sorted(references))}",
        why="the Debian packages of a target are what its one base lacks",
        fix="give each image a target of its own, or write system = false for this target",
    )


def _locked(
    scene: Scene, question: Question, fetcher: StoreFetcher, cell: Cell, reference: str
) -> LockedBaseImage:
    platform = cell.target.platform
    moved = question.moves.of("base", {reference})
    if question.former is not None and not moved:
        for one in question.former.base_images:
            if (one.reference, one.platform) == (reference, platform.name):
                return one
    if question.limits.as_of and "@sha256:" not in reference:
        raise InputError(
            "base-without-digest",
            f"as-of cannot hold for base {reference}: a registry does not tell what a tag named",
            fix=f'write base = "{reference}@sha256:…"',
        )
    asked = reference_of(reference)
    architecture = platform.debian_architecture
    with open_places(scene, asked) as places:
        answer = platform_manifest(places, asked, architecture)
        _keep(fetcher, answer.manifest.body)
        parsed = _parsed(answer.manifest.body, reference)
        config = _config(fetcher, places, parsed, reference)
    if config.architecture not in {architecture, ""}:
        raise UnavailableError(
            "no-image",
            f"{reference} is for {config.architecture}, target {cell.name} is for {architecture}",
            fix="name a base image for this platform",
        )
    return LockedBaseImage(
        reference=reference,
        platform=platform.name,
        digest=parse_digest(answer.manifest.digest),
        size=len(answer.manifest.body),
        index=parse_digest(answer.index.digest) if answer.index else None,
        layers=tuple((parse_digest(layer.digest), layer.size) for layer in parsed.layers),
        cuda=_cuda(config),
    )


def _parsed(body: bytes, name: str) -> Manifest:
    """The manifest of an image whose layers can be used as they are."""
    parsed = parse_manifest(body, name)
    if parsed.config.media_type in {INDEX_TYPE, DOCKER_INDEX_TYPE}:
        raise IntegrityError("broken-image-document", f"{name} is no image", fix="name another")
    odd = sorted(
        {one.media_type for one in parsed.layers if oci_layer_type(one.media_type) is None}
    )
    if odd or not parsed.layers:
        raise InputError(
            "unusable-base",
            f"{name} is no image of Linux layers",
            why=[f"it has a layer of type {media_type}" for media_type in odd],
            fix="name another base image",
        )
    return parsed


def _config(
    fetcher: StoreFetcher, places: list[Place] | None, manifest: Manifest, name: str
) -> ImageConfig:
    path = _blob(fetcher, places, manifest.config, name)
    config = parse_config(path.read_bytes(), name)
    if len(config.diff_ids) != len(manifest.layers):
        raise IntegrityError(
            "broken-image-document",
            f"the config and the manifest of {name} tell of different layers",
            fix="do not use this image; ask its publisher",
        )
    return config


def _cuda(config: ImageConfig) -> str | None:
    """The toolkit that the image says to bring, by the variables of NVIDIA's own images."""
    env = dict(line.partition("=")[::2] for line in config.env)
    version = env.get("CUDA_VERSION") or env.get("NV_CUDA_CUDART_VERSION", "").partition("-")[0]
    return version if _CUDA_VERSION.fullmatch(version) else None


def base_status(question: Question, cell: Cell) -> bytes | None:
    """The package database of the base image that a cell's image stands on; None from scratch."""
    base = question.bases.get(cell.name)
    if base is None:
        return None
    if not base.packages:
        raise InputError(
            "base-without-dpkg",
            f"Debian packages cannot be added to {base.reference}: it has no packages of dpkg's",
            why=f"target {cell.name} has a system layer",
            fix='write system = false for this target, or base = "scratch"',
        )
    system = question.project.manifest.system
    if system is not None and system.scripts == "run" and not base.facts.dpkg:
        raise InputError(
            "base-without-dpkg",
            f"{base.reference} has no dpkg, which would run the packages' scripts",
            why=f"target {cell.name} has a system layer",
            fix='write scripts = "none" in [system], or name a base image that has dpkg',
        )
    release = base.release
    if system is not None and release.get("ID") and release["ID"] != system.distribution:
        raise _other_release(base, f"{system.distribution} {system.suite}")
    codename = release.get("VERSION_CODENAME")
    if system is not None and codename and system.suite not in {codename, "stable", "testing"}:
        raise _other_release(base, f"{system.distribution} {system.suite}")
    return base.facts.status.encode()


def _other_release(base: CellBase, asked: str) -> InputError:
    there = f"{base.release.get('ID')} {base.release.get('VERSION_CODENAME', '')}".strip()
    return InputError(
        "base-of-another-release",
        f"the base image {base.reference} is {there}, [system] asks for {asked}",
        why="packages of two releases do not go together",
        fix=f'write suite = "{base.release.get("VERSION_CODENAME", "")}", or name another base',
    )


# -- bytes ---------------------------------------------------------------------------------------


def _keep(fetcher: StoreFetcher, body: bytes) -> None:
    arrived = fetcher.store.new_file()
    arrived.write_bytes(body)
    try:
        fetcher.keep_file(arrived)
    finally:
        arrived.unlink(missing_ok=True)


def _blob(fetcher: StoreFetcher, places: list[Place] | None, blob: Descriptor, name: str) -> Path:
    """A blob of a base image: from the store, a bundle, or (with ``places``) the registry."""
    digest = parse_digest(blob.digest)
    path = fetcher.store.has_blob(digest, blob.size)
    if path is not None:
        return path
    if places is None:
        wanted = Wanted(name=f"a layer of {name}", digest=digest, size=blob.size)
        return fetcher.blob(wanted)
    arrived = fetcher.store.new_file()
    try:
        pull_blob(places, blob.digest, blob.size, arrived)
        return fetcher.store.keep_blob(arrived, digest)
    except OSError as error:
        raise HostError(
            "store-not-writable",
            f"a layer of {name} could not be written",
            why=str(error.strerror or error),
            fix="free space there, or name another folder with --cache-dir",
        ) from error
    finally:
        arrived.unlink(missing_ok=True)


def base_facts(scene: Scene, fetcher: StoreFetcher, locked: LockedBaseImage) -> BaseFacts:
    """What a base image holds, remembered under its digest."""
    kept = fetcher.recall(_KIND, str(locked.digest))
    if kept is not None:
        body = json.loads(kept)
        return BaseFacts(
            status=body["status"],
            dpkg=body["dpkg"],
            release=body["release"],
            libraries=tuple(body["libraries"]),
        )
    base = pulled_base(scene, fetcher, locked)
    layers = [(layer.path, str(layer.diff_id)) for layer in base.layers]
    facts = read_base(layers, locked.reference)
    fetcher.remember(_KIND, str(locked.digest), json.dumps(asdict(facts)).encode())
    return facts


def pulled_base(scene: Scene, fetcher: StoreFetcher, locked: LockedBaseImage) -> Base:
    """A locked base image with its layers in the store, pulled where they are not there yet."""
    name = locked.reference
    try:
        return _from_store(fetcher, None, locked)
    except UnavailableError:
        if scene.settings.offline:
            raise
    asked = reference_of(name)
    with open_places(scene, asked) as places:
        if fetcher.has_blob(locked.digest) is None:
            found = pull_manifest(places, str(locked.digest))
            if found is None:
                raise UnavailableError(
                    "gone",
                    f"the registry has {name} as it was locked no more",
                    why=(f"locked is {locked.digest}",),
                    fix="lockenv lock --upgrade=base, or name a mirror that has it",
                )
            _keep(fetcher, found.body)
        scene.progress.started("fetch", len(locked.layers))
        base = _from_store(fetcher, places, locked)
        scene.progress.finished("fetch")
    return base


def base_files(
    scene: Scene, fetcher: StoreFetcher, locked: LockedBaseImage
) -> list[tuple[Wanted, Path]]:
    """Every file that a base image is made of, pulled into the store."""
    base = pulled_base(scene, fetcher, locked)
    manifest = _blob(fetcher, None, _named(locked.digest, locked.size), locked.reference)
    config = parse_manifest(manifest.read_bytes(), locked.reference).config
    files = [(locked.digest, locked.size, manifest)]
    files.append(
        (parse_digest(config.digest), config.size, _blob(fetcher, None, config, locked.reference))
    )
    files += [(layer.digest, layer.size, layer.path) for layer in base.layers]
    return [
        (Wanted(name=f"{locked.reference} {digest.hex[:12]}", digest=digest, size=size), path)
        for digest, size, path in files
    ]


def _from_store(fetcher: StoreFetcher, places: list[Place] | None, locked: LockedBaseImage) -> Base:
    name = locked.reference
    manifest = _blob(fetcher, None, _named(locked.digest, locked.size), name)
    parsed = _parsed(manifest.read_bytes(), name)
    config = _config(fetcher, places, parsed, name)

    def pull(blob: Descriptor) -> Path:
        return _blob(fetcher, places, blob, name)

    with ThreadPoolExecutor(_JOBS) as pool:
        paths = list(pool.map(pull, parsed.layers))
    return Base(
        reference=name,
        digest=str(locked.digest),
        config=_blob(fetcher, None, parsed.config, name).read_bytes(),
        layers=tuple(
            BaseLayer(
                media_type=oci_layer_type(layer.media_type) or layer.media_type,
                digest=parse_digest(layer.digest),
                size=layer.size,
                diff_id=parse_digest(diff_id),
                path=path,
            )
            for layer, diff_id, path in zip(parsed.layers, config.diff_ids, paths, strict=True)
        ),
    )


def _named(digest: Digest, size: int) -> Descriptor:
    return Descriptor(media_type="", digest=str(digest), size=size)


def base_of(
    images: Iterable[LockedBaseImage], target: LockedTarget, reference: str
) -> LockedBaseImage | None:
    """The locked base of an image for a target, if the lock has one."""
    return next(
        (one for one in images if one.reference == reference and target.name in one.targets), None
    )
