"""The documents of the OCI image specification 1.1 as values, and their canonical JSON.

Canonical: keys sorted, no blanks, UTF-8, no final newline; so one value has one digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_PLAIN_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"

#: OCI's config of a manifest that is no image.
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG = b"{}"

#: The file ``oci-layout`` of an image layout.
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """OCI's pointer to a blob; ``digest`` is ``sha256:…``.

    ``architecture``, ``variant`` and ``is_linux`` are set in an index.
    """

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    variant: str = ""
    artifact_type: str = ""
    is_linux: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """An image's config. ``created`` is RFC 3339; ``history`` names each layer, in order."""

    architecture: str
    created: str
    diff_ids: tuple[str, ...]
    history: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    ports: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest; ``subject`` makes it a referrer of another."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    subject: Descriptor | None = None
    media_type: str = MANIFEST_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index: one manifest an architecture."""

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


def render_json(value: object) -> bytes:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def oci_layer_type(media_type: str) -> str | None:
    """What OCI calls a layer of this type, whose bytes are the same; None for one that it lacks."""
    if media_type == DOCKER_LAYER_TYPE:
        return f"{LAYER_TYPE}+gzip"
    if media_type == DOCKER_PLAIN_LAYER_TYPE:
        return LAYER_TYPE
    known = {LAYER_TYPE, f"{LAYER_TYPE}+gzip", f"{LAYER_TYPE}+zstd"}
    return media_type if media_type in known else None


def layer_type(compression: str) -> str:
    """The media type of a layer with this compression."""
    return LAYER_TYPE if compression == "none" else f"{LAYER_TYPE}+{compression}"


def describe(media_type: str, blob: bytes) -> Descriptor:
    """The descriptor of a small blob that is at hand."""
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    return Descriptor(media_type=media_type, digest=digest, size=len(blob))


def blob_path(digest: str) -> str:
    """Where an image layout keeps the blob."""
    return f"blobs/{digest.replace(':', '/')}"


def _descriptor(value: Descriptor) -> dict[str, object]:
    body: dict[str, object] = {
        "mediaType": value.media_type,
        "digest": value.digest,
        "size": value.size,
    }
    if value.annotations:
        body["annotations"] = dict(value.annotations)
    if value.artifact_type:
        body["artifactType"] = value.artifact_type
    if value.architecture:
        platform = {"architecture": value.architecture, "os": "linux"}
        if value.variant:
            platform["variant"] = value.variant
        body["platform"] = platform
    return body


def _inner(config: ImageConfig) -> dict[str, object]:
    """What a container starts with; only what is set."""
    every: dict[str, object] = {
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "User": config.user,
        "WorkingDir": config.workdir,
        "ExposedPorts": {port: {} for port in config.ports},
        "Volumes": {path: {} for path in config.volumes},
        "StopSignal": config.stop_signal,
        "Labels": dict(config.labels),
    }
    return {name: value for name, value in every.items() if value}


def render_config(config: ImageConfig) -> bytes:
    """The config document."""
    body: dict[str, object] = {
        "architecture": config.architecture,
        "config": _inner(config),
        "created": config.created,
        "history": [
            {"created": config.created, "created_by": f"lockenv: {name}"} for name in config.history
        ],
        "os": "linux",
        "rootfs": {"diff_ids": list(config.diff_ids), "type": "layers"},
    }
    if config.variant:
        body["variant"] = config.variant
    return render_json(body)


def render_manifest(manifest: Manifest) -> bytes:
    """The manifest document."""
    body: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": manifest.media_type,
        "config": _descriptor(manifest.config),
        "layers": [_descriptor(layer) for layer in manifest.layers],
    }
    if manifest.artifact_type:
        body["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        body["annotations"] = dict(manifest.annotations)
    if manifest.subject:
        body["subject"] = _descriptor(manifest.subject)
    return render_json(body)


def render_index(index: Index) -> bytes:
    """The index document."""
    body: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [_descriptor(manifest) for manifest in index.manifests],
    }
    if index.annotations:
        body["annotations"] = dict(index.annotations)
    return render_json(body)


def render_docker_archive(config: str, layers: Sequence[str], names: Sequence[str]) -> bytes:
    """The ``manifest.json`` of ``docker save``; its paths point into an OCI layout's blobs."""
    return render_json(
        [
            {
                "Config": blob_path(config),
                "Layers": [blob_path(layer) for layer in layers],
                "RepoTags": list(names),
            }
        ]
    )
