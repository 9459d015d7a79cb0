"""Documents that refer to an image (OCI image specification 1.1, "Guidelines for artifact usage").

They never change the image: each is a manifest of its own whose subject is the image's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_TYPE,
    MANIFEST_TYPE,
    Manifest,
    describe,
    render_manifest,
)
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from lockenv.formats.oci import Descriptor

#: OCI's annotation for the name of a file.
_TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A document beside an image, an SBOM say."""

    name: str
    media_type: str
    content: bytes


def referrer_of(subject: Descriptor, document: Attached) -> bytes:
    """The manifest that ties a document to an image."""
    layer = replace(
        describe(document.media_type, document.content), annotations={_TITLE: document.name}
    )
    return render_manifest(
        Manifest(
            config=describe(EMPTY_TYPE, EMPTY_CONFIG),
            layers=(layer,),
            artifact_type=document.media_type,
            # A subject is the bare descriptor: no platform.
            subject=replace(subject, media_type=MANIFEST_TYPE, architecture="", variant=""),
        )
    )
