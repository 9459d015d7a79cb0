"""The ways in which a root can be built on this machine; all of them give the same digest.

==========  ===============================================================================
root        really root, with namespaces of its own
chroot      really root, but without the right to mount (inside a container): chroot alone
subids      a user namespace with the user's sub-ids (newuidmap, /etc/subuid)
single      a user namespace of one id; ownership is recorded (seccomp user notification)
==========  ===============================================================================
"""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import sys
from pathlib import Path

from lockenv.errors import HostError
from lockenv.sandbox import kernel
from lockenv.sandbox.program import Mount, Program, UserMap
from lockenv.sandbox.run import run
from lockenv.values import dataclass

MODES = ("root", "chroot", "subids", "single")
#: Namespaces that a maintainer script is shut into.
NAMESPACES = ("mount", "pid", "ipc", "uts", "net")
#: Debian's ids end with nobody's, 65534.
_IDS = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """Whether a mode works here, or what refuses it and what to change."""

    mode: str
    works: bool
    why: str = ""
    fix: str = ""


def user_map(mode: str) -> UserMap | None:
    """The user namespace that a mode enters first; None where we are root already."""
    uid, gid = os.geteuid(), os.getegid()
    if mode == "single":
        return UserMap(uids=((0, uid, 1),), gids=((0, gid, 1),))
    if mode == "subids":
        uids, gids = _sub_ids("/etc/subuid", uid), _sub_ids("/etc/subgid", uid)
        if uids is not None and gids is not None:
            return UserMap(
                uids=((0, uid, 1), (1, uids, _IDS - 1)),
                gids=((0, gid, 1), (1, gids, _IDS - 1)),
                helpers=True,
            )
    return None


def _sub_ids(file: str, uid: int) -> int | None:
    """Where the user's own run of at least 65535 ids begins (subuid(5))."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        owner, _, rest = line.partition(":")
        start, _, count = rest.partition(":")
        fits = start.isdigit() and count.isdigit() and int(count) >= _IDS - 1
        if fits and owner in {str(uid), _user_name()}:
            return int(start)
    return None


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _attempt(mode: str) -> str:
    """What the kernel says to the namespaces of a mode; empty if it grants them."""
    program = Program(
        argv=(sys.executable, "-I", "-S", "-c", "pass"),
        user=user_map(mode),
        namespaces=NAMESPACES,
        # A place that no interpreter lies in.
        mounts=(Mount(kind="tmpfs", target="/sys"),),
    )
    try:
        outcome = run(program)
    except HostError as error:
        return " ".join(error.why)
    return outcome.output if outcome.status else ""


def _restriction() -> str:
    """What is known to forbid user namespaces here, as what to change."""
    for name, forbidding, change in (
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=65536"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):
        try:
            value = Path("/proc/sys", name).read_text().strip()
        except OSError:
            continue
        if value == forbidding:
            return f"have an administrator run `sysctl {change}`"
    return "allow user namespaces, build as root, or use --builder docker or podman"


def _obstacle(mode: str) -> tuple[str, str] | None:
    """What forbids a mode before the kernel is asked, and what to change."""
    is_root = sys.platform == "linux" and os.geteuid() == 0
    if sys.platform != "linux":
        found = f"{sys.platform} has no namespaces", "use --builder docker or podman"
    elif mode in {"root", "chroot"} and not is_root:
        found = "you are not root", "build as root"
    elif mode == "subids" and not shutil.which("newuidmap"):
        found = "there is no newuidmap", "install the package uidmap"
    elif mode == "subids" and user_map("subids") is None:
        change = f"have an administrator run `usermod --add-subuids 100000-165535 {_user_name()}`"
        found = "/etc/subuid and /etc/subgid have no ids of yours", change
    elif mode == "single" and not kernel.can_notify():
        why = f"Linux {platform.release()} has no seccomp user notification"
        found = why, "use Linux 5.0 or newer"
    else:
        return None
    return found


def _examine(mode: str) -> Ability:
    obstacle = _obstacle(mode)
    if obstacle is not None:
        return Ability(mode=mode, works=False, why=obstacle[0], fix=obstacle[1])
    why = "" if mode == "chroot" else _attempt(mode)
    return Ability(mode=mode, works=not why, why=why, fix=_restriction() if why else "")


def abilities() -> tuple[Ability, ...]:
    """Each mode, in order of preference, with what stands against it; `doctor` shows them."""
    return tuple(_examine(mode) for mode in MODES)


def choose_mode(wanted: str | None = None) -> str:
    """The first mode that works here, or ``wanted`` if it does; HostError with what to change."""
    refused = []
    for mode in MODES if wanted is None else (wanted,):
        ability = _examine(mode)
        if ability.works:
            return mode
        refused.append(ability)
    shown = [ability for ability in refused if ability.mode not in {"root", "chroot"}] or refused
    raise HostError(
        "no-namespaces",
        "a root cannot be built on this machine",
        why=[f"{ability.mode}: {ability.why}" for ability in refused],
        fix=list(dict.fromkeys(ability.fix for ability in shown)),
    )
