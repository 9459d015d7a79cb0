"""An image held to the lock: by layout, archive or registry (``check --image``)."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lockenv.errors import InputError, IntegrityError, UnavailableError
from lockenv.formats.oci import parse_manifest
from lockenv.materialize import check_image, check_recorded, image_of, open_image
from lockenv.model import PLATFORMS
from lockenv.workflows.image_options import ImageOptions
from lockenv.workflows.imaging.job import (
    building_mode,
    built_images,
    chosen_targets,
    declared_image,
)
from lockenv.workflows.imaging.project_files import project_digest, project_files
from lockenv.workflows.imaging.record import recorded_of
from lockenv.workflows.opened import Opened

if TYPE_CHECKING:
    from lockenv.materialize import FoundImage
    from lockenv.model import Finding, Lock
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene


def image_findings(
    scene: Scene, project: Project, lock: Lock, reference: str, target: str | None
) -> list[Finding]:
    """An image by layout, archive or registry against the one that the lock makes (LE5xx).

    Where the lock records its digests and the image has them, nothing is built. Else the image is
    built (or taken from the store), so that what differs can be named.
    """
    options = ImageOptions(name=_key_of(project, reference), targets=(target,) if target else ())
    opened = Opened(root=project.root, lock=lock, manifest=project.manifest)
    declared = declared_image(opened, options)
    chosen = chosen_targets(scene, opened, declared, options)[0]
    architecture = PLATFORMS[chosen.platform].oci_architecture
    found = _open(scene, reference, architecture)
    recorded = recorded_of(lock, declared, chosen)
    held: list[Finding] = []
    if recorded is not None:
        held = check_recorded(
            [str(one) for one in recorded.diff_ids], str(recorded.config), found, target
        )
        here = project_digest(list(project_files(project.root))) if declared.project else None
        if not held and recorded.project in {None, here}:
            return []
    _, built = built_images(scene, options, building_mode(scene))
    return check_image(built[0], found, target) or held


def _key_of(project: Project, reference: str) -> str | None:
    """The declared image that a reference means, where several are declared: by its name."""
    images = project.manifest.images
    if len(images) < 2:
        return None
    wanted = _repository(reference)
    for one in images:
        if one.name and _repository(one.name) in {wanted, wanted.rpartition("/")[2]}:
            return one.key
    return None


def _repository(text: str) -> str:
    """A reference without its tag and digest."""
    head, slash, last = text.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


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


def _open(scene: Scene, reference: str, architecture: str) -> FoundImage:
    place = scene.directory / reference
    if place.exists():
        return open_image(place, architecture)
    if reference.startswith((".", "/")):
        raise InputError("no-image", f"there is no {reference}", fix="name a layout or an archive")
    return _from_registry(scene, reference, architecture)


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
