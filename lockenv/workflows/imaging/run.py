"""``run --in image`` and ``shell --in image``: a command in the image's root, without an engine."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError
from lockenv.fetch import using_store
from lockenv.formats.oci import parse_config
from lockenv.materialize import ImageStore, key_of, materialize_root, using_root
from lockenv.sandbox import (
    DRIVER_FOLDER,
    Confinement,
    RootCommand,
    Shared,
    gpu_shares,
    run_in_root,
)
from lockenv.sandbox import shell_of as shell_in
from lockenv.workflows.image_options import ImageOptions
from lockenv.workflows.imaging.job import building_mode, built_images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockenv.formats.oci import ImageConfig
    from lockenv.materialize import BuiltLayer
    from lockenv.workflows.run_options import RunOptions
    from lockenv.workflows.scene import Scene

#: Where the project lies in every image (contract 2.3).
_PROJECT = "/app"
_PROJECT_LAYER = "project"
#: Variables of the user's that a command in an image sees: the terminal and its colours, the time
#: zone, the way to the network, and which GPUs to use. The language is the image's, as it has no
#: other; all else of the environment is the image's too.
_PASSED = (
    *("TERM", "COLORTERM", "NO_COLOR", "CI", "COLUMNS", "TZ"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"),
)


def run_in_image(scene: Scene, options: RunOptions) -> int:
    """Run a command in the image's root, with the project where the image has it; its status."""
    _refuse_venv_options(options)
    mode = building_mode(scene)
    if mode == "chroot":
        raise HostError(
            "no-namespaces",
            "a command cannot be run in an image's root on this machine",
            why="you are root, but may not mount (a container without CAP_SYS_ADMIN)",
            fix="give the container CAP_SYS_ADMIN, or run the image that `lockenv image` builds",
        )
    targets = (options.selection.target,) if options.selection.target else ()
    wanted = ImageOptions(name=options.image_name, targets=targets)
    with ExitStack() as held:
        # A shell may stay open for days: then it keeps its roots from pruning, not all the store.
        with using_store(scene.settings.cache_dir):
            opened, built = built_images(scene, wanted, mode)
            image = built[0]
            roots = _roots(scene, image.layers, mode, held)
        config = parse_config(image.config, "the image that the lock makes")
        gpus = gpu_shares()
        scratch = held.enter_context(
            tempfile.TemporaryDirectory(prefix="lockenv-run-", ignore_cleanup_errors=True)
        )
        return run_in_root(
            RootCommand(
                root=str(roots[-1]),
                above=tuple(str(root) for root in roots[:-1]),
                mode=mode,
                scratch=scratch,
                argv=options.words or (shell_in(str(roots[-1])),),
                env=_variables(config, os.environ, gpus),
                cwd=_folder(scene, opened.root, config),
                shared=(Shared(source=str(opened.root), target=_PROJECT), *gpus),
            )
        )


def _refuse_venv_options(options: RunOptions) -> None:
    said = {
        "--no-sync": not options.sync,
        "--venv": options.venv is not None,
        "--writable": bool(options.writable),
        "--group, --extra and their kin": not options.selection.is_silent,
    }
    wrong = [name for name, is_said in said.items() if is_said]
    if wrong:
        raise InputError(
            "usage",
            f"--in image does not go with {', '.join(wrong)}",
            why="an image holds what its table in the manifest declares, and is never written to",
            fix="write groups and extras in [image], then lockenv lock",
        )


def _roots(scene: Scene, layers: Sequence[BuiltLayer], mode: str, held: ExitStack) -> list[Path]:
    """The image as folders in the store, the topmost first; kept there until ``held`` is closed.

    The project's layer lies apart: it changes with each commit, all others with the lock.
    """
    store = ImageStore(scene.settings.cache_dir)
    parts = [
        [layer for layer in layers if layer.name == _PROJECT_LAYER],
        [layer for layer in layers if layer.name != _PROJECT_LAYER],
    ]
    roots = [
        materialize_root(
            [layer.path for layer in part],
            key_of("image", [layer.diff_id for layer in part]),
            Confinement(mode),
            store,
        )
        for part in parts
        if part
    ]
    for root in roots:
        held.enter_context(using_root(root))
    return roots


def _variables(
    config: ImageConfig, own: Mapping[str, str], gpus: Sequence[Shared]
) -> dict[str, str]:
    env = dict(entry.split("=", 1) for entry in config.env)
    env |= {name: own[name] for name in _PASSED if name in own}
    if any(one.target.startswith(f"{DRIVER_FOLDER}/") for one in gpus):
        # The host's driver stands before one that the image may hold.
        former = env.get("LD_LIBRARY_PATH")
        env["LD_LIBRARY_PATH"] = f"{DRIVER_FOLDER}:{former}" if former else DRIVER_FOLDER
    return env


def _folder(scene: Scene, root: Path, config: ImageConfig) -> str:
    """Where we are in the project; at its top the folder that the image begins in."""
    here = scene.directory.resolve()
    if here != root.resolve() and here.is_relative_to(root.resolve()):
        return f"{_PROJECT}/{here.relative_to(root.resolve()).as_posix()}"
    return config.workdir or "/"
