"""What the base image of a cell brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.debian import parse_os_release, parse_status
from lockenv.sources.debian import glibc_level, python_version
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.materialize import BaseFacts


@dataclass(frozen=True, slots=True)
class BasePackage:
    """A package of Debian's that a base image has."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBase:
    """What a cell's base image has: its packages (a dpkg status file) and its libraries."""

    reference: str
    facts: BaseFacts

    @property
    def packages(self) -> tuple[BasePackage, ...]:
        """The installed packages."""
        found = parse_status(self.facts.status.encode())
        return tuple(BasePackage(name, version) for (name, _), version in sorted(found.items()))

    @property
    def release(self) -> Mapping[str, str]:
        """What its os-release(5) says."""
        return parse_os_release(self.facts.release)

    @property
    def python(self) -> str | None:
        """The version of Debian's Python in it, or None without one."""
        return python_version(self.packages)

    @property
    def glibc(self) -> str | None:
        """The level of glibc that wheels can count on, or None without a libc6."""
        return glibc_level(self.packages)
