"""A target: what is locked for. A pure value, from which everything a marker or tag asks follows.

Marker environments follow the Dependency specifiers specification (PEP 508), wheel tags PEP 425,
600 (manylinux), 656 (musllinux) and 703 (free-threaded). Nothing here looks at this machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A kind of machine: ``sys_platform`` and friends as CPython reports them there."""

    name: str
    system: str
    sys_platform: str
    os_name: str
    machine: str
    libc: str

    @property
    def is_linux(self) -> bool:
        """Whether containers and system packages can exist there."""
        return self.system == "Linux"

    @property
    def debian_architecture(self) -> str:
        """Debian's word for the machine."""
        return {"x86_64": "amd64", "aarch64": "arm64"}.get(self.machine, self.machine)

    @property
    def oci_architecture(self) -> str:
        """OCI's (Go's) word for the machine."""
        return self.debian_architecture


def _linux(name: str, machine: str, libc: str) -> Platform:
    return Platform(
        name=name, system="Linux", sys_platform="linux", os_name="posix", machine=machine, libc=libc
    )


def _macos(name: str, machine: str) -> Platform:
    return Platform(
        name=name,
        system="Darwin",
        sys_platform="darwin",
        os_name="posix",
        machine=machine,
        libc="macos",
    )


PLATFORMS: dict[str, Platform] = {
    platform.name: platform
    for platform in (
        _linux("linux-x86_64", "x86_64", "glibc"),
        _linux("linux-aarch64", "aarch64", "glibc"),
        _linux("linux-x86_64-musl", "x86_64", "musl"),
        _linux("linux-aarch64-musl", "aarch64", "musl"),
        _macos("macos-arm64", "arm64"),
        _macos("macos-x86_64", "x86_64"),
        Platform(
            name="windows-x86_64",
            system="Windows",
            sys_platform="win32",
            os_name="nt",
            machine="AMD64",
            libc="",
        ),
    )
}

#: What a target accepts when its manifest does not say: glibc of RHEL 8 and Debian 10 on, musl of
#: Alpine 3.12 on, the oldest macOS that current wheels are built for.
DEFAULT_LEVELS = {"glibc": "2.28", "musl": "1.2", "macos": "14.0", "": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One cell of what is locked: platform, exact interpreter and the oldest libc to run on.

    ``python`` is the full version (``3.13.0``, ``3.14.0rc1``); ``level`` is the version of glibc,
    musl or macOS that wheels must run on. ``table`` names the manifest's target that this is a
    cell of; ``environment`` the separately solved environment, or the empty string.
    """

    name: str
    platform: Platform
    python: str
    level: str
    freethreaded: bool = False
    table: str = ""
    environment: str = ""

    @property
    def python_minor(self) -> str:
        """``3.13``, as ``python_version`` has it."""
        major, minor, *_ = self.python.split(".")
        return f"{major}.{minor}"

    @property
    def markers(self) -> dict[str, str]:
        """The marker environment; ``extra`` is the evaluator's affair.

        ``platform_release`` and ``platform_version`` are those of a kernel nobody knows yet: empty.
        """
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": self.platform.os_name,
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.platform.system,
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": self.python_minor,
            "sys_platform": self.platform.sys_platform,
        }

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The wheel tags that it accepts, best first."""
        return _tags(
            self.platform.name, self.python_minor, self.level, freethreaded=self.freethreaded
        )


def _platform_tags(platform: Platform, level: str) -> Iterator[str]:
    major, _, minor = level.partition(".")
    if platform.libc == "glibc":
        yield from _manylinux(platform.machine, int(major), int(minor))
        yield f"linux_{platform.machine}"
    elif platform.libc == "musl":
        for older in range(int(minor), -1, -1):
            yield f"musllinux_{major}_{older}_{platform.machine}"
        yield f"linux_{platform.machine}"
    elif platform.libc == "macos":
        yield from mac_platforms((int(major), int(minor or 0)), platform.machine)
    else:
        yield "win_amd64"


#: PEP 600: the older spellings that mean a glibc level, for the machines that they existed for.
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
#: The oldest glibc that ever had wheels of a machine: x86_64 from CentOS 5, aarch64 from CentOS 7.
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}


def _manylinux(machine: str, major: int, minor: int) -> Iterator[str]:
    for older in range(minor, _OLDEST_GLIBC[machine] - 1, -1):
        yield f"manylinux_{major}_{older}_{machine}"
        legacy = _LEGACY_MANYLINUX.get((major, older))
        if legacy:
            yield f"{legacy}_{machine}"


@lru_cache(maxsize=64)
def _tags(platform: str, minor: str, level: str, *, freethreaded: bool) -> tuple[Tag, ...]:
    version = tuple(int(part) for part in minor.split("."))
    platforms = list(_platform_tags(PLATFORMS[platform], level))
    abi = f"cp{version[0]}{version[1]}" + ("t" if freethreaded else "")
    interpreter = f"cp{version[0]}{version[1]}"
    return (
        *cpython_tags(version, abis=[abi], platforms=platforms),
        *compatible_tags(version, interpreter=interpreter, platforms=platforms),
    )
