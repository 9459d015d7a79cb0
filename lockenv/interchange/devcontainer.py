"""A development container (containers.dev): the locked image, by digest, for an editor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockenv.interchange.runnable import Runnable

#: What editors need to know the environment; further ones are asked for with ``--extension``.
_EXTENSIONS = ("ms-python.python",)
_PYTHON = "/opt/lockenv/venv/bin/python"


def render_devcontainer(run: Runnable) -> str:
    """A ``devcontainer.json``; the GPU is required where the packages need one."""
    folder = run.declared.workdir
    document: dict[str, object] = {
        "name": run.text("name") or run.name,
        "image": run.image,
        "workspaceFolder": folder,
        "workspaceMount": f"source=${{localWorkspaceFolder}},target={folder},type=bind",
        "remoteUser": (run.declared.user or "app").partition(":")[0],
        "updateRemoteUserUID": True,
        # The image's own entry point may be the program; the container is to wait for the editor.
        "overrideCommand": True,
    }
    if run.gpus:
        document["hostRequirements"] = {"gpu": True if run.needs_gpu else "optional"}
        document["runArgs"] = [
            "--gpus",
            str(run.gpus) if "gpus" in run.options else "all",
            "--shm-size",
            run.text("shm-size", "8gb"),
        ]
    if run.texts("mount"):
        document["mounts"] = list(run.texts("mount"))
    if run.ports:
        document["forwardPorts"] = list(run.ports)
    document["customizations"] = {
        "vscode": {
            "extensions": sorted({*_EXTENSIONS, *run.texts("extension")}),
            "settings": {"python.defaultInterpreterPath": _PYTHON},
        }
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
