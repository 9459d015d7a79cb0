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
_TERMINALS = "newinstance,ptmxmode=0666,mode=0620"
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Something of this machine that the command sees: a file or folder, and where."""

    source: str
    target: str
    readonly: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCommand:
    """A command in a root.

    ``root`` is the folder with the image's files, ``above`` folders that lie over it, the topmost
    first; ``mode`` is the one that they were laid out in.
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
    above: tuple[str, ...] = ()


def root_program(command: RootCommand) -> Program:
    """The program that runs the command; pure but for the ids of this process."""
    scratch = Path(command.scratch)
    upper, work, merged = (scratch / name for name in ("upper", "work", "merged"))
    for folder in (upper, work, merged):
        folder.mkdir(parents=True, exist_ok=True)
    _introduce(command, upper)
    below = ":".join((*command.above, command.root))
    options = f"lowerdir={below},upperdir={upper},workdir={work}"
    if command.mode != "root":
        # Marks of what was deleted as attributes that a user namespace may set.
        options += ",userxattr"
    mounts = [
        Mount(kind="overlay", target="/", options=options),
        Mount(kind="proc", target="/proc", optional=True),
        Mount(kind="bind", source="/sys", target="/sys", readonly=True, optional=True),
        Mount(kind="dev", target="/dev"),
        # Terminals of its own, for what makes some (tmux, script); ours is the console there.
        Mount(kind="devpts", target="/dev/pts", options=_TERMINALS, optional=True),
        *_console(),
        # NCCL and the workers of data loaders share memory through it.
        Mount(kind="bind", source="/dev/shm", target="/dev/shm", optional=True),  # noqa: S108  inside
        Mount(kind="tmpfs", target="/tmp", options="mode=1777"),  # noqa: S108  inside
        Mount(kind="tmpfs", target="/run", options="mode=755"),
        *(
            Mount(kind="bind", source=path, target=path, readonly=True, optional=True)
            for path in _NETWORK_FILES
        ),
        *(
            Mount(
                kind="bind",
                source=one.source,
                target=one.target,
                readonly=one.readonly,
                optional=one.optional,
            )
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
        env=tuple(sorted((_account(command.root).variables | dict(command.env)).items())),
        cwd=command.cwd,
        host_name="lockenv",
    )


def _console() -> tuple[Mount, ...]:
    """Our terminal, where ttyname(3) finds it; its own folder shows other terminals inside."""
    for descriptor in (0, 1, 2):
        try:
            name = os.ttyname(descriptor)
        except OSError:
            continue
        return (Mount(kind="bind", source=name, target="/dev/console", optional=True),)
    return ()


@dataclass(frozen=True, slots=True)
class _Account:
    """Who we are inside: as the root's own accounts say, or else by our name here."""

    name: str
    home: str
    is_known: bool

    @property
    def variables(self) -> dict[str, str]:
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}


def _account(root: str) -> _Account:
    uid = os.geteuid()
    names = set()
    for row in _rows(Path(root, "etc/passwd")):
        if len(row) > 5 and row[2] == str(uid):
            return _Account(row[0], row[5] or "/", is_known=True)
        names.add(row[0])
    try:
        import pwd  # noqa: PLC0415 - Windows has none

        name = pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        name = f"user{uid}"
    # An image's own account of that name has another number.
    name = name if name not in names else f"user{uid}"
    return _Account(name, f"/home/{name}", is_known=False)


def _rows(file: Path) -> list[list[str]]:
    try:
        text = file.read_text("utf-8", "surrogateescape")
    except OSError:
        return []
    return [line.split(":") for line in text.splitlines()]


def _introduce(command: RootCommand, upper: Path) -> None:
    """Give us an account and a home in the layer above: programs ask for both."""
    account = _account(command.root)
    folder = Path(command.root, "etc")
    if account.is_known or not folder.is_dir() or folder.is_symlink():
        return
    uid, gid = os.geteuid(), os.getegid()
    groups = {row[2] for row in _rows(folder / "group") if len(row) > 2}
    lines = {"passwd": f"{account.name}:x:{uid}:{gid}::{account.home}:/bin/sh\n"}
    if str(gid) not in groups:
        lines["group"] = f"{account.name}:x:{gid}:\n"
    (upper / "etc").mkdir(exist_ok=True)
    (upper / "etc").chmod(0o755)
    for name, line in lines.items():
        place = folder / name
        if place.is_symlink():
            continue
        known = place.read_bytes() if place.is_file() else b""
        (upper / "etc" / name).write_bytes(known + line.encode())
        (upper / "etc" / name).chmod(0o644)
    home = upper / account.home.lstrip("/")
    home.mkdir(parents=True, exist_ok=True)
    home.parent.chmod(0o755)
    home.chmod(0o700)


def run_in_root(command: RootCommand) -> int:
    """Run the command with our terminal and streams; its exit status (128 and n for a signal).

    HostError where this machine refuses the sandbox. Signals to us are passed on.
    """
    running = start(root_program(command))

    def forward(number: int, _frame: object) -> None:
        running.process.send_signal(number)

    former = {number: signal.signal(number, forward) for number in _FORWARDED}
    # The terminal tells the command itself; we wait for what it makes of it.
    for number in (signal.SIGINT, signal.SIGQUIT):
        former[number] = signal.signal(number, signal.SIG_IGN)
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
