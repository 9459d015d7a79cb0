"""Open an image that lies as a layout folder, as a tar of one, or as `docker save` wrote it."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import zstandard

from lockenv.errors import InputError, IntegrityError
from lockenv.fields import Fields, parse_json
from lockenv.formats.oci import (
    DOCKER_INDEX_TYPE,
    INDEX_TYPE,
    Descriptor,
    ImageConfig,
    Manifest,
    blob_path,
    parse_config,
    parse_index,
    parse_manifest,
)
from lockenv.formats.tar import Entry, Reader, Stream
from lockenv.formats.wheel import path_fault
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

_LARGEST_WINDOW = 1 << 27
#: No document of an image is larger; its parser says so where one is.
_LARGEST_DOCUMENT = 32 << 20
#: Indexes of indexes; nobody makes more than two levels, and blobs of a folder may name each other.
_DEEPEST_INDEX = 4
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


#: OCI image-layout, 4.3: what takes a file away, and what empties a folder.
MARK, OPAQUE = ".wh.", ".wh..wh..opq"


def marked_path(folder: str, name: str) -> str:
    """The path that a mark takes away; IntegrityError for one that leads elsewhere."""
    gone = name.removeprefix(MARK)
    if gone in {"", ".", ".."}:
        raise IntegrityError(
            "broken-layer",
            "a layer of the image takes away more than a file or a folder",
            why=(f"member {folder}/{name}",),
            fix="do not use this image; ask its publisher",
        )
    return f"{folder}/{gone}".lstrip("/")


class BlobSource(Protocol):
    """Where an image's blobs come from: a folder, an archive, a registry."""

    def __call__(self, digest: str, /) -> BinaryIO:
        """The blob, open for reading; InputError or SourceError where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An image of another's making: documents as read, and how to read its layers.

    ``layers`` are descriptors in order; a ``docker save`` archive has no manifest, so digests there
    name what the archive holds. ``manifest_digest`` is None for such an archive.
    """

    name: str
    config: ImageConfig
    config_digest: str
    layers: tuple[Descriptor, ...]
    open_blob: Callable[[str], BinaryIO]
    manifest_digest: str | None = None


def open_image(place: Path, architecture: str) -> FoundImage:
    """The image for an architecture in a layout folder or an archive file."""
    if place.is_dir():
        return _from_layout(lambda path: (place / path).open("rb"), str(place), architecture)
    return _from_layout(_members_of(place), str(place), architecture)


def image_of(manifest: bytes, digest: str, source: BlobSource, name: str) -> FoundImage:
    """The image that a manifest describes, its blobs to be had from ``source``."""
    parsed: Manifest = parse_manifest(manifest, name)
    with source(parsed.config.digest) as file:
        config = file.read(_LARGEST_DOCUMENT)
    return FoundImage(
        name=name,
        config=parse_config(config, name),
        config_digest=parsed.config.digest,
        layers=parsed.layers,
        open_blob=source,
        manifest_digest=digest,
    )


def _members_of(archive: Path) -> Callable[[str], BinaryIO]:
    """Opens a member of a tar by its path."""
    places: dict[str, tuple[int, int]] = {}
    with archive.open("rb") as file:
        for entry in Reader(file, str(archive)):
            if entry.kind == "file":
                places[entry.path] = (file.tell(), entry.size)

    def open_member(path: str) -> BinaryIO:
        if path not in places:
            raise FileNotFoundError(path)
        return cast("BinaryIO", io.BufferedReader(_Window(archive, *places[path])))  # it reads

    return open_member


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._file = path.open("rb")
        self._file.seek(offset)
        self._left = size

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._file.read(min(self._left, len(view)))
        self._left -= len(piece)
        view[: len(piece)] = piece
        return len(piece)


