"""Tiny ELF files and fat binaries, byte by byte, for what reads their headers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BASE = 64 + 2 * 56


def elf(
    *,
    needed: Sequence[str] = (),
    soname: str | None = None,
    runpath: str | None = None,
    machine: int = 62,
    fatbin: bytes = b"",
) -> bytes:
    """A 64-bit little-endian shared object: headers, ``.dynstr``, fat binary, dynamic section.

    There is no code in it and no section table; what follows the dynamic segment can read it.
    """
    strings = b"\0"
    entries: list[tuple[int, int]] = []

    def string(text: str) -> int:
        nonlocal strings
        place = len(strings)
        strings += text.encode() + b"\0"
        return place

    entries += [(1, string(name)) for name in needed]
    if soname:
        entries.append((14, string(soname)))
    if runpath:
        entries.append((29, string(runpath)))
    strings += b"\0" * (-len(strings) % 8)
    entries += [(5, _BASE), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    at = _BASE + len(strings) + len(fatbin)
    total = at + len(dynamic)
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, total, total, 4096)
    segment = struct.pack("<IIQQQQQQ", 2, 6, at, at, at, len(dynamic), len(dynamic), 8)
    return header + load + segment + strings + fatbin + dynamic


def fatbin(*codes: tuple[str, int] | tuple[str, int, str], payload: bytes = b"\xaa" * 40) -> bytes:
    """One container: ``("cubin", 80)``, ``("cubin", 90, "a")`` or ``("ptx", 90, "8.5")`` each."""
    entries = b""
    for kind, arch, *more in codes:
        note = more[0] if more else ""
        flags = 0x11 | (1 << 20 if note == "a" else 0)
        major, minor = (int(n) for n in note.split(".")) if "." in note else (0, 0)
        entries += struct.pack(
            "<HHIQIIHHIIIQQQ",
            1 if kind == "ptx" else 2,
            0x101,
            64,
            len(payload),
            0,
            0,
            minor,
            major,
            arch,
            0,
            0,
            flags,
            0,
            0,
        )[:64].ljust(64, b"\0")
        entries += payload
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entries)) + entries
