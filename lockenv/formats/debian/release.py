"""``Release`` files: the signed table of contents of one suite (DebianRepository/Format)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lockenv.formats.debian.deb822 import parse_stanzas
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:[A-Z][a-z]{2},\s+)?(\d{1,2})\s+([A-Z][a-z]{2})\s+(\d{4})\s+(\d{1,2}):(\d{2}):(\d{2})"
    r"\s+(?:UTC|GMT|Z|[+-]0000)",
    re.ASCII,
)
_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that a Release names: sha256 in hexadecimal digits, and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a Release says; dates are RFC 3339 in UTC, cut to seconds."""

    date: str
    valid_until: str | None = None
    origin: str = ""
    label: str = ""
    suite: str = ""
    codename: str = ""
    version: str = ""
    components: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    acquire_by_hash: bool = False
    not_automatic: bool = False
    automatic_upgrades: bool = False
    packages_for_all: bool = False
    files: Mapping[str, ListedFile] = field(default_factory=dict)


def parse_date(text: str) -> str:
    """RFC 2822's ``Sat, 09 Nov 2024 10:12:13 UTC`` as ``2024-11-09T10:12:13Z``; ValueError."""
    match = _DATE.fullmatch(text.strip())
    if match is None or match[2] not in _MONTHS:
        raise ValueError(f"not a date in UTC: {text[:100]!r}")
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    when = datetime(year, _MONTHS.index(match[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _listed(text: str) -> dict[str, ListedFile]:
    files: dict[str, ListedFile] = {}
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) != 3 or not _HEX.fullmatch(words[0]) or not words[1].isdecimal():
            raise ValueError(f"not a line of a SHA256 list: {line.strip()[:100]!r}")
        files[words[2].removeprefix("./")] = ListedFile(words[0].lower(), int(words[1]))
    return files


def parse_release(text: bytes) -> Release:
    """A Release whose signature has been verified; ValueError where it is malformed."""
    stanzas = list(parse_stanzas(text))
    if len(stanzas) != 1:
        raise ValueError("a Release must be one stanza")
    fields = stanzas[0]
    if "date" not in fields or "sha256" not in fields:
        raise ValueError("a Release must have Date and SHA256")

    def says_yes(name: str) -> bool:
        return fields.get(name, "no").lower() == "yes"

    valid_until = fields.get("valid-until")
    lists_all = "all" in fields.get("architectures", "").split()
    for_packages = fields.get("no-support-for-architecture-all", "").lower() == "packages"
    return Release(
        date=parse_date(fields["date"]),
        valid_until=parse_date(valid_until) if valid_until else None,
        origin=fields.get("origin", ""),
        label=fields.get("label", ""),
        suite=fields.get("suite", ""),
        codename=fields.get("codename", ""),
        version=fields.get("version", ""),
        components=tuple(fields.get("components", "").split()),
        architectures=tuple(fields.get("architectures", "").split()),
        acquire_by_hash=says_yes("acquire-by-hash"),
        not_automatic=says_yes("notautomatic"),
        automatic_upgrades=says_yes("butautomaticupgrades"),
        packages_for_all=lists_all and not for_packages,
        files=_listed(fields["sha256"]),
    )
