"""Debian's version numbers and their order (Debian Policy 5.6.12, deb-version(7))."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from lockenv.patterns import pattern

#: What orders versions: epoch, then the parts of upstream version and revision.
VersionKey: TypeAlias = tuple[int, tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]

_PARTS = pattern(r"([^0-9]*)([0-9]*)")
_VALID = pattern(r"(?:[0-9]{1,10}:)?[0-9A-Za-z.+~:-]+", re.ASCII)
#: The longest text that is taken for a version: file names end at 255 bytes, and Python refuses to
#: read numbers of more than 4,300 digits.
_LONGEST = 4000
#: The end of a part sorts after a tilde and before everything else; letters before the rest.
_END = "\x02"
_ORDER = {ord("~"): "\x01"} | {
    code: chr(code + 0x100)
    for code in range(0x20, 0x7F)
    if not chr(code).isalpha() and chr(code) != "~"
}


def is_version(text: str) -> bool:
    """Whether the text can be a version at all."""
    return len(text) <= _LONGEST and _VALID.fullmatch(text) is not None


def _parts(text: str) -> tuple[tuple[str, int], ...]:
    # The pattern matches the empty string at the end, so every list ends in (_END, 0): that makes
    # `1.0` greater than `1.0~rc1` and less than `1.0.1`. No revision means revision 0.
    return tuple(
        (other.translate(_ORDER) + _END, int(digits or 0))
        for other, digits in _PARTS.findall(text or "0")
    )


@lru_cache(maxsize=1 << 16)
def version_key(version: str) -> VersionKey:
    """A value that compares as the version does; anything that is no version sorts somewhere."""
    head, colon, rest = version[:_LONGEST].partition(":")
    epoch = 0
    if colon and head.isascii() and head.isdecimal():
        epoch = int(head)
    elif colon:
        rest = version[:_LONGEST]
    else:
        rest = head
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = revision, ""
    return epoch, _parts(upstream), _parts(revision)


def compare_versions(a: str, b: str) -> int:
    """-1, 0 or 1 as ``a`` is older than, the same as or newer than ``b``."""
    if a == b:
        return 0
    one, two = version_key(a), version_key(b)
    return (one > two) - (one < two)


def version_fits(version: str, operator: str, wanted: str) -> bool:
    """Whether a version stands in the relation that Debian's operator means to another."""
    order = compare_versions(version, wanted)
    match operator:
        case "=":
            return order == 0
        case ">=" | ">":
            # Policy 7.1: the deprecated `>` and `<` mean `>=` and `<=`.
            return order >= 0
        case "<=" | "<":
            return order <= 0
        case ">>":
            return order > 0
        case "<<":
            return order < 0
        case "!=":
            return order != 0
        case _:
            raise ValueError(f"not an operator of Debian's: {operator!r}")


def without_epoch(version: str) -> str:
    """The version as file names have it."""
    return version.partition(":")[2] if ":" in version else version
