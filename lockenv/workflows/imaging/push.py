"""Push images: every blob that the registry lacks, then the manifests, then the tag.

The order matters: whoever reads the tag finds all that it names, also after a push that failed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lockenv.errors import UnavailableError
from lockenv.formats.oci import (
    CONFIG_TYPE,
    EMPTY_CONFIG,
    INDEX_TYPE,
    MANIFEST_TYPE,
    Index,
    describe,
    parse_index,
    parse_manifest,
    render_index,
)
from lockenv.materialize import (
    BASE_NAME,
    image_index,
    manifest_descriptor,
    referrer_of,
    top_digest,
)
from lockenv.values import dataclass, field, replace
from lockenv.workflows.network import open_network
from lockenv.workflows.registries import open_registry, reference_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.fetch.registry import Registry
    from lockenv.formats.oci import Reference
    from lockenv.materialize import Attached, BuiltImage
    from lockenv.workflows.scene import Scene

#: Registries take few uploads at a time well.
_JOBS = 4
#: Where a blob was pushed to: its repository, by registry and digest.
_KIND = "pushed-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Push:
    """One push to one repository."""

    registry: Registry
    reference: Reference
    fetcher: StoreFetcher
    mounts: Mapping[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        return self.reference.repository

    def blob(self, digest: str, content: bytes | Path) -> bool:
        """Make sure that a blob is there; whether it had to be sent."""
        known = f"{self.reference.registry} {digest}"
        former = self.fetcher.recall(_KIND, known)
        mount = self.mounts.get(digest) or (former.decode() if former else None)
        if mount == self.repository:
            mount = None
        sent = self.registry.push_blob(self.repository, digest, content, mount)
        self.fetcher.remember(_KIND, known, self.repository.encode())
        return sent


def push_images(
    scene: Scene,
    built: Sequence[BuiltImage],
    text: str,
    attached: Sequence[Sequence[Attached]] = (),
) -> list[str]:
    """Push one image, or the index of several, to a reference; what was sent, a line each.

    ``attached`` are the documents that refer to each image (SBOMs), pushed with it.
    """
    reference = reference_of(text)
    if reference.digest is not None and reference.digest != top_digest(built):
        raise UnavailableError(
            "other-digest",
            f"{text} names a digest, and the image has another",
            why=(f"the image is {top_digest(built)}",),
            fix="push to a tag",
        )
    with open_network(scene, None) as fetcher:
        push = _Push(
            registry=open_registry(scene, reference),
            reference=reference,
            fetcher=fetcher,
            mounts=_mounts(built, reference),
        )
        try:
            sent = _blobs(push, built)
            for image in built:
                name = manifest_descriptor(image).digest
                push.registry.push_manifest(push.repository, name, MANIFEST_TYPE, image.manifest)
            for image, documents in zip(built, attached, strict=False):
                for document in documents:
                    _attach(push, image, document)
            top, body = MANIFEST_TYPE, built[0].manifest
            if len(built) > 1:
                top, body = INDEX_TYPE, image_index(built)
            push.registry.push_manifest(push.repository, reference.version, top, body)
        finally:
            push.registry.close()
    return [f"pushed {reference} ({sent} blobs sent), {top_digest(built)}"]


def _mounts(built: Sequence[BuiltImage], reference: Reference) -> dict[str, str]:
    """The layers that another repository of this registry has: those of the base image."""
    found = {}
    for image in built:
        name = parse_manifest(image.manifest, str(reference)).annotations.get(BASE_NAME)
        base = reference_of(name) if name else None
        if base is not None and base.registry == reference.registry:
            layers = (one for one in image.layers if one.name.startswith("base "))
            found.update({one.digest: base.repository for one in layers})
    return found


def _blobs(push: _Push, built: Sequence[BuiltImage]) -> int:
    blobs: dict[str, bytes | Path] = {}
    for image in built:
        blobs[describe(CONFIG_TYPE, image.config).digest] = image.config
        blobs.update({layer.digest: layer.path for layer in image.layers})
    with ThreadPoolExecutor(_JOBS) as pool:
        waiting = [pool.submit(push.blob, digest, content) for digest, content in blobs.items()]
        try:
            return sum(one.result() for one in waiting)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _attach(push: _Push, image: BuiltImage, document: Attached) -> None:
    """A document that refers to the image; listed under a tag where the registry keeps no list.

    distribution specification 1.1, "Pushing manifests with subject".
    """
    subject = manifest_descriptor(image)
    referrer = referrer_of(subject, document)
    for content in (EMPTY_CONFIG, document.content):
        digest = describe("", content).digest
        push.registry.push_blob(push.repository, digest, content)
    described = describe(MANIFEST_TYPE, referrer)
    if push.registry.push_manifest(push.repository, described.digest, MANIFEST_TYPE, referrer):
        return
    tag = subject.digest.replace(":", "-")
    there = push.registry.manifest(push.repository, tag)
    members = list(parse_index(there.body, tag).manifests) if there else []
    if all(one.digest != described.digest for one in members):
        members.append(replace(described, artifact_type=document.media_type))
        members.sort(key=lambda one: (one.artifact_type, one.digest))
        body = render_index(Index(manifests=tuple(members)))
        push.registry.push_manifest(push.repository, tag, INDEX_TYPE, body)
