"""Images for another processor than this machine's: what must run, runs through binfmt_misc.

Where packages' scripts do not run, one thing is left that would: the image's Python, which compiles
its files. Byte code is the same on every processor, but not from every version; so an interpreter
of this machine that is of the very same version does it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.host import machine_here
from lockenv.model import PLATFORMS
from lockenv.values import replace
from lockenv.workflows.syncing.interpreters import interpreter_for

if TYPE_CHECKING:
    from lockenv.fetch import StoreFetcher
    from lockenv.model import Lock, LockedInterpreter, LockedTarget
    from lockenv.workflows.scene import Scene

_BINFMT = Path("/proc/sys/fs/binfmt_misc")


def runs_here(target: LockedTarget, binfmt: Path = _BINFMT) -> bool:
    """Whether programs for a target's processor run on this machine."""
    here = PLATFORMS.get(machine_here().platform)
    machine = PLATFORMS[target.platform].machine
    if here is None or here.machine == machine or not sys.platform.startswith("linux"):
        return True
    return _can_run(machine, binfmt)


def refuse_foreign(target: LockedTarget, scripts: str, binfmt: Path = _BINFMT) -> None:
    """`HostError` before any work, where maintainer scripts of the target cannot run here."""
    if scripts == "none" or runs_here(target, binfmt):
        return
    here, machine = machine_here().platform, PLATFORMS[target.platform].machine
    raise HostError(
        "foreign-architecture",
        f"this machine is {here} and cannot run programs for {machine}",
        why=(
            f"target {target.name} is {target.platform}",
            "its maintainer scripts run while the image is built",
        ),
        fix=[
            "install qemu-user-static and binfmt-support, which register such programs",
            f"or build the image on a machine that is {machine}",
            'or say scripts = "none" in [system], if the packages can do without',
        ],
    )


def compiler_for(
    scene: Scene,
    lock: Lock,
    target: LockedTarget,
    locked: LockedInterpreter,
    fetcher: StoreFetcher,
    binfmt: Path = _BINFMT,
) -> str | None:
    """The interpreter that compiles for a target whose own does not run here; None where it does.

    `HostError` where this machine and the lock have none of that version.
    """
    if runs_here(target, binfmt):
        return None
    ours = {one.name for one in lock.targets if one.platform == machine_here().platform}
    twin = next(
        (
            one
            for one in lock.interpreters
            if ours & set(one.targets)
            and one.artifact is not None
            and (one.version, one.variant) == (locked.version, locked.variant)
        ),
        replace(locked, source="standalone", artifact=None),
    )
    try:
        return interpreter_for(scene, twin, fetcher)[0].executable
    except HostError as missing:
        raise HostError(
            "foreign-architecture",
            f"no Python {locked.version} of this machine can compile for {target.platform}",
            why=(
                f"target {target.name} is {target.platform}, whose programs cannot run here",
                "byte code is the same on every processor, but only from the same version",
                *missing.why,
            ),
            fix=[
                "install qemu-user-static and binfmt-support, which run the image's own",
                *(f"or {one.removeprefix('or ')}" for one in missing.fix),
            ],
        ) from None


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
