"""Push images: every blob that the registry lacks, then the manifests, then the tag."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError, UnavailableError
from lockenv.fetch import FetchOptions
from lockenv.fetch.registry import Registry, RemoteManifest
from lockenv.formats.oci import (
    CONFIG_TYPE,
    DOCKER_INDEX_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    Reference,
    describe,
    parse_index,
    parse_manifest,
    parse_reference,
)
from lockenv.materialize import image_index, manifest_descriptor, top_digest
from lockenv.settings import read_registry_logins
from lockenv.tables.addresses import CONTAINER_REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockenv.materialize import BuiltImage
    from lockenv.model import LockedBaseImage
    from lockenv.workflows.scene import Scene

#: A credential helper that asks a question nobody answers must not hang a push (seconds).
_HELPER_PATIENCE = 60


def reference_of(text: str) -> Reference:
    """The reference that a user wrote; `InputError` if it is none."""
    try:
        return parse_reference(text, CONTAINER_REGISTRY)
    except ValueError as error:
        raise InputError(
            "invalid-reference",
            f"{text} names no image",
            why=str(error),
            fix="write HOST/NAME:TAG, or HOST/NAME@sha256:…",
        ) from error


def open_registry(scene: Scene, reference: Reference) -> Registry:
    """The registry of a reference, with the user's login there; to be closed after use."""
    options = FetchOptions(proxy=scene.settings.proxy, ca_bundle=scene.settings.ca_bundle)
    return Registry(reference.registry, options, login_for(reference.repository))


def platform_manifest(
    registry: Registry, reference: Reference, architecture: str
) -> RemoteManifest:
    """The manifest of one architecture; an index is followed."""
    found = registry.manifest(reference.repository, reference.version)
    if found is not None and found.media_type in {INDEX_TYPE, DOCKER_INDEX_TYPE}:
        index = parse_index(found.body, str(reference))
        digests = [one.digest for one in index.manifests if one.architecture == architecture]
        found = registry.manifest(reference.repository, digests[0]) if digests else None
    if found is None:
        raise UnavailableError(
            "no-image",
            f"{reference} is not in its registry for {architecture}",
            fix="correct the reference, or push the image",
        )
    return found


def locked_manifest(registry: Registry, reference: Reference, image: LockedBaseImage) -> list[str]:
    """In what a registry's manifest under the locked digest is not what the lock says.

    Raises what the registry does, and `UnavailableError` where it has none.
    """
    found = registry.manifest(reference.repository, str(image.digest))
    if found is None:
        raise UnavailableError(
            "gone",
            f"{reference} is not in its registry as {image.digest.hex[:12]}... any more",
            fix="lockenv lock --upgrade=base",
        )
    wrong = []
    if len(found.body) != image.size:
        wrong.append(f"{image.reference} is locked with {image.size} bytes, not {len(found.body)}")
    if image.layers:
        layers = parse_manifest(found.body, str(reference)).layers
        if [(one.digest, one.size) for one in layers] != [(str(d), n) for d, n in image.layers]:
            wrong.append(f"{image.reference} is locked with other layers than its manifest has")
    if image.index is not None:
        index = registry.manifest(reference.repository, str(image.index))
        members = parse_index(index.body, str(reference)).manifests if index else ()
        if str(image.digest) not in {str(one.digest) for one in members}:
            wrong.append(f"{image.reference} is locked with an index that does not have it")
    return wrong


def push_images(scene: Scene, built: Sequence[BuiltImage], text: str) -> list[str]:
    """Push one image, or the index of several, to a reference; what was sent, a line each."""
    reference = reference_of(text)
    registry = open_registry(scene, reference)
    lines = []
    try:
        sent = 0
        for image in built:
            config = describe(CONFIG_TYPE, image.config).digest
            sent += registry.push_blob(reference.repository, config, image.config)
            for layer in image.layers:
                sent += registry.push_blob(reference.repository, layer.digest, layer.path)
            name = manifest_descriptor(image).digest if len(built) > 1 else reference.version
            registry.push_manifest(reference.repository, name, MANIFEST_TYPE, image.manifest)
        if len(built) > 1:
            index = image_index(built)
            registry.push_manifest(reference.repository, reference.version, INDEX_TYPE, index)
    finally:
        registry.close()
    lines.append(f"pushed {reference} ({sent} blobs sent), {top_digest(built)}")
    return lines


def login_for(repository: str) -> Callable[[str], tuple[str, str] | None]:
    """Who the user is to a registry: Docker's and Podman's files and their helpers."""
    logins = read_registry_logins(os.environ, home=Path.home(), run_helper=_run_helper)

    def ask(registry: str) -> tuple[str, str] | None:
        found = logins.for_repository(registry, repository)
        if found is None:
            return None
        if found.identity_token:
            return "<token>", found.identity_token
        return found.username, found.password

    return ask


def _run_helper(name: str, server: str) -> str | None:
    """What ``docker-credential-NAME get`` says of a server; None where it knows nobody."""
    try:
        answer = subprocess.run(
            [f"docker-credential-{name}", "get"],
            input=server.encode("utf-8"),
            capture_output=True,
            timeout=_HELPER_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else None
