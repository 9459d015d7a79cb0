"""Where a built image goes: a folder, an archive, a registry, an engine; and its SBOMs with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import ExternalError, HostError, InputError
from lockenv.formats.oci import CONFIG_TYPE, describe
from lockenv.host import machine_here
from lockenv.interchange import CYCLONEDX_TYPE, SPDX_TYPE, render_cyclonedx, render_spdx
from lockenv.materialize import (
    ARCHIVE_SUFFIX,
    Attached,
    manifest_descriptor,
    top_digest,
    write_archive,
    write_layout,
)
from lockenv.model import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.lockfile import Selection
    from lockenv.materialize import BuiltImage
    from lockenv.model import Lock
    from lockenv.workflows.scene import Scene

#: The engines that `--load` and `--builder` know, in the order in which they are looked for.
ENGINES = ("docker", "podman")


def write_output(
    scene: Scene,
    built: Sequence[BuiltImage],
    name: str,
    output: str,
    attached: Sequence[Sequence[Attached]],
) -> str:
    """The image as a layout folder, or as one file if the name ends in ``.tar``."""
    place = scene.directory / output
    try:
        if output.endswith(ARCHIVE_SUFFIX):
            write_archive(built, name, place)
        else:
            write_layout(built, name, place, attached)
    except OSError as error:
        raise HostError(
            "cannot-write",
            f"the image cannot be written to {output}",
            why=f"{error.filename or place}: {error.strerror or error}",
            fix="make room, or name another place with --output",
        ) from error
    return f"wrote {output}"


def attached_documents(lock: Lock, selection: Selection, name: str) -> tuple[Attached, ...]:
    """The bills of materials of an image, each the same bytes for the same lock."""
    return tuple(
        Attached(name=file, media_type=media_type, content=render(lock, selection, name=name))
        for file, media_type, render in (
            ("sbom.cdx.json", CYCLONEDX_TYPE, _cyclonedx),
            ("sbom.spdx.json", SPDX_TYPE, _spdx),
        )
    )


def _cyclonedx(lock: Lock, selection: Selection, *, name: str) -> bytes:
    return render_cyclonedx(lock, selection, name=name, kind="container").encode()


def _spdx(lock: Lock, selection: Selection, *, name: str) -> bytes:
    return render_spdx(lock, selection, name=name).encode()


def find_engine(wanted: str | None = None) -> str:
    """The program of a container engine that answers here; `HostError` with what each said."""
    refused = []
    for name in (wanted,) if wanted else ENGINES:
        program = shutil.which(name)
        if program is None:
            refused.append(f"{name} is not installed")
            continue
        # Docker's client is there without its daemon: only this asks both.
        answer = _run([program, "info"])
        if answer.returncode == 0:
            return program
        lines = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        refused.append(f"{name}: {lines[-1] if lines else 'it does not answer'}")
    raise HostError(
        "no-engine",
        "no container engine answers on this machine",
        why=refused,
        fix=["start Docker's daemon, or install podman", "or write the image with --output"],
    )


def load_image(built: Sequence[BuiltImage], name: str) -> str:
    """Load the image for this machine into Docker, or into Podman where there is no Docker."""
    image = _for_here(built)
    engine = find_engine()
    label = Path(engine).name
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    with tempfile.TemporaryDirectory(prefix="lockenv-load-") as folder:
        archive = Path(folder, "image.tar")
        write_archive([image], tagged, archive)
        answer = _run([engine, "load", "--input", str(archive)])
    if answer.returncode != 0:
        output = (answer.stderr + answer.stdout).decode("utf-8", "replace")
        zstd = "invalid tar header" in output
        raise ExternalError(
            "load-failed",
            f"{label} could not load the image",
            why=f"{label} load ended with status {answer.returncode}",
            fix="--compression gzip: Docker before 23 knows no zstd" if zstd else "see its output",
            output=output[-4000:],
        )
    _check_loaded(engine, answer.stdout.decode("utf-8", "replace"), image, tagged)
    return f"loaded {tagged} into {label}"


def _check_loaded(engine: str, said: str, image: BuiltImage, tagged: str) -> None:
    """An engine that has the name already could have kept another image under it."""
    there = _run([engine, "image", "inspect", "--format", "{{.Id}}", tagged])
    if there.returncode != 0:
        # Podman puts a name without a registry below localhost/.
        there = _run([engine, "image", "inspect", "--format", "{{.Id}}", f"localhost/{tagged}"])
    found = there.stdout.decode("utf-8", "replace").strip().removeprefix("sha256:")
    expected = {
        describe(CONFIG_TYPE, image.config).digest.removeprefix("sha256:"),
        # Docker with containerd's store names images by their manifest.
        manifest_descriptor(image).digest.removeprefix("sha256:"),
    }
    if found not in expected:
        raise ExternalError(
            "load-failed",
            f"{Path(engine).name} holds another image as {tagged} than was loaded",
            why=(f"it has {found or 'none'}", f"loaded was {min(expected)}"),
            fix="see its output",
            output=said[-4000:],
        )


def _for_here(built: Sequence[BuiltImage]) -> BuiltImage:
    if len(built) == 1:
        return built[0]
    platform = PLATFORMS.get(machine_here().platform)
    here = platform.oci_architecture if platform else ""
    found = [one for one in built if one.architecture == here]
    if not found:
        raise InputError(
            "no-such-architecture",
            "none of these images is for this machine",
            why=[one.architecture for one in built],
            fix="name its target with --target",
        )
    return found[0]


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(list(words), stdin=subprocess.DEVNULL, capture_output=True, check=False)


def metadata(built: Sequence[BuiltImage], name: str) -> dict[str, object]:
    """What ``--metadata-file`` holds; the first keys are BuildKit's."""
    digest = top_digest(built)
    first: dict[str, object] = {
        "containerimage.digest": digest,
        "image.name": name,
    }
    if len(built) == 1:
        first["containerimage.config.digest"] = describe(CONFIG_TYPE, built[0].config).digest
    return first | {
        "images": [
            {
                "architecture": one.architecture,
                "digest": manifest_descriptor(one).digest,
                "config": describe(CONFIG_TYPE, one.config).digest,
                "manifest": json.loads(one.manifest),
                "compressor": one.compressor,
                "layers": [
                    {"name": layer.name, "digest": layer.digest, "diff_id": layer.diff_id}
                    for layer in one.layers
                ],
            }
            for one in built
        ],
    }
