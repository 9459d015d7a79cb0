"""The system calls that Python 3.11 has no function for: namespaces, mounts, seccomp (Linux)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct

# clone(2), mount(2), umount2(2), seccomp(2), netdevice(7): numbers of the kernel's interface.
CLONE = {
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_GET_ACTION_AVAIL = 2
_SECCOMP_NEW_LISTENER = 8
_RET_USER_NOTIF = 0x7FC00000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

#: Numbers that differ between architectures: pivot_root(2) and seccomp(2).
_NUMBERS = {"x86_64": (155, 317), "aarch64": (41, 277)}


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(*kinds: str) -> None:
    """Leave these namespaces for new ones."""
    flags = 0
    for kind in kinds:
        flags |= CLONE[kind]
    _check(_library().unshare(flags), f"unshare {' '.join(kinds)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Put a file system, or a part of one, at a place."""
    _check(
        _library().mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            os.fsencode(options) or None,
        ),
        f"mount {kind or source} on {target}",
    )


def set_host_name(name: str) -> None:
    """sethostname(2); `socket.sethostname` needs no help, but keeps all calls in one place."""
    socket.sethostname(name)


def pivot(root: str) -> None:
    """Make a mount point the root of this mount namespace and forget the former one."""
    number = _NUMBERS[platform.machine()][0]
    os.chdir(root)
    _check(_library().syscall(ctypes.c_long(number), b".", b"."), f"pivot_root {root}")
    _check(_library().umount2(b".", _MNT_DETACH), "umount of the former root")
    os.chdir("/")


def die_with_parent(number: int = 9) -> None:
    """Have the kernel kill this process, or send it a signal, when the one that made it ends."""
    _library().prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def raise_loopback() -> None:
    """Bring the network namespace's own ``lo`` up, so that a program can talk to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def can_notify() -> bool:
    """Whether the kernel lets a supervisor answer system calls (seccomp user notification, 5.0)."""
    number = _NUMBERS.get(platform.machine(), (0, 0))[1]
    action = ctypes.c_uint32(_RET_USER_NOTIF)
    return bool(number) and (
        _library().syscall(
            ctypes.c_long(number),
            ctypes.c_ulong(_SECCOMP_GET_ACTION_AVAIL),
            ctypes.c_ulong(0),
            ctypes.byref(action),
        )
        == 0
    )


def install_filter(code: bytes, *, listen: bool) -> int:
    """Put a BPF program before this process's system calls; with ``listen`` a descriptor."""
    number = _NUMBERS[platform.machine()][1]
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    library = _library()
    return _check(
        library.syscall(
            ctypes.c_long(number),
            ctypes.c_ulong(_SECCOMP_SET_MODE_FILTER),
            ctypes.c_ulong(_SECCOMP_NEW_LISTENER if listen else 0),
            ctypes.byref(program),
        ),
        "seccomp",
    )
