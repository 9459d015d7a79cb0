"""A kernel for Jupyter (kernel specifications): starts in the locked environment, in sync."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.errors import InputError

if TYPE_CHECKING:
    from lockenv.lockfile import Selection
    from lockenv.model import Digest

_LAUNCHER = "ipykernel"


def render_kernelspec(
    selection: Selection,
    *,
    name: str,
    environment: Digest,
    project: str = "",
    words: tuple[str, ...] = (),
) -> str:
    """A ``kernel.json``: ``lockenv run`` starts it, so a stale environment is mended or refused.

    Without ``project`` the kernel serves the notebooks inside of the project, wherever a checkout
    lies; with it, all notebooks of this machine. ``words`` select groups and extras. Raises
    InputError where nothing in the selection can be a kernel.
    """
    if all(member.name != _LAUNCHER for member in selection.packages):
        raise InputError(
            "no-kernel",
            f"target {selection.target.name} has no {_LAUNCHER}, which a Jupyter kernel runs on",
            fix=f"lockenv add --group dev {_LAUNCHER}",
        )
    place = ["-C", project] if project else []
    document = {
        "argv": [
            "lockenv",
            *place,
            "run",
            "--target",
            selection.target.name,
            *words,
            "python",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "display_name": name,
        "language": "python",
        "metadata": {
            "debugger": True,
            "lockenv": {"environment": str(environment), "target": selection.target.name},
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
