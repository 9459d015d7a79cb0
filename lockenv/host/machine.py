"""What kind of machine this is: a platform of ours and the level of its libc."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from lockenv.model import PLATFORMS, Finding, Target
from lockenv.values import dataclass

#: What systems call their machines, in our words.
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """``platform`` is one of ours, or ``system-machine`` for one that we do not know.

    ``level`` is the version of glibc, musl or macOS; empty where it cannot be told.
    """

    platform: str
    level: str = ""


def machine_here() -> Machine:
    """This machine."""
    if sys.platform in {"darwin", "win32"}:
        import platform  # noqa: PLC0415 - start-up: it is large, and Linux needs it not

        machine = _our_word(platform.machine())
        if sys.platform == "win32":
            return Machine(platform=f"windows-{machine}")
        name = "arm64" if machine == "aarch64" else machine
        return Machine(platform=f"macos-{name}", level=platform.mac_ver()[0])
    machine = _our_word(os.uname().machine)
    glibc = _glibc()
    if glibc:
        return Machine(platform=f"linux-{machine}", level=glibc)
    musl = _musl()
    if musl:
        return Machine(platform=f"linux-{machine}-musl", level=musl)
    return Machine(platform=f"{sys.platform}-{machine}")


def _our_word(machine: str) -> str:
    return _MACHINES.get(machine.lower(), machine.lower())


def _glibc() -> str:
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # not a glibc, or no confstr at all
        return ""
    name, _, version = text.partition(" ")
    return version if name == "glibc" else ""


def _musl() -> str:
    """Musl says its version when its loader is run without arguments."""
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        said = subprocess.run(
            [str(loader)], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False
        )
        match = re.search(rb"Version (\d+\.\d+)", said.stderr)
        if match:
            return match[1].decode("ascii")
    return ""


def fits(machine: Machine, target: Target) -> list[Finding]:
    """In what a machine is not what a target was locked for: LE602, LE603."""
    if machine.platform != target.platform.name:
        return [
            Finding(
                code="LE603",
                message=f"this host is {machine.platform}, target {target.name} is"
                f" {target.platform.name}",
                layer="host",
                target=target.name,
                fix="name another target, or use another machine",
            )
        ]
    libc = PLATFORMS[machine.platform].libc
    if machine.level and libc and _numbers(machine.level) < _numbers(target.level):
        return [
            Finding(
                code="LE602",
                message=f"this host has {libc} {machine.level}, target {target.name} needs"
                f" {target.level}",
                layer="host",
                target=target.name,
                fix="use a newer system, or the image",
            )
        ]
    return []


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
