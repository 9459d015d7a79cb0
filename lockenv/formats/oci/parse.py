"""Reading the documents of registries and layouts: OCI 1.1, and Docker's schema 2 beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.fields import Fields, parse_json, render_path
from lockenv.formats.oci.documents import (
    MANIFEST_TYPE,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Real indexes and manifests take some kilobytes; registries refuse more than 4 MiB.
LARGEST_DOCUMENT = 4 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def _open(text: bytes, name: str) -> Fields:
    try:
        document = parse_json(text) if len(text) <= LARGEST_DOCUMENT else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise IntegrityError(
            "broken-image-document",
            f"{name} is not a JSON object of an image",
            fix="ask the registry's keeper, or name another image",
        )
    return Fields(document)


def _close(fields: Fields, name: str) -> None:
    if fields.faults:
        raise IntegrityError(
            "broken-image-document",
            f"{name} is not a valid document of an image",
            why=[f"{render_path(fault.path)}: {fault.message}" for fault in fields.faults[:5]],
            fix="ask the registry's keeper, or name another image",
        )


def _descriptor(fields: Fields) -> Descriptor:
    platform = fields.below("platform")
    digest = fields.text("digest") or ""
    size = fields.size("size")
    if size is None or not _DIGEST.fullmatch(digest):
        fields.complain("a descriptor needs a digest and a size")
    return Descriptor(
        media_type=fields.text("mediaType") or "",
        digest=digest,
        size=size or 0,
        annotations=fields.text_table("annotations"),
        architecture=(platform.text("architecture") or "") if platform else "",
        variant=(platform.text("variant") or "") if platform else "",
        artifact_type=fields.text("artifactType") or "",
        is_linux=((platform.text("os") or "linux") if platform else "linux") == "linux",
    )


def parse_index(text: bytes, name: str) -> Index:
    """An OCI index or Docker's manifest list; IntegrityError if it is neither."""
    fields = _open(text, name)
    if not fields.has("manifests"):
        fields.complain("manifests is missing")
    index = Index(
        manifests=tuple(_descriptor(member) for member in fields.tables("manifests")),
        annotations=fields.text_table("annotations"),
    )
    _close(fields, name)
    return index


def parse_manifest(text: bytes, name: str) -> Manifest:
    """An OCI image manifest or Docker's schema 2; IntegrityError if it is neither."""
    fields = _open(text, name)
    config = fields.below("config")
    if config is None:
        fields.complain("config is missing")
    subject = fields.below("subject")
    manifest = Manifest(
        config=_descriptor(config or Fields({})),
        layers=tuple(_descriptor(member) for member in fields.tables("layers")),
        annotations=fields.text_table("annotations"),
        artifact_type=fields.text("artifactType") or "",
        subject=_descriptor(subject) if subject else None,
        media_type=fields.text("mediaType") or MANIFEST_TYPE,
    )
    _close(fields, name)
    return manifest


def _digests(fields: Fields) -> tuple[str, ...]:
    rootfs = fields.below("rootfs")
    found = []
    for number, text in rootfs.numbered_texts("diff_ids") if rootfs else ():
        if not _DIGEST.fullmatch(text):
            fields.complain("not a digest", "rootfs", "diff_ids", number)
        found.append(text)
    return tuple(found)


def parse_config(text: bytes, name: str) -> ImageConfig:
    """An image's config; IntegrityError if it is none."""
    fields = _open(text, name)
    inner = fields.below("config") or Fields({}, ("config",), fields.faults)
    # Docker writes null for an empty list or table.
    texts: Callable[[str], tuple[str, ...]] = lambda key: (  # noqa: E731  one expression, used thrice
        inner.texts(key) if inner.raw(key) is not None else ()
    )
    ports, volumes = inner.raw("ExposedPorts"), inner.raw("Volumes")
    config = ImageConfig(
        architecture=fields.text("architecture") or "",
        created=fields.text("created") or "",
        diff_ids=_digests(fields),
        history=tuple(
            member.text("created_by") or ""
            for member in fields.tables("history")
            if not member.flag("empty_layer")
        ),
        env=texts("Env"),
        entrypoint=texts("Entrypoint"),
        cmd=texts("Cmd"),
        user=inner.text("User") or "",
        workdir=inner.text("WorkingDir") or "",
        ports=tuple(sorted(ports)) if isinstance(ports, dict) else (),
        labels=inner.text_table("Labels") if inner.raw("Labels") is not None else {},
        variant=fields.text("variant") or "",
        volumes=tuple(sorted(volumes)) if isinstance(volumes, dict) else (),
        stop_signal=inner.text("StopSignal") or "",
    )
    _close(fields, name)
    return config
