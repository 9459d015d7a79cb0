"""Run a command in an image's root as if directly: the user's ids, terminal, network and files.

The root itself is never written to: what the command writes lands in a layer above it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.sandbox.modes import user_map
from lockenv.sandbox.program import Mount, Program, UserMap
from lockenv.sandbox.run import start
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The host's files that say how names of machines are resolved.
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Something of this machine that the command sees: a file or folder, and where."""

    source: str
    target: str
    readonly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCommand:
    """A command in a root.

    ``root`` is the folder with the image's files, ``mode`` the one that it was laid out in.
    ``scratch`` is a folder of this run (or of the user's shell): what is written lands below it.
    ``shared`` adds the project, devices and driver libraries. ``cwd`` is a path inside.
    """

    root: str
    mode: str
    scratch: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    shared: tuple[Shared, ...] = ()


def root_program(command: RootCommand) -> Program:
    """The program that runs the command; pure but for the ids of this process."""
    scratch = Path(command.scratch)
    upper, work, merged = (scratch / name for name in ("upper", "work", "merged"))
    for folder in (upper, work, merged):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={command.root},upperdir={upper},workdir={work}"
    if command.mode != "root":
        # Marks of what was deleted as attributes that a user namespace may set.
        options += ",userxattr"
    mounts = [
        Mount(kind="overlay", target="/", options=options),
        Mount(kind="proc", target="/proc", optional=True),
        Mount(kind="bind", source="/sys", target="/sys", readonly=True, optional=True),
        Mount(kind="dev", target="/dev"),
        Mount(kind="bind", source="/dev/pts", target="/dev/pts", optional=True),
        # NCCL and the workers of data loaders share memory through it.
        Mount(kind="bind", source="/dev/shm", target="/dev/shm", optional=True),  # noqa: S108  inside
        Mount(kind="tmpfs", target="/tmp", options="mode=1777"),  # noqa: S108  inside
        Mount(kind="tmpfs", target="/run", options="mode=755"),
        *(
            Mount(kind="bind", source=path, target=path, readonly=True, optional=True)
            for path in _NETWORK_FILES
        ),
        *(
            Mount(kind="bind", source=one.source, target=one.target, readonly=one.readonly)
            for one in command.shared
        ),
    ]
    outer = user_map(command.mode)
    uid, gid = os.geteuid(), os.getegid()
    inner = UserMap(uids=((uid, 0, 1),), gids=((gid, 0, 1),)) if outer is not None else None
    return Program(
        argv=command.argv,
        root=str(merged),
        user=outer,
        inner=inner,
        namespaces=("mount", "pid", "ipc", "uts"),
        mounts=tuple(mounts),
        env=tuple(sorted(command.env.items())),
        cwd=command.cwd,
        host_name="lockenv",
    )


def run_in_root(command: RootCommand) -> int:
    """Run the command with our terminal and streams; its exit status (128 and n for a signal).

    HostError where this machine refuses the sandbox. Signals to us are passed on.
    """
    running = start(root_program(command))

    def forward(number: int, _frame: object) -> None:
        running.process.send_signal(number)

    former = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGHUP)}
    # The terminal tells the command itself; we wait for what it makes of it.
    former[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return running.wait()
    finally:
        for number, action in former.items():
            signal.signal(number, action)


def shell_of(root: str, wanted: Sequence[str] = ("bash", "sh")) -> str:
    """The first of these shells that the root has."""
    for name in wanted:
        for folder in ("usr/bin", "bin"):
            if Path(root, folder, name).exists():
                return f"/{folder}/{name}"
    return "/bin/sh"
