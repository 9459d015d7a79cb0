"""The ways in which a root can be built on this machine; all of them give the same digest.

==========  ===============================================================================
root        really root, with namespaces of its own
subids      a user namespace with the user's sub-ids (newuidmap, /etc/subuid)
single      a user namespace of one id; ownership is recorded (seccomp user notification)
chroot      really root, but without the right to mount (inside a container): chroot alone.
            The last, since scripts see no /proc there, which those of Java refuse
==========  ===============================================================================
"""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from lockenv.errors import HostError
from lockenv.sandbox import kernel
from lockenv.sandbox.program import Mount, Program, UserMap
from lockenv.sandbox.run import run
from lockenv.values import dataclass

MODES = ("root", "subids", "single", "chroot")
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


def _ids_here() -> int:
    """How many ids there are in our own user namespace (user_namespaces(7))."""
    try:
        rows = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return _IDS  # without /proc there is nothing to be known; chown itself will tell
    return sum(int(row[2]) for row in rows if int(row[0]) < _IDS)


def _attempt_chroot() -> str:
    code = "import os; os.chroot('/'); os.setgroups([]); os.setgid(1); os.setuid(1)"
    outcome = run(Program(argv=(sys.executable, "-I", "-S", "-c", code)))
    # The last line of what Python says of an error: PermissionError: …
    return outcome.output.strip().rpartition("\n")[2] if outcome.status else ""


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
    elif mode in {"root", "chroot"} and _ids_here() < _IDS:
        why = f"the user namespace that you are root in has {_ids_here()} of {_IDS} ids"
        found = why, "give it a whole range of ids, or leave it"
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
    why = _attempt_chroot() if mode == "chroot" else _attempt(mode)
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
    shown = [ability for ability in refused if ability.mode in {"subids", "single"}] or refused
    raise HostError(
        "no-namespaces",
        "a root cannot be built on this machine",
        why=[f"{ability.mode}: {ability.why}" for ability in refused],
        fix=list(dict.fromkeys(ability.fix for ability in shown)),
    )


def check_store(folder: Path, mode: str) -> None:
    """HostError unless roots that lie in a folder can hold what roots are made of, and run it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.statvfs(folder).f_flag & os.ST_NOEXEC:
            raise _unfit(folder, "it is mounted noexec: no program can be run from it")
        with tempfile.TemporaryDirectory(prefix="probe-", dir=folder) as name:
            _probe(Path(name), mode)
    except FileExistsError:
        raise _unfit(folder, "it does not tell upper case from lower case") from None
    except OSError as error:
        raise _unfit(folder, f"a probe failed: {error.strerror}") from None


def _probe(folder: Path, mode: str) -> None:
    file, link = folder / "file", folder / "link"
    file.touch()
    file.chmod(0o4751)
    link.symlink_to("file")
    os.link(file, folder / "FILE")
    if mode in {"root", "chroot"}:
        os.chown(link, 1, 2, follow_symlinks=False)
    if stat.S_IMODE(file.stat().st_mode) != 0o4751:
        raise _unfit(folder.parent, "it does not keep the modes of files")


def _unfit(folder: Path, why: str) -> HostError:
    return HostError(
        "store-unfit",
        "no root can lie in the store's file system",
        why=(f"{folder}: {why}",),
        fix="name a folder of a local file system with --cache-dir",
    )
