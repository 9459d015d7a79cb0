"""What unpacking a ``.deb`` makes of it: names in dpkg's database, conffiles, merged directories.

Pure decisions after deb-conffiles(5), deb-control(5) and dpkg's own database layout.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.formats.tar import checked_path
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Debian Policy 9.1: since bookworm these are links into /usr on every system.
MERGED_DIRECTORIES = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
#: Policy 5.6.7, 5.6.8, 5.6.12: what names and versions are made of.
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"[0-9A-Za-z.+~:-]+")


@dataclass(frozen=True, slots=True)
class Conffile:
    """One line of deb-conffiles(5): the path without its leading slash."""

    path: str
    removed_on_upgrade: bool = False


def parse_control(text: bytes, name: str) -> dict[str, str]:
    """The fields of a control file in order; continuation lines keep their leading blank.

    IntegrityError where Package, Version or Architecture is missing or could not be a file's name.
    """
    fields: dict[str, str] = {}
    last = ""
    for line in text.decode("utf-8", "replace").splitlines():
        if line[:1] in {" ", "\t"} and last:
            fields[last] += "\n" + line
        elif ":" in line:
            last, _, value = line.partition(":")
            fields[last] = value.strip()
    sound = (
        _NAME.fullmatch(fields.get("Package", ""))
        and _VERSION.fullmatch(fields.get("Version", ""))
        and _NAME.fullmatch(fields.get("Architecture", ""))
    )
    if not sound:
        raise IntegrityError(
            "broken-deb",
            f"{name} is not a Debian package that can be read",
            why=("its control file lacks a valid Package, Version or Architecture",),
            fix="do not use this file; fetch it again or tell its publisher",
        )
    return fields


def info_name(fields: Mapping[str, str]) -> str:
    """What the package's files in ``var/lib/dpkg/info`` begin with."""
    if fields.get("Multi-Arch", "").strip() == "same":
        return f"{fields['Package']}:{fields['Architecture']}"
    return fields["Package"]


def parse_conffiles(text: bytes, name: str) -> tuple[Conffile, ...]:
    """The configuration files that a package declares, in its order."""
    found = []
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        words = line.strip()
        removed = words.startswith("remove-on-upgrade ")
        path = words.removeprefix("remove-on-upgrade ").strip()
        if path:
            found.append(Conffile(checked_path(path, name), removed))
    return tuple(found)


def merged_path(path: str) -> str:
    """The path as it is once ``/bin``, ``/lib`` and so on are links into ``/usr``."""
    first, slash, _ = path.partition("/")
    return f"usr/{path}" if slash and first in MERGED_DIRECTORIES else path
