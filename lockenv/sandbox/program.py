"""What to run in a sandbox, as a value that crosses to the process which makes it."""

from __future__ import annotations

import json

from lockenv.values import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Something to be seen at ``target``, a path inside the root.

    ``kind`` is bind (of ``source``, a path outside, file or directory), tmpfs, proc, devpts, dev (a
    tmpfs with the harmless nodes) or overlay (then ``options`` are mount(8)'s). With ``optional``
    the program runs without it where the kernel refuses.
    """

    kind: str
    target: str
    source: str = ""
    options: str = ""
    readonly: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMap:
    """A user namespace to enter: runs of ids as (inside, outside, count).

    ``helpers``: newuidmap and newgidmap write the maps, which only they may for sub-ids.
    """

    uids: tuple[tuple[int, int, int], ...]
    gids: tuple[tuple[int, int, int], ...]
    helpers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program, and the sandbox around it.

    ``root`` becomes its root directory (None: it keeps ours). ``namespaces`` are among mount,
    pid, ipc, uts and net. ``user`` is entered first, ``inner`` last. ``umask``, ``cwd`` and
    ``env`` are exactly the program's; ``env`` None keeps ours. ``session``: a terminal of its own,
    that is none. ``processors``: how many of the machine's it may see and use.
    ``careless``: it need not wait for the disk.
    """

    argv: tuple[str, ...]
    root: str | None = None
    namespaces: tuple[str, ...] = ()
    user: UserMap | None = None
    inner: UserMap | None = None
    mounts: tuple[Mount, ...] = ()
    env: tuple[tuple[str, str], ...] | None = None
    cwd: str | None = None
    umask: int | None = None
    host_name: str | None = None
    session: bool = False
    processors: int | None = None
    careless: bool = False


def render_program(program: Program) -> bytes:
    """The program as JSON."""
    return json.dumps(asdict(program)).encode()


def _user(value: dict[str, list[list[int]] | bool] | None) -> UserMap | None:
    if value is None:
        return None
    uids, gids = value["uids"], value["gids"]
    if isinstance(uids, bool) or isinstance(gids, bool):
        raise TypeError("a map of ids is a list")
    return UserMap(
        uids=tuple((run[0], run[1], run[2]) for run in uids),
        gids=tuple((run[0], run[1], run[2]) for run in gids),
        helpers=bool(value["helpers"]),
    )


def parse_program(text: bytes) -> Program:
    """The program that `render_program` wrote; trusted, as it never leaves this machine."""
    value = json.loads(text)
    env = value["env"]
    return Program(
        argv=tuple(value["argv"]),
        root=value["root"],
        namespaces=tuple(value["namespaces"]),
        user=_user(value["user"]),
        inner=_user(value["inner"]),
        mounts=tuple(Mount(**mount) for mount in value["mounts"]),
        env=None if env is None else tuple((name, text) for name, text in env),
        cwd=value["cwd"],
        umask=value["umask"],
        host_name=value["host_name"],
        session=value["session"],
        processors=value["processors"],
        careless=value["careless"],
    )
