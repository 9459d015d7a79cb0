"""What is done with an image beside building it: run a command in its root, hold it to the lock."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lockenv.errors import InputError, UnavailableError
from lockenv.formats.oci import parse_config, parse_manifest
from lockenv.materialize import (
    ImageStore,
    check_image,
    image_of,
    materialize_root,
    open_image,
)
from lockenv.sandbox import Confinement, RootCommand, Shared, choose_mode, gpu_shares, run_in_root
from lockenv.sandbox import shell_of as shell_in
from lockenv.workflows.image import ImageOptions, built_images

if TYPE_CHECKING:
    from lockenv.materialize import BuiltImage, FoundImage
    from lockenv.model import Finding, Lock
    from lockenv.workflows.project import Project
    from lockenv.workflows.run import RunOptions
    from lockenv.workflows.scene import Scene

#: Variables of the user's that a command in an image sees: its terminal, its language, its colours.
_PASSED = ("TERM", "COLORTERM", "LANG", "LC_ALL", "TZ", "NO_COLOR", "CI", "COLUMNS")


def run_in_image(scene: Scene, options: RunOptions) -> int:
    """Run a command in the image's root, with the project where the image has it; its status."""
    mode = choose_mode()
    targets = (options.selection.target,) if options.selection.target else ()
    opened, built = built_images(scene, ImageOptions(targets=targets), mode)
    image = built[0]
    config = parse_config(image.config, "the image that the lock makes")
    layers = [layer.path for layer in image.layers]
    key = "-".join(layer.diff_id.rpartition(":")[2][:12] for layer in image.layers)
    store = ImageStore(scene.settings.cache_dir)
    root = materialize_root(layers, key, Confinement(mode), store)
    words = options.words
    if words == ("/bin/sh",):
        words = (shell_in(str(root)),)
    env = dict(entry.split("=", 1) for entry in config.env)
    env |= {name: os.environ[name] for name in _PASSED if name in os.environ}
    workdir = config.workdir or "/"
    with tempfile.TemporaryDirectory(prefix="lockenv-run-", ignore_cleanup_errors=True) as scratch:
        shared = (Shared(source=str(opened.root), target="/app"), *gpu_shares())
        return run_in_root(
            RootCommand(
                root=str(root),
                mode=mode,
                scratch=scratch,
                argv=words,
                env=env,
                cwd=workdir,
                shared=shared,
            )
        )


def image_findings(
    scene: Scene, project: Project, lock: Lock, reference: str, target: str | None
) -> list[Finding]:
    """An image by layout, archive or registry against the one that the lock makes (LE5xx)."""
    del project, lock
    options = ImageOptions(targets=(target,) if target else ())
    _, built = built_images(scene, options, choose_mode())
    expected = built[0]
    found = _open(scene, reference, expected)
    return check_image(expected, found, target)


def _open(scene: Scene, reference: str, expected: BuiltImage) -> FoundImage:
    place = scene.directory / reference
    if place.exists():
        return open_image(place, expected.architecture)
    if reference.startswith((".", "/")):
        raise InputError("no-image", f"there is no {reference}", fix="name a layout or an archive")
    return _from_registry(scene, reference, expected.architecture)


def _from_registry(scene: Scene, text: str, architecture: str) -> FoundImage:
    from lockenv.workflows.registries import (  # noqa: PLC0415 - loads the network
        open_registry,
        platform_manifest,
        reference_of,
    )

    if scene.settings.offline:
        raise UnavailableError("offline", f"{text} is in a registry", fix="drop --offline")
    reference = reference_of(text)
    registry = open_registry(scene, reference)
    try:
        manifest = platform_manifest(registry, reference, architecture)
        parsed = parse_manifest(manifest.body, text)
        sizes = {one.digest: one.size for one in (parsed.config, *parsed.layers)}
        folder = Path(tempfile.mkdtemp(prefix="lockenv-image-"))
        for digest, size in sizes.items():
            registry.write_blob(reference.repository, digest, size, folder / digest[7:])
    finally:
        registry.close()
    return image_of(
        manifest.body, manifest.digest, lambda digest: _opened(folder, digest), str(reference)
    )


def _opened(folder: Path, digest: str) -> BinaryIO:
    return (folder / digest[7:]).open("rb")
