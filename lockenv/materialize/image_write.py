"""Write a built image out: an OCI image layout as a folder or a tar, or Docker's archive.

The tar is both at once: an OCI archive, and what `docker load` reads, since the
``manifest.json`` of the latter points into the layout's blobs.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from lockenv.formats.oci import (
    EMPTY_CONFIG,
    INDEX_TYPE,
    LAYOUT,
    MANIFEST_TYPE,
    Descriptor,
    Index,
    blob_path,
    describe,
    parse_manifest,
    render_docker_archive,
    render_index,
)
from lockenv.formats.tar import END, Entry, padding, render_header
from lockenv.materialize.image_attached import referrer_of
from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lockenv.materialize.image_attached import Attached
    from lockenv.materialize.image_plan import BuiltImage

#: OCI's annotation for the name of an image in a layout, and containerd's for its full name.
_NAME = "org.opencontainers.image.ref.name"
_FULL_NAME = "io.containerd.image.name"


def manifest_descriptor(image: BuiltImage) -> Descriptor:
    """What an index says of the image."""
    described = describe(MANIFEST_TYPE, image.manifest)
    return Descriptor(
        media_type=described.media_type,
        digest=described.digest,
        size=described.size,
        architecture=image.architecture,
        variant="v8" if image.architecture == "arm64" else "",
    )


def image_index(images: Sequence[BuiltImage]) -> bytes:
    """The index of images for several architectures, sorted by architecture."""
    ordered = sorted(images, key=lambda image: image.architecture)
    return render_index(Index(manifests=tuple(manifest_descriptor(image) for image in ordered)))


def top_digest(images: Sequence[BuiltImage]) -> str:
    """The digest that names the image: its manifest's, or its index's if it is for several."""
    if len(images) == 1:
        return manifest_descriptor(images[0]).digest
    return describe(INDEX_TYPE, image_index(images)).digest


def write_layout(
    images: Sequence[BuiltImage],
    name: str,
    folder: Path,
    attached: Sequence[Sequence[Attached]] = (),
) -> None:
    """An image layout in a new folder; ``attached`` are documents that refer to each image."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        members = _members(images, name, is_archive=False, attached=attached)
        for path, content in members:
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                target.write_bytes(content)
            else:
                shutil.copyfile(content, target)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def write_archive(images: Sequence[BuiltImage], name: str, file: Path) -> None:
    """The layout as one tar, which `docker load` and `podman load` read too; deterministic."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as target:
            for path, content in _members(images, name, is_archive=True):
                size = len(content) if isinstance(content, bytes) else content.stat().st_size
                entry = Entry(path=path, mode=0o644, size=size, mtime=CONSTANT_TIME)
                target.write(render_header(entry))
                if isinstance(content, bytes):
                    target.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, target, 1 << 20)
                target.write(padding(size))
            target.write(END)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _members(
    images: Sequence[BuiltImage],
    name: str,
    *,
    is_archive: bool,
    attached: Sequence[Sequence[Attached]] = (),
) -> Iterator[tuple[str, bytes | Path]]:
    """The files of a layout: each blob once, the index that names them last."""
    seen: set[str] = set()
    for image in images:
        manifest = parse_manifest(image.manifest, "the image's own manifest")
        documents = [
            (manifest.config.digest, image.config),
            (manifest_descriptor(image).digest, image.manifest),
        ]
        blobs: list[tuple[str, bytes | Path]] = [
            *((layer.digest, layer.path) for layer in image.layers),
            *documents,
        ]
        for digest, content in blobs:
            if digest not in seen:
                seen.add(digest)
                yield blob_path(digest), content
    if len(images) > 1:
        yield blob_path(top_digest(images)), image_index(images)
    yield "oci-layout", LAYOUT
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    # Tools name an image in a folder by its tag, and one that they load by its whole name.
    short = tagged if is_archive else tagged.rpartition(":")[2]
    referrers: list[Descriptor] = []
    for image, others in zip(images, attached, strict=False):
        for document in others:
            referrer = referrer_of(manifest_descriptor(image), document)
            described = describe(MANIFEST_TYPE, referrer)
            referrers.append(replace(described, artifact_type=document.media_type))
            for content in (EMPTY_CONFIG, document.content, referrer):
                digest = describe("", content).digest
                if digest not in seen:
                    seen.add(digest)
                    yield blob_path(digest), content
    yield "index.json", _layout_index(images, {_NAME: short, _FULL_NAME: tagged}, referrers)
    if is_archive and len(images) == 1:
        manifest = parse_manifest(images[0].manifest, "the image's own manifest")
        yield (
            "manifest.json",
            render_docker_archive(
                manifest.config.digest, [layer.digest for layer in manifest.layers], [tagged]
            ),
        )


def _layout_index(
    images: Sequence[BuiltImage], names: Mapping[str, str], referrers: Sequence[Descriptor]
) -> bytes:
    """A layout's index names the image, then what refers to it.

    Images of several architectures have an index of their own, as in a registry: one name for two
    members would leave it open which is meant.
    """
    top = manifest_descriptor(images[0])
    if len(images) > 1:
        top = describe(INDEX_TYPE, image_index(images))
    return render_index(Index(manifests=(replace(top, annotations=names), *referrers)))
