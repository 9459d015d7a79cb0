"""``image --builder docker|podman``: the same build inside a container of that engine.

For machines without namespaces of their own (macOS, Windows, hardened kernels). The files are
fetched here and mounted read-only; the container has no network while it builds, and no right
that an engine does not give by default. What comes back is a layout, and the same digest.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

import lockenv
from lockenv import errors
from lockenv.errors import ExternalError
from lockenv.formats.oci import blob_path, parse_config, parse_index, parse_manifest
from lockenv.materialize import BuiltImage, BuiltLayer
from lockenv.model import parse_digest
from lockenv.tables.addresses import BUILDER_IMAGE
from lockenv.workflows.environment import content_of
from lockenv.workflows.imaging.deliver import find_engine
from lockenv.workflows.imaging.inside import CACHE, PROJECT, STORE, WORK
from lockenv.workflows.imaging.job import choice_of
from lockenv.workflows.imaging.plan import fetch_for
from lockenv.workflows.imaging.project_files import project_files
from lockenv.workflows.network import open_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.model import LockedTarget
    from lockenv.workflows.imaging.job import Job
    from lockenv.workflows.scene import Scene

_FAMILIES = {
    family.__name__: family
    for family in (
        errors.DriftError,
        errors.InputError,
        errors.IntegrityError,
        errors.NetworkError,
        errors.UnavailableError,
        errors.HostError,
        errors.ExternalError,
    )
}
#: Where our own code is seen inside: the builder is this very lockenv.
_CODE = "/lockenv/code"


def built_inside(scene: Scene, job: Job, targets: Sequence[LockedTarget]) -> list[BuiltImage]:
    """The images, built in a container; `HostError` where the engine does not answer.

    What went wrong inside is raised here as it was there.
    """
    program, opened, declared = find_engine(job.mode), job.opened, job.declared
    with open_network(scene, opened.manifest, bundle=job.bundle) as fetcher:
        for target in targets:
            content = content_of(opened.lock, choice_of(declared, target))
            fetch_for(scene, opened, declared, content, fetcher)
    image = _builder_image(program)
    files = [one.path for one in project_files(opened.root)] if declared.project else []
    folder = Path(tempfile.mkdtemp(prefix="lockenv-builder-"))
    # The layers are read from it until the command ends; others may own files in it.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    order = {
        "image": declared.key,
        "compression": declared.compression,
        "targets": [target.name for target in targets],
        "files": files,
    }
    (folder / "order.json").write_text(json.dumps(order))
    (scene.settings.cache_dir / "blobs").mkdir(parents=True, exist_ok=True)
    mounts = (
        (scene.settings.cache_dir / "blobs", f"{STORE}/blobs,readonly"),
        (opened.root, f"{PROJECT},readonly"),
        (folder, WORK),
        (Path(lockenv.__file__).parent, f"{_CODE}/lockenv,readonly"),
    )
    words = [program, "run", "--rm", "--network", "none", "--security-opt", "label=disable"]
    for source, place in mounts:
        words += ["--mount", f"type=bind,source={source},target={place}"]
    words += [*_room(program), "--env", f"PYTHONPATH={_CODE}"]
    words += ["--env", "PYTHONDONTWRITEBYTECODE=1"]
    words += ["--entrypoint", "python3", image]
    words += ["-m", "lockenv.workflows.imaging.inside", f"{WORK}/order.json"]
    scene.progress.started("configure")
    answer = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    scene.progress.finished("configure")
    return _read(folder, answer, job.mode)


def _room(program: str) -> list[str]:
    """Where the container builds: a folder of its own, since mounted ones may not keep owners.

    Podman mounts its volumes without devices (podman-run(1)), and the root that is built has a
    /dev/null; there the container's own layer serves, and the right to make such a node is asked.
    """
    if Path(program).name == "podman":
        return ["--cap-add", "MKNOD"]
    return ["--volume", CACHE]


def _builder_image(program: str) -> str:
    """An image with Python and what lockenv is made of; made once for each version of these."""
    pins = _pins()
    digits = hashlib.sha256("\n".join((BUILDER_IMAGE, *pins)).encode()).hexdigest()[:12]
    tag = f"lockenv-builder:{digits}"
    if _engine(program, "image", "inspect", tag).returncode == 0:
        return tag
    recipe = f"FROM {BUILDER_IMAGE}\nRUN pip install --no-cache-dir --no-compile {' '.join(pins)}\n"
    with tempfile.TemporaryDirectory(prefix="lockenv-builder-") as folder:
        Path(folder, "Dockerfile").write_text(recipe)
        answer = _engine(program, "build", "--tag", tag, folder)
    if answer.returncode != 0:
        raise ExternalError(
            "builder-image-failed",
            f"{Path(program).name} could not make the image that builds",
            why=f"it starts from {BUILDER_IMAGE}, with {len(pins)} packages",
            fix="let the engine reach its registry and the package index once",
            output=(answer.stdout + answer.stderr).decode("utf-8", "replace")[-4000:],
        )
    return tag


def _pins() -> list[str]:
    """What lockenv needs to run, in the versions that run here: equal bytes need equal ones."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - start-up

    found: dict[str, str] = {}
    waiting = list(requires("lockenv") or ())
    while waiting:
        requirement = Requirement(waiting.pop())
        wanted = {"extra": "", "sys_platform": "linux", "platform_system": "Linux"}
        if requirement.name in found or (
            requirement.marker is not None and not requirement.marker.evaluate(wanted)
        ):
            continue
        try:
            found[requirement.name] = version(requirement.name)
        except PackageNotFoundError:
            found[requirement.name] = ""
            continue
        waiting += requires(requirement.name) or ()
    return sorted(f"{name}=={pin}" if pin else name for name, pin in found.items())


