"""The process that makes a sandbox around itself and runs the program in it.

A process of its own, because namespaces and forks do not go together with threads. It is told what
to do through one descriptor and answers through another: nothing if the program was started, or
one line that says what the kernel refused.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lockenv.sandbox import kernel
from lockenv.sandbox.filters import careless_code
from lockenv.sandbox.program import parse_program
from lockenv.sandbox.record import filter_code, send_descriptor

if TYPE_CHECKING:
    from lockenv.sandbox.program import Mount, Program, UserMap

#: env(1), nohup(1): the program could not be run; it was not found.
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
#: Ends of a `run` before its program began.
_FAILED = 125
_NODES = ("full", "null", "random", "tty", "urandom", "zero")
_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)


def main(arguments: list[str]) -> NoReturn:
    """``arguments``: the descriptors of the program, of complaints, and of the record (or -1).

    The last is the process that started us: nothing outlives it, however it ends.
    """
    source, complaints, channel, parent = (int(argument) for argument in arguments)
    with os.fdopen(source, "rb") as file:
        program = parse_program(file.read())
    try:
        _prepare(program)
        # Only now, as a change of ids takes the wish away (prctl(2)).
        signal.signal(signal.SIGALRM, _abandoned)
        kernel.die_with_parent(signal.SIGALRM)
        if os.getppid() != parent:
            _abandoned()
        status = _run(program, channel, complaints)
    except OSError as error:
        os.write(complaints, str(error).encode())
        os._exit(_FAILED)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _abandoned(*_: object) -> NoReturn:
    """End with all that we started: without a PID namespace those of our session would go on."""
    if os.getsid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(128 + signal.SIGKILL)


def _prepare(program: Program) -> None:
    if program.user:
        _enter_user(program.user)
    if program.namespaces:
        kernel.unshare(*program.namespaces)


def _enter_user(user: UserMap) -> None:
    if user.helpers:
        _enter_with_helpers(user)
    else:
        kernel.unshare("user")
        own = Path("/proc/self")
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(_lines(user.uids))
        (own / "gid_map").write_text(_lines(user.gids))
    if user.uids[0][0] == 0:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        if user.helpers:
            os.setgroups([])


def _enter_with_helpers(user: UserMap) -> None:
    """A child that stays outside has the maps written as soon as we are inside."""
    inside, outside = socket.socketpair()
    ours = os.getpid()
    helper = os.fork()
    if helper == 0:
        outside.recv(1)
        for command, runs in (("newuidmap", user.uids), ("newgidmap", user.gids)):
            words = [str(number) for run in runs for number in run]
            if subprocess.run([command, str(ours), *words], check=False).returncode:
                os._exit(1)
        os._exit(0)
    kernel.unshare("user")
    inside.send(b"1")
    _, status = os.waitpid(helper, 0)
    inside.close()
    outside.close()
    if status:
        raise OSError(1, "newuidmap or newgidmap refused the sub-ids of this user")


def _lines(runs: tuple[tuple[int, int, int], ...]) -> str:
    return "".join(f"{inside} {outside} {count}\n" for inside, outside, count in runs)


def _run(program: Program, channel: int, complaints: int) -> int:
    """The wait status of the program; we ourselves stay between it and whoever started us."""
    if program.session:
        os.setsid()
    # A terminal's own signals reach the program directly, as it is in the same group.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        _start(program, channel, complaints)
    os.close(complaints)
    if channel >= 0:
        os.close(channel)
    return _wait(child)


def _wait(child: int) -> int:
    def forward(number: int, _frame: object) -> None:
        os.kill(child, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    while True:
        ended, status = os.wait()
        if ended == child:
            return status


def _start(program: Program, channel: int, complaints: int) -> NoReturn:
    """In a PID namespace this is process 1: it must reap, so the program is its child."""
    try:
        kernel.die_with_parent()
        _furnish(program)
        if "pid" in program.namespaces:
            child = os.fork()
            if child:
                os.close(complaints)
                _reap(child)
        _settle(program, channel)
        os.set_inheritable(complaints, False)  # noqa: FBT003  the function takes it by place only
        _execute(program)
    except OSError as error:
        os.write(complaints, str(error).encode())
    os._exit(_FAILED)


def _settle(program: Program, channel: int) -> None:
    """What the program itself finds: signals, ids, umask, folder, and filters before its calls."""
    for number in (signal.SIGINT, signal.SIGQUIT, *_FORWARDED):
        signal.signal(number, signal.SIG_DFL)
    if program.inner:
        _enter_user(program.inner)
    if program.processors is not None:
        allowed = sorted(os.sched_getaffinity(0))[: program.processors]
        os.sched_setaffinity(0, allowed)
    if program.umask is not None:
        os.umask(program.umask)
    if program.cwd is not None:
        os.chdir(program.cwd)
    if program.careless:
        with contextlib.suppress(OSError):  # it only saves time
            kernel.install_filter(careless_code(), listen=False)
    if channel >= 0:
        listener = kernel.install_filter(filter_code(), listen=True)
        with socket.socket(fileno=channel) as ready:
            send_descriptor(ready, listener)
        os.close(listener)


def _reap(child: int) -> NoReturn:
    status = _wait(child)
    if os.WIFSIGNALED(status):
        # The kernel shields process 1 from signals without a handler, so the number is passed on.
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def _execute(program: Program) -> NoReturn:
    env = dict(os.environ) if program.env is None else dict(program.env)
    try:
        os.execvpe(program.argv[0], program.argv, env)  # noqa: S606  a list, and no shell
    except FileNotFoundError:
        slug, reason, status = "not-found", "is not to be found", _NOT_FOUND
    except OSError as error:
        slug, reason, status = "not-executable", f"cannot be run: {error.strerror}", _NOT_EXECUTABLE
    where = "where it runs" if program.root is None else "in the image's root and on its PATH"
    sys.stderr.write(f"error[{slug}]: {program.argv[0]} {reason}\n  why: looked {where}\n")
    sys.stderr.flush()
    os._exit(status)


def _furnish(program: Program) -> None:
    """Mounts, host name and root, in the namespaces that were left for new ones."""
    if "mount" in program.namespaces:
        kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
        if program.root:
            kernel.mount(program.root, program.root, flags=kernel.MS_BIND | kernel.MS_REC)
        for mount in program.mounts:
            try:
                _mount(mount, program.root or "/")
            except OSError:
                if not mount.optional:
                    raise
    if "uts" in program.namespaces and program.host_name:
        kernel.set_host_name(program.host_name)
    if "net" in program.namespaces:
        kernel.raise_loopback()
    if program.root and "mount" in program.namespaces:
        kernel.pivot(program.root)
    elif program.root:
        os.chroot(program.root)
        os.chdir("/")


#: A terminal is a device, and a root has programs that are setuid.
_FLAGS = {"overlay": 0, "devpts": kernel.MS_NOSUID}


def _mount(mount: Mount, root: str) -> None:
    target = _within(root, mount.target)
    if mount.kind == "bind":
        _make_target(target, directory=os.path.isdir(mount.source))  # noqa: PTH112  likewise
        kernel.mount(mount.source, target, flags=kernel.MS_BIND | kernel.MS_REC)
        if mount.readonly:
            _seal(target)
    elif mount.kind == "dev":
        _make_target(target, directory=True)
        _mount_dev(target)
    else:
        _make_target(target, directory=True)
        flags = _FLAGS.get(mount.kind, kernel.MS_NOSUID | kernel.MS_NODEV)
        try:
            kernel.mount(mount.kind, target, mount.kind, flags, mount.options)
        except OSError:
            if mount.kind != "proc":
                raise
            # In a container that hides parts of /proc the kernel grants no new one, but its own.
            kernel.mount("/proc", target, flags=kernel.MS_BIND | kernel.MS_REC)


#: path_resolution(7): the kernel follows at most 40 symbolic links.
_MOST_LINKS = 40


def _within(root: str, path: str) -> str:
    """Where a path of the root lies outside; links in the root lead to places in the root."""
    names = path.split("/")[::-1]
    here: list[str] = []
    links = 0
    while names:
        name = names.pop()
        if name == "..":
            here = here[:-1]
        elif name not in {"", "."}:
            place = "/".join([root, *here, name])
            if not os.path.islink(place):  # noqa: PTH114  of text, not of a Path
                here.append(name)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(40, f"too many symbolic links: {path}")  # ELOOP
            target = os.readlink(place)  # noqa: PTH115  likewise
            here = [] if target.startswith("/") else here
            names += target.split("/")[::-1]
    return "/".join([root.rstrip("/"), *here])


def _seal(target: str) -> None:
    """Remount read-only; inside a user namespace the flags of the source are locked: keep them."""
    status = os.statvfs(target)
    flags = kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY
    flags |= kernel.MS_NOSUID if status.f_flag & os.ST_NOSUID else 0
    flags |= kernel.MS_NODEV if status.f_flag & os.ST_NODEV else 0
    flags |= kernel.MS_NOEXEC if status.f_flag & os.ST_NOEXEC else 0
    kernel.mount("none", target, flags=flags)


def _make_target(target: str, *, directory: bool) -> None:
    path = Path(target)
    if path.exists():
        return
    if directory:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _mount_dev(target: str) -> None:
    """Devices that every program expects, bound from the host's; all else is left out."""
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID, "mode=755,size=1m")
    place = Path(target)
    for node in _NODES:
        (place / node).touch()
        kernel.mount(f"/dev/{node}", str(place / node), flags=kernel.MS_BIND)
    for name, text in _LINKS.items():
        (place / name).symlink_to(text)
    for folder in ("pts", "shm"):
        (place / folder).mkdir()
    kernel.mount("tmpfs", str(place / "shm"), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV)


if __name__ == "__main__":
    main(sys.argv[1:])
