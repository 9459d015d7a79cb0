"""Images for another processor than this machine's: what must run, runs through binfmt_misc."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.host import machine_here
from lockenv.model import PLATFORMS

if TYPE_CHECKING:
    from lockenv.model import LockedTarget

_BINFMT = Path("/proc/sys/fs/binfmt_misc")


def refuse_foreign(target: LockedTarget, binfmt: Path = _BINFMT) -> None:
    """`HostError` before any work, where programs of the target's processor cannot run here.

    Maintainer scripts run, and so does the image's own Python, which compiles its packages.
    """
    here = PLATFORMS.get(machine_here().platform)
    machine = PLATFORMS[target.platform].machine
    if here is None or here.machine == machine or not sys.platform.startswith("linux"):
        return
    if _can_run(machine, binfmt):
        return
    raise HostError(
        "foreign-architecture",
        f"this machine is {here.machine} and cannot run programs for {machine}",
        why=(
            f"target {target.name} is {target.platform}",
            "its maintainer scripts and its Python run while the image is built",
        ),
        fix=[
            "install qemu-user-static and binfmt-support, which register such programs",
            f"or build the image on a machine that is {machine}",
        ],
    )


def _can_run(machine: str, binfmt: Path) -> bool:
    """Whether an interpreter is registered that is opened at once (flag F): a root has none."""
    try:
        entries = sorted(binfmt.glob(f"*{machine}*"))
    except OSError:
        return False
    for entry in entries:
        try:
            lines = entry.read_text().splitlines()
        except OSError:
            continue
        flags = next((line.partition(":")[2] for line in lines if line.startswith("flags:")), "")
        if "enabled" in lines and "F" in flags:
            return True
    return False
