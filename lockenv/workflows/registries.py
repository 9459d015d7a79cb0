"""Registries as a command meets them: references, logins, mirrors, and what is pulled from them."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError, NetworkError, UnavailableError
from lockenv.fetch import FetchOptions
from lockenv.fetch.registry import Registry, RemoteManifest, is_default_registry, registry_base
from lockenv.formats.oci import (
    DOCKER_INDEX_TYPE,
    INDEX_TYPE,
    Reference,
    parse_index,
    parse_manifest,
    parse_reference,
)
from lockenv.settings import read_registry_logins
from lockenv.tables.addresses import CONTAINER_REGISTRY
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockenv.model import LockedBaseImage
    from lockenv.workflows.scene import Scene

#: A credential helper that asks a question nobody answers must not hang a push (seconds).
_HELPER_PATIENCE = 60
_INTERFACE = "/v2/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository where it can be pulled from: a reference's own registry, or a mirror."""

    registry: Registry
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformManifest:
    """The manifest of one platform, and the index that it was found in."""

    manifest: RemoteManifest
    index: RemoteManifest | None = None


def reference_of(text: str) -> Reference:
    """The reference that a user wrote; `InputError` if it is none."""
    try:
        reference = parse_reference(text, CONTAINER_REGISTRY)
    except ValueError as error:
        raise InputError(
            "invalid-reference",
            f"{text} names no image",
            why=str(error),
            fix="write HOST/NAME:TAG, or HOST/NAME@sha256:…",
        ) from error
    if is_default_registry(reference.registry) and "/" not in reference.repository:
        return replace(reference, repository=f"library/{reference.repository}")
    return reference


def open_registry(scene: Scene, reference: Reference) -> Registry:
    """The registry of a reference, with the user's login there; to be closed after use."""
    return Registry(reference.registry, _options(scene), login_for(reference.repository))


@contextmanager
def open_places(scene: Scene, reference: Reference) -> Iterator[list[Place]]:
    """Where an image can be pulled from, in order: the mirrors of the user's settings, the origin.

    `UnavailableError` offline.
    """
    if scene.settings.offline:
        raise UnavailableError("offline", f"{reference} is in a registry", fix="drop --offline")
    base = registry_base(reference.registry)
    with ExitStack() as stack:
        places = []
        for address in scene.settings.mirrors.candidates(f"{base}{reference.repository}/"):
            head, _, path = address.partition(_INTERFACE)
            repository = path.strip("/") or reference.repository
            mirror = f"{head.rstrip('/')}{_INTERFACE}"
            host = reference.registry if mirror == base else head.partition("://")[2]
            registry = Registry(host, _options(scene), login_for(repository), mirror)
            stack.callback(registry.close)
            places.append(Place(registry=registry, repository=repository))
        yield places


def _options(scene: Scene) -> FetchOptions:
    return FetchOptions(proxy=scene.settings.proxy, ca_bundle=scene.settings.ca_bundle)


def pull_manifest(places: list[Place], version: str) -> RemoteManifest | None:
    """The manifest or index under a tag or digest, from the first place that has it."""
    trouble: UnavailableError | NetworkError | None = None
    for place in places:
        try:
            found = place.registry.manifest(place.repository, version)
        except (UnavailableError, NetworkError) as error:
            trouble = trouble or error
            continue
        if found is not None:
            return found
    if trouble is not None:
        raise trouble
    return None


def pull_blob(places: list[Place], digest: str, size: int, target: Path) -> None:
    """A blob into a file, verified, from the first place that has it."""
    trouble: UnavailableError | NetworkError | None = None
    for place in places:
        try:
            place.registry.write_blob(place.repository, digest, size, target)
        except (UnavailableError, NetworkError) as error:
            trouble = trouble or error
        else:
            return
    if trouble is not None:
        raise trouble


def platform_manifest(
    places: list[Place],
    reference: Reference,
    architecture: str,
    version: str | None = None,
) -> PlatformManifest:
    """The manifest of one architecture; an index is followed. ``version`` is asked instead."""
    top = pull_manifest(places, version or reference.version)
    found, index, there = top, None, ""
    if top is not None and top.media_type in {INDEX_TYPE, DOCKER_INDEX_TYPE}:
        index = top
        members = parse_index(top.body, str(reference)).manifests
        # What has no platform, or "unknown", is an attestation beside the images.
        fitting = [one for one in members if one.architecture == architecture and one.is_linux]
        there = ", ".join(sorted({one.architecture for one in members if one.architecture}))
        digest = fitting[0].digest if fitting else None
        found = pull_manifest(places, digest) if digest else None
    if found is None:
        raise UnavailableError(
            "no-image",
            f"{reference} is not in its registry for {architecture}",
            why=(f"it is there for {there}",) if there else (),
            fix="correct the reference, or push the image",
        )
    return PlatformManifest(manifest=found, index=index)


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
