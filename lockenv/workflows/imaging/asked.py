"""Where an image is asked to go, looked at before any work: what cannot be is said at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError
from lockenv.materialize import ARCHIVE_SUFFIX, takes_layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lockenv.model import LockedTarget
    from lockenv.workflows.image_options import ImageOptions
    from lockenv.workflows.scene import Scene


def check_places(scene: Scene, options: ImageOptions, targets: Sequence[LockedTarget]) -> None:
    """Raise what a delivery would end with, as far as it can be known before the image is built."""
    _check_form(options, targets)
    if options.output:
        _check_output(scene.directory / options.output, options.output)
    if options.metadata_file:
        _check_file(scene.directory / options.metadata_file, options.metadata_file)
    if options.push:
        from lockenv.workflows.registries import reference_of  # noqa: PLC0415 - loads the network

        if scene.settings.offline:
            raise InputError(
                "usage",
                "--push does not go with --offline",
                why="a registry is reached over the network",
                fix="write the image with --output, and push that where there is a network",
            )
        reference_of(options.push)
    if options.load:
        from lockenv.workflows.imaging.deliver import find_engine  # noqa: PLC0415 - loads exports

        find_engine()


def _check_form(options: ImageOptions, targets: Sequence[LockedTarget]) -> None:
    if options.form != "docker":
        return
    if options.output is not None and not options.output.endswith(ARCHIVE_SUFFIX):
        raise InputError(
            "usage", "the docker format is one file", fix="name a FILE.tar with --output"
        )
    if len(targets) > 1:
        raise InputError(
            "usage",
            "an archive in the docker format holds one image",
            why=f"asked for are {', '.join(one.name for one in targets)}",
            fix="name one --target, or use --format oci",
        )


def _check_output(place: Path, said: str) -> None:
    if place.name.endswith(ARCHIVE_SUFFIX):
        _check_file(place, said)
    elif not takes_layout(place):
        raise InputError(
            "output-taken",
            f"{said} holds something else than an image",
            why="a layout replaces what is in its folder, and so it replaces none but a layout",
            fix="name a new or empty folder, or a FILE.tar, with --output",
        )
    else:
        _check_folder(place, said)


def _check_file(place: Path, said: str) -> None:
    if place.is_dir():
        raise InputError("output-taken", f"{said} is a folder", fix="name a file")
    _check_folder(place.parent, said)


def _check_folder(place: Path, said: str) -> None:
    """Whether a folder is there, or can be made, and takes files."""
    above = next((one for one in (place, *place.parents) if one.exists()), place)
    if not above.is_dir():
        raise InputError("output-taken", f"{above} is no folder", fix=f"name another place: {said}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise HostError(
            "cannot-write",
            f"the image cannot be written to {said}",
            why=f"{above}: you may not write there",
            fix="name another place with --output",
        )
