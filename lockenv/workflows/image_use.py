"""An image held to the lock: by layout, archive or registry (``check --image``)."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lockenv.errors import InputError, IntegrityError, UnavailableError
from lockenv.formats.oci import parse_manifest
from lockenv.materialize import check_image, image_of, open_image
from lockenv.workflows.image import ImageOptions, building_mode, built_images

if TYPE_CHECKING:
    from lockenv.materialize import BuiltImage, FoundImage
    from lockenv.model import Finding, Lock
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene


def image_findings(
    scene: Scene, project: Project, lock: Lock, reference: str, target: str | None
) -> list[Finding]:
    """An image by layout, archive or registry against the one that the lock makes (LE5xx)."""
    del project, lock
    options = ImageOptions(targets=(target,) if target else ())
    _, built = built_images(scene, options, building_mode(scene))
    expected = built[0]
    found = _open(scene, reference, expected)
    return check_image(expected, found, target)


def is_there(scene: Scene, reference: str, architecture: str, config: str) -> bool:
    """Whether a folder, archive or repository has an image with this config, every layer of it."""
    try:
        place = scene.directory / reference
        if place.exists():
            return open_image(place, architecture).config_digest == config
        if reference.endswith(".tar") or reference.startswith((".", "/")):
            return False
        return _from_registry(scene, reference, architecture).config_digest == config
    except (InputError, UnavailableError, IntegrityError):
        return False


def _open(scene: Scene, reference: str, expected: BuiltImage) -> FoundImage:
    place = scene.directory / reference
    if place.exists():
        return open_image(place, expected.architecture)
    if reference.startswith((".", "/")):
        raise InputError("no-image", f"there is no {reference}", fix="name a layout or an archive")
    return _from_registry(scene, reference, expected.architecture)


def _from_registry(scene: Scene, text: str, architecture: str) -> FoundImage:
    """The image in a registry; a layer is pulled when its files are asked for, and not before."""
    from lockenv.workflows.registries import (  # noqa: PLC0415 - loads the network
        open_places,
        platform_manifest,
        pull_blob,
        reference_of,
    )

    reference = reference_of(text)
    folder = Path(tempfile.mkdtemp(prefix="lockenv-image-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with open_places(scene, reference) as places:
        manifest = platform_manifest(places, reference, architecture).manifest
    parsed = parse_manifest(manifest.body, text)
    sizes = {one.digest: one.size for one in (parsed.config, *parsed.layers)}

    def opened(digest: str) -> BinaryIO:
        file = folder / digest.rpartition(":")[2]
        if not file.exists():
            with open_places(scene, reference) as places:
                pull_blob(places, digest, sizes[digest], file)
        return file.open("rb")

    return image_of(manifest.body, manifest.digest, opened, str(reference))