def _from_layout(open_path: Callable[[str], BinaryIO], name: str, architecture: str) -> FoundImage:
    def opened(path: str) -> BinaryIO:
        try:
            return open_path(path)
        except (OSError, ValueError):
            raise InputError(
                "no-image",
                f"{name} holds no OCI image layout and no docker archive",
                why=(f"{path} is missing",),
                fix="name a layout folder, an archive of one, or a registry's reference",
            ) from None

    def read(path: str) -> bytes:
        with opened(path) as file:
            return file.read(_LARGEST_DOCUMENT)

    try:
        with open_path("index.json") as file:
            index = parse_index(file.read(_LARGEST_DOCUMENT), name)
    except FileNotFoundError:
        return _from_docker(opened, read("manifest.json"), name)
    # What refers to an image (a bill of materials) has no architecture either, but says its type.
    fitting = [
        one
        for one in index.manifests
        if one.architecture in {architecture, ""} and not one.artifact_type
    ]
    for _ in range(_DEEPEST_INDEX):
        if not fitting or fitting[0].media_type not in {INDEX_TYPE, DOCKER_INDEX_TYPE}:
            break
        inner = parse_index(read(blob_path(fitting[0].digest)), name)
        fitting = [one for one in inner.manifests if one.architecture in {architecture, ""}]
    if not fitting:
        raise InputError(
            "no-such-architecture",
            f"{name} holds no image for {architecture}",
            fix="build the image for this target",
        )
    digest = fitting[0].digest
    source: BlobSource = lambda wanted: opened(blob_path(wanted))  # noqa: E731  one expression
    return image_of(read(blob_path(digest)), digest, source, name)


def _from_docker(open_path: Callable[[str], BinaryIO], text: bytes, name: str) -> FoundImage:
    """``docker save`` before version 25: layers are plain tars under names of its own."""
    try:
        rows = parse_json(text)
    except ValueError:
        rows = None
    fields = Fields(
        rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    )
    paths = (fields.required_text("Config"), *fields.texts("Layers"))
    if fields.faults or any(path_fault(path) for path in paths):
        raise IntegrityError(
            "broken-image-document",
            f"the manifest.json of {name} is none of docker's",
            why=[fault.message for fault in fields.faults[:5]] or ["a path in it leads elsewhere"],
            fix="make the archive again with docker save",
        )
    with open_path(paths[0]) as file:
        config = file.read(_LARGEST_DOCUMENT)
    return FoundImage(
        name=name,
        config=parse_config(config, name),
        config_digest=f"sha256:{hashlib.sha256(config).hexdigest()}",
        layers=tuple(Descriptor(media_type="", digest=path, size=0) for path in paths[1:]),
        open_blob=open_path,
    )


def read_layer(image: FoundImage, number: int) -> Iterator[Entry]:
    """The members of one layer, each file with the digest of its content."""
    layer = image.layers[number]
    with image.open_blob(layer.digest) as file:
        yield from entries_of(Reader(decoded_layer(file), f"{image.name}, layer {number + 1}"))


def entries_of(reader: Reader) -> Iterator[Entry]:
    """The members of an archive, each file with the digest of its content."""
    for entry in reader:
        if entry.kind != "file":
            yield entry
            continue
        hasher = hashlib.sha256()
        for piece in reader.content():
            hasher.update(piece)
        yield replace(entry, digest=hasher.hexdigest())


class _Whole:
    """A file whose first bytes were looked at already."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head = head
        self._file = file

    def read(self, count: int = -1, /) -> bytes:
        if not self._head:
            return self._file.read(count)
        part = self._head if count < 0 else self._head[:count]
        self._head = self._head[len(part) :]
        return part + self._file.read() if count < 0 else part


class _Decoded:
    """A decoder's bytes; IntegrityError where what it reads does not decode."""

    def __init__(self, decoder: Stream) -> None:
        self._decoder = decoder

    def read(self, count: int, /) -> bytes:
        try:
            return self._decoder.read(count)
        except (gzip.BadGzipFile, zlib.error, EOFError, zstandard.ZstdError) as error:
            raise IntegrityError(
                "broken-compression",
                "a layer of the image cannot be decompressed",
                why=(str(error),),
                fix="do not use this image; ask its publisher",
            ) from error


def decoded_layer(file: BinaryIO) -> Stream:
    """The tar in a layer, whichever compression its first bytes show."""
    head = file.read(4)
    whole = _Whole(head, file)
    if head.startswith(_GZIP):
        return _Decoded(gzip.GzipFile(fileobj=cast("BinaryIO", whole)))  # it only reads
    if head == _ZSTD:
        decoder = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        reader = decoder.stream_reader(cast("BinaryIO", whole), read_across_frames=True)  # likewise
        return _Decoded(reader)
    return whole