def _engine(program: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [program, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )


def _read(folder: Path, ended: subprocess.CompletedProcess[bytes], engine: str) -> list[BuiltImage]:
    try:
        body = json.loads((folder / "answer.json").read_bytes())
    except (OSError, ValueError):
        raise ExternalError(
            "builder-died",
            f"the container of {engine} ended without an answer",
            why=f"status {ended.returncode}",
            fix="give the engine more memory, or look at its output",
            output=(ended.stdout + ended.stderr).decode("utf-8", "replace")[-4000:],
        ) from None
    if "error" in body:
        error = body["error"]
        family = _FAMILIES.get(error["family"], ExternalError)
        raise family(
            error["slug"],
            error["what"],
            why=error["why"],
            fix=error["fix"],
            output=error["output"],
        )
    return [_image(folder / f"layout-{number}", row) for number, row in enumerate(body["built"])]


def _image(layout: Path, row: dict[str, object]) -> BuiltImage:
    """A layout as an image of ours; its blobs are read where they lie."""
    index = parse_index((layout / "index.json").read_bytes(), "the built image")
    manifest = (layout / blob_path(index.manifests[0].digest)).read_bytes()
    parsed = parse_manifest(manifest, "the built image")
    config = (layout / blob_path(parsed.config.digest)).read_bytes()
    diff_ids = parse_config(config, "the built image").diff_ids
    names = [str(name) for name in _list(row["names"])]
    return BuiltImage(
        architecture=str(row["architecture"]),
        config=config,
        manifest=manifest,
        layers=tuple(
            BuiltLayer(
                name=name,
                media_type=layer.media_type,
                digest=str(parse_digest(layer.digest)),
                size=layer.size,
                diff_id=diff_id,
                path=layout / blob_path(layer.digest),
            )
            for name, layer, diff_id in zip(names, parsed.layers, diff_ids, strict=True)
        ),
        compressor=str(row["compressor"]),
        dropped=tuple((str(path), str(why)) for path, why in map(_list, _list(row["dropped"]))),
        skipped=tuple(str(name) for name in _list(row["skipped"])),
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
