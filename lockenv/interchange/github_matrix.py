"""The targets of a lock as a job matrix of GitHub Actions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.lockfile import target_of
from lockenv.model import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Collection

    from lockenv.model import Lock, LockedTarget

#: The runners that GitHub hosts, by platform; musl runs in a container on the first two.
_RUNNERS = {
    "linux-x86_64": "ubuntu-latest",
    "linux-aarch64": "ubuntu-24.04-arm",
    "linux-x86_64-musl": "ubuntu-latest",
    "linux-aarch64-musl": "ubuntu-24.04-arm",
    "macos-arm64": "macos-latest",
    "macos-x86_64": "macos-15-intel",
    "windows-x86_64": "windows-latest",
}


def render_github_matrix(lock: Lock, targets: Collection[str] = ()) -> str:
    """One line of JSON, ``{"include": […]}``, for ``fromJSON``; all targets if none is named.

    ``gpu`` says whether what is locked needs a driver, so that a workflow can choose its own
    runners there.
    """
    chosen = [one for one in lock.targets if not targets or one.name in targets]
    return (
        json.dumps({"include": [_job(target) for target in chosen]}, separators=(",", ":")) + "\n"
    )


def _job(target: LockedTarget) -> dict[str, object]:
    needs = target.cuda.needs if target.cuda is not None else {}
    job: dict[str, object] = {
        "target": target.name,
        "platform": target.platform,
        "os": _RUNNERS[target.platform],
        "python": target_of(target).python_minor + ("t" if target.freethreaded else ""),
        "python-full": target.python,
        "gpu": bool(needs.get("driver")),
    }
    if PLATFORMS[target.platform].libc == "musl":
        job["container"] = "alpine:3"
    if target.environment:
        job["environment"] = target.environment
    return job
