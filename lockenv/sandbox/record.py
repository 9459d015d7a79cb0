"""Recorded ownership: in a user namespace of one id, chown succeeds and is written down.

A seccomp filter hands the calls that change owners, and those that change a process's own ids, to
this supervisor (seccomp_unotify(2)). It answers that they succeeded and keeps which file should
belong to whom. The files stay open as long as the record lives, so that no inode number is reused.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING

from lockenv.sandbox import filters

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_FDCWD = 0xFFFFFF9C
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_EMPTY_PATH = 0x1000
_UNCHANGED = 0xFFFFFFFF

#: The numbers of the calls in question, by architecture.
_CHOWN, _FCHOWN, _LCHOWN, _FCHOWNAT, _OWN_IDS = "chown", "fchown", "lchown", "fchownat", "ids"
_CALLS: dict[int, dict[str, tuple[int, ...]]] = {
    filters.X86_64: {
        _CHOWN: (92,),
        _FCHOWN: (93,),
        _LCHOWN: (94,),
        _FCHOWNAT: (260,),
        _OWN_IDS: (105, 106, 113, 114, 116, 117, 119, 122, 123),
    },
    filters.I386: {  # the calls with ids of 16 and of 32 bits
        _CHOWN: (182, 212),
        _FCHOWN: (95, 207),
        _LCHOWN: (16, 198),
        _FCHOWNAT: (298,),
        _OWN_IDS: (23, 46, 70, 71, 81, 164, 170, 203, 204, 206, 208, 210, 213, 214),
    },
    filters.AARCH64: {
        _FCHOWN: (55,),
        _FCHOWNAT: (54,),
        _OWN_IDS: (143, 144, 145, 146, 147, 149, 151, 152, 159),
    },
}
# _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp).
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")


def filter_code() -> bytes:
    """The BPF program: the calls above are handed to the supervisor, all others go through."""
    numbers = {
        architecture: tuple(number for group in calls.values() for number in group)
        for architecture, calls in _CALLS.items()
    }
    return filters.filter_code(numbers, filters.RET_USER_NOTIF)


def send_descriptor(channel: socket.socket, descriptor: int) -> None:
    """Hand an open descriptor to the process at the other end."""
    channel.sendmsg(
        [b"1"],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]).tobytes())],
    )


def _received(channel: socket.socket) -> int | None:
    _, ancillary, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            return int(array.array("i", data[:4])[0])
    return None


class OwnershipRecord:
    """Who should own what in a root; filled by supervising programs that run in it."""

    def __init__(self) -> None:
        self._owners: dict[tuple[int, int], tuple[int, int]] = {}
        self._open: dict[tuple[int, int], int] = {}
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)

    def close(self) -> None:
        """Let go of the files; the record is empty afterwards."""
        for descriptor in self._open.values():
            os.close(descriptor)
        os.close(self._proc)
        self._open.clear()
        self._owners.clear()

    def owner(self, status: os.stat_result) -> tuple[int, int]:
        """Whose the file should be: as recorded, or root's."""
        return self._owners.get((status.st_dev, status.st_ino), (0, 0))

    def set_owners(self, owners: Iterable[tuple[str, int, int]]) -> None:
        """Record paths (absolute, outside the sandbox) as if a program had changed their owners."""
        for path, uid, gid in owners:
            self._record(os.open(path, os.O_PATH | os.O_NOFOLLOW), uid, gid)

    def supervise(self, channel: socket.socket) -> threading.Thread:
        """Answer the program that sends its listener through ``channel``, until it has ended."""
        thread = threading.Thread(target=self._supervise, args=(channel,), daemon=True)
        thread.start()
        return thread

    def _supervise(self, channel: socket.socket) -> None:
        with channel:
            listener = _received(channel)
        if listener is None:
            return
        try:
            poll = select.poll()
            poll.register(listener, select.POLLIN)
            while True:
                events = poll.poll()
                if any(event & select.POLLIN for _, event in events):
                    self._answer(listener)
                elif events:
                    return
        finally:
            os.close(listener)

    def _answer(self, listener: int) -> None:
        buffer = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, buffer)
        except OSError:
            return  # the program was killed between its call and our answer
        notice, pid, _, number, architecture, _, *arguments = _NOTICE.unpack(buffer)
        error = 0
        try:
            self._perform(pid, architecture & 0xFFFFFFFF, number, arguments)
        except OSError as problem:
            error = -(problem.errno or 1)
        with contextlib.suppress(OSError):  # likewise
            fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(notice, 0, error, 0)))

    def _perform(self, pid: int, architecture: int, number: int, arguments: list[int]) -> None:
        groups = _CALLS.get(architecture, {})
        kind = next((name for name, numbers in groups.items() if number in numbers), _OWN_IDS)
        low = [argument & 0xFFFFFFFF for argument in arguments]
        if kind == _FCHOWN:
            descriptor = os.open(f"{pid}/fd/{low[0]}", os.O_PATH, dir_fd=self._proc)
            self._record(descriptor, low[1], low[2])
        elif kind in {_CHOWN, _LCHOWN}:
            found = self._resolve(pid, _AT_FDCWD, arguments[0], follow=kind == _CHOWN)
            self._record(found, low[1], low[2])
        elif kind == _FCHOWNAT:
            if low[4] & _AT_EMPTY_PATH and not self._text(pid, arguments[1]):
                place = "cwd" if low[0] == _AT_FDCWD else f"fd/{low[0]}"
                found = os.open(f"{pid}/{place}", os.O_PATH, dir_fd=self._proc)
            else:
                follow = not low[4] & _AT_SYMLINK_NOFOLLOW
                found = self._resolve(pid, low[0], arguments[1], follow=follow)
            self._record(found, low[2], low[3])

    def _text(self, pid: int, address: int) -> str:
        memory = os.open(f"{pid}/mem", os.O_RDONLY, dir_fd=self._proc)
        try:
            text = b""
            while b"\0" not in text and len(text) < 4096:
                # Never across a page, as the next one may not be mapped.
                count = 4096 - (address + len(text)) % 4096
                text += os.pread(memory, count, address + len(text))
        finally:
            os.close(memory)
        return os.fsdecode(text.partition(b"\0")[0])

    def _resolve(self, pid: int, base: int, address: int, *, follow: bool) -> int:
        """The file that the program means, found from its own root, working directory or handle."""
        text = self._text(pid, address)
        root = os.open(f"{pid}/root", os.O_PATH, dir_fd=self._proc)
        if text.startswith("/"):
            start = os.dup(root)
        else:
            place = "cwd" if base == _AT_FDCWD else f"fd/{base}"
            start = os.open(f"{pid}/{place}", os.O_PATH, dir_fd=self._proc)
        try:
            return _walk(root, start, text, follow=follow)
        finally:
            os.close(root)

    def _record(self, descriptor: int, uid: int, gid: int) -> None:
        status = os.fstat(descriptor)
        key = (status.st_dev, status.st_ino)
        before = self._owners.get(key, (0, 0))
        self._owners[key] = (
            before[0] if uid == _UNCHANGED else uid,
            before[1] if gid == _UNCHANGED else gid,
        )
        if key in self._open:
            os.close(descriptor)
        else:
            self._open[key] = descriptor


