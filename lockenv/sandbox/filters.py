"""seccomp filters in BPF: which system calls are answered by somebody else than the kernel."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# <linux/audit.h>: the architectures whose programs can run here.
X86_64, I386, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7
# <linux/seccomp.h>: what may be done with a call.
RET_ERRNO, RET_USER_NOTIF, RET_ALLOW = 0x00050000, 0x7FC00000, 0x7FFF0000
# BPF: load a word at an offset, jump if equal, return; seccomp_data has nr at 0 and arch at 4.
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06

#: fsync, fdatasync, sync, syncfs, sync_file_range, msync.
_SYNCS = {
    X86_64: (26, 74, 75, 162, 277, 306),
    I386: (36, 118, 144, 148, 314, 344),
    AARCH64: (81, 82, 83, 84, 227, 267),
}


def filter_code(calls: Mapping[int, tuple[int, ...]], action: int) -> bytes:
    """The BPF program that does ``action`` with these calls, by architecture; others go through."""
    code: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, 4)]
    for architecture, group in sorted(calls.items()):
        numbers = sorted(group)
        code.append((_JUMP_EQUAL, 0, len(numbers) + 3, architecture))
        code.append((_LOAD, 0, 0, 0))
        for place, number in enumerate(numbers):
            code.append((_JUMP_EQUAL, len(numbers) - place, 0, number))
        code.append((_RETURN, 0, 0, RET_ALLOW))
        code.append((_RETURN, 0, 0, action))
    code.append((_RETURN, 0, 0, RET_ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in code)


def careless_code() -> bytes:
    """Answers every wish to wait for the disk with success at once.

    dpkg waits for it hundreds of times; a root that is not whole when the power fails is thrown
    away anyway.
    """
    return filter_code(_SYNCS, RET_ERRNO)
