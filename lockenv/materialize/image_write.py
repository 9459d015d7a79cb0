"""Write a built image out: an OCI image layout as a folder or a tar, or Docker's archive.

The tar is both at once: an OCI archive, and what `docker load` reads, since the
``manifest.json`` of the latter points into the layout's blobs.
"""

from __future__ import annotations

import errno
import os
import re
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
#: How the name of an image in one file ends.
ARCHIVE_SUFFIX = ".tar"
#: What lies in a layout (image-layout specification, "Content").
_LAYOUT_NAMES = {"blobs", "index.json", "oci-layout"}
#: What a write that was killed left behind.
_PARTIAL = re.compile(r"\..*\.\d+\.part")
#: The name of an archive's first member, padded to the header's next field (POSIX ustar).
_ARCHIVE_HEAD = re.compile(rb"(?:oci-layout|blobs/(?:sha256/(?:[0-9a-f]{64})?)?)\0{3}")
_HEAD = 100


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


def takes_layout(folder: Path) -> bool:
    """Whether a layout may be written to a place: none is there yet, or nothing but one."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    names = {one.name for one in folder.iterdir() if not _PARTIAL.fullmatch(one.name)}
    is_layout = "oci-layout" in names and names <= _LAYOUT_NAMES
    # Blobs that are kept elsewhere may be those of other layouts.
    return not names or (is_layout and not (folder / "blobs").is_symlink())


def is_archive(file: Path) -> bool:
    """Whether a file is an image, or the beginning of one: by its first member, whoever wrote it.

    That of an OCI archive is one of its blobs, or what says that it is a layout.
    """
    with file.open("rb") as content:
        return _ARCHIVE_HEAD.match(content.read(_HEAD)) is not None


def write_layout(
    images: Sequence[BuiltImage],
    name: str,
    folder: Path,
    attached: Sequence[Sequence[Attached]] = (),
) -> None:
    """An image layout in a folder; ``attached`` are documents that refer to each image.

    What is there already is replaced only if it is a layout; a folder stays the one that it was.
    """
    folder = folder.resolve()
    if not takes_layout(folder):
        raise FileExistsError(errno.EEXIST, "something else than an image is there", str(folder))
    is_there = folder.is_dir()
    # A folder may be a mount, and all that can be written here.
    partial = folder if is_there else folder.parent
    partial /= f".{folder.name}.{os.getpid()}.part"
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
        if is_there:
            _exchange(folder, partial)
        else:
            partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _exchange(folder: Path, partial: Path) -> None:
    """Put a new layout in the place of a former one: at each moment the index names what is there.

    So the index comes after its blobs, and what the former one named goes last.
    """
    fresh = {path.relative_to(partial) for path in partial.rglob("*") if path.is_file()}
    for name in sorted(fresh, key=lambda name: (name.name == "index.json", name)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).replace(folder / name)
    for former in [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]:
        if former.relative_to(folder) not in fresh:
            former.unlink(missing_ok=True)
    for left in [path for path in folder.iterdir() if _PARTIAL.fullmatch(path.name)]:
        shutil.rmtree(left, ignore_errors=True)


def write_archive(images: Sequence[BuiltImage], name: str, file: Path) -> None:
    """The layout as one tar, which `docker load` and `podman load` read too; deterministic."""
    file = file.resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
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
    # First, so that what was killed half-way is known for what it is.
    yield "oci-layout", LAYOUT
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