#: path_resolution(7): the kernel follows at most 40 symbolic links.
_MOST_LINKS = 40


def _walk(root: int, start: int, text: str, *, follow: bool) -> int:
    """Resolve a path by hand, one name after another, so that no link leads out of ``root``."""
    top = os.fstat(root)
    names = [name for name in text.split("/") if name not in {"", "."}]
    here, links = start, 0
    while names:
        name = names.pop(0)
        status = os.fstat(here)
        if name == ".." and (status.st_dev, status.st_ino) == (top.st_dev, top.st_ino):
            continue
        try:
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
            target = _link_target(found) if names or follow else None
        except OSError:
            os.close(here)
            raise
        if target is None:
            os.close(here)
            here = found
            continue
        os.close(found)
        links += 1
        if links > _MOST_LINKS:
            os.close(here)
            raise OSError(40, "too many symbolic links")  # ELOOP
        if target.startswith("/"):
            os.close(here)
            here = os.dup(root)
        names = [part for part in target.split("/") if part not in {"", "."}] + names
    return here


def _link_target(descriptor: int) -> str | None:
    """Where the open symbolic link leads, or None if it is none."""
    try:
        # An empty path with a handle: readlinkat(2) of the handle itself.
        return os.readlink("", dir_fd=descriptor)
    except OSError:
        return None
