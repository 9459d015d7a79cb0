"""The locked system packages on a teammate's machine: present, another version, or missing.

A venv runs on the machine's own libraries. Nothing is ever installed here: what would help is
said, as one line for apt where the machine is of the locked suite, by generic names elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.formats.debian import parse_os_release, parse_status
from lockenv.model import PLATFORMS, Finding
from lockenv.tables.external import ecosystem, mapping
from lockenv.values import dataclass
from lockenv.workflows.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.model import Lock, LockedSystemPackage, LockedTarget

#: No status file of a real machine is that large: 5,000 packages have 8 MB.
_LARGEST = 64 << 20
#: A note of `sync` names so many packages at most.
_MOST_NAMED = 12
#: The roles of what was asked for, by the manifest or by a wheel.
_ASKED = {"requested", "native-library"}
_BASE_FIX = "use the image where the versions of the base system matter"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemHost:
    """A machine's distribution and packages; ``installed`` is None where there is no dpkg."""

    name: str = ""
    distribution: str = ""
    codename: str = ""
    installed: Mapping[tuple[str, str], str] | None = None


def read_host(root: Path = Path("/")) -> SystemHost:
    """What this machine's own files say of it."""
    text = _read(root / "etc/os-release") or _read(root / "usr/lib/os-release")
    release = parse_os_release(text.decode("utf-8", "replace"))
    status = _read(root / "var/lib/dpkg/status")
    return SystemHost(
        name=release.get("PRETTY_NAME", ""),
        distribution=release.get("ID", ""),
        codename=release.get("VERSION_CODENAME", ""),
        installed=parse_status(status) if status else None,
    )


def _read(path: Path) -> bytes:
    # By the way that is witnessed: a remembered answer must not outlive what is installed.
    try:
        return (read_bytes(path) or b"")[:_LARGEST]
    except OSError:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A target's system packages against a machine.

    ``is_same`` says that the machine is of the locked distribution and suite, so that versions can
    be the same. Elsewhere only what was asked for is looked at, by name where there is a dpkg.
    """

    target: str
    architecture: str
    suite: str
    host: SystemHost
    is_same: bool
    present: tuple[LockedSystemPackage, ...] = ()
    other: tuple[tuple[LockedSystemPackage, str], ...] = ()
    missing: tuple[LockedSystemPackage, ...] = ()
    generic: tuple[str, ...] = ()

    @property
    def apt_line(self) -> str:
        """The one line that would help, or empty; never one that changes the base system."""
        lacking = (*self.missing, *(package for package, _ in self.other))
        wanted = [package for package in lacking if "base" not in package.roles]
        return self.line_for(wanted) if wanted else ""

    def line_for(self, packages: Iterable[LockedSystemPackage]) -> str:
        """The line for some packages, by name; another suite cannot have the locked versions."""
        words = []
        for one in sorted(packages, key=lambda one: (one.name, one.architecture)):
            is_native = one.architecture in {"all", self.architecture}
            name = one.name if is_native else f"{one.name}:{one.architecture}"
            words.append(f"{name}={one.version}" if self.is_same else name)
        return f"apt-get install {' '.join(words)}"


def compare_system(lock: Lock, target: LockedTarget, host: SystemHost) -> Comparison:
    """Every system package of a target as this machine has it."""
    packages = [one for one in lock.system_packages if target.name in one.targets]
    states = [one for one in lock.system_archives if target.name in one.targets]
    distribution = next((one.name for one in states if one.name in {"debian", "ubuntu"}), "")
    codenames = {one.codename for one in states} | {target.suite}
    is_same = host.distribution == distribution and host.codename in codenames
    if not is_same:
        packages = [one for one in packages if _ASKED & set(one.roles)]
    present, other, missing = [], [], []
    for package in packages:
        version = _installed(host.installed or {}, package)
        if version is None:
            missing.append(package)
        elif version == package.version or not is_same:
            present.append(package)
        else:
            other.append((package, version))
    names = _generic_names(ecosystem(distribution, target.suite or ""))
    platform = PLATFORMS.get(target.platform)
    return Comparison(
        target=target.name,
        architecture=platform.debian_architecture if platform else "",
        suite=f"{distribution} {target.suite or ''}".strip(),
        host=host,
        is_same=is_same,
        present=tuple(present),
        other=tuple(other),
        missing=tuple(missing),
        generic=tuple(sorted({names.get(one.name, one.name) for one in missing})),
    )


def _installed(
    installed: Mapping[tuple[str, str], str], package: LockedSystemPackage
) -> str | None:
    exact = installed.get((package.name, package.architecture))
    # A package may become one for all architectures, or cease to be, between two versions.
    return exact or (installed.get((package.name, "all")) if exact is None else None)


def _generic_names(name: str | None) -> dict[str, str]:
    """Debian's names of packages to those that PEP 725 gives them everywhere."""
    found: dict[str, str] = {}
    if name is not None:
        for identifier, specs in sorted(mapping(name).items()):
            plain = identifier.rpartition("/")[2]
            packages = specs["run"]
            if len(packages) == 1 and len(plain) < len(found.get(packages[0], "~" * 99)):
                found[packages[0]] = plain
    return found


# -- what is said ---------------------------------------------------------------------------------


def system_findings(lock: Lock, target: LockedTarget, host: SystemHost) -> list[Finding]:
    """Each package that this machine lacks (LE401) or has in another version (LE402)."""
    found = compare_system(lock, target, host)
    if host.installed is None:
        if not found.generic:
            return []
        where = host.name or "this machine"
        return [
            Finding(
                code="LE401",
                message=f"{where} has no dpkg to ask: it needs {', '.join(found.generic)}",
                layer="system",
                severity="warning",
                target=target.name,
                fix="install them with its own package manager, or use the image",
            )
        ]
    findings = [
        _finding("LE401", found, one, f"{one.name} {one.version} is not installed here")
        for one in found.missing
    ]
    findings += [
        _finding("LE402", found, one, f"{one.name} is {version} here, locked is {one.version}")
        for one, version in found.other
    ]
    return sorted(findings, key=lambda finding: (finding.code, finding.message))


def _finding(code: str, found: Comparison, package: LockedSystemPackage, message: str) -> Finding:
    return Finding(
        code=code,
        message=message,
        layer="system",
        severity="warning",
        target=found.target,
        package=package.name,
        # No advice of ours changes the base system of a machine.
        fix=_BASE_FIX if "base" in package.roles else found.line_for([package]),
    )


def system_notes(lock: Lock, target: LockedTarget, host: SystemHost) -> list[str]:
    """What `sync` says of the system packages: one note, or none where all is well."""
    platform = PLATFORMS.get(target.platform)
    if platform is not None and not platform.is_linux:
        return _elsewhere(lock, target)
    found = compare_system(lock, target, host)
    if host.installed is None or not found.is_same:
        if not found.generic:
            return []
        where = host.name or "this machine"
        names = _shortened(found.generic)
        note = f"the lock's system packages are those of {found.suite}, this is {where}"
        return [f"{note}: make sure that it has {names} (LE401)"]
    if not found.apt_line:
        return []
    total = len(found.present) + len(found.missing) + len(found.other)
    counts = [
        f"{len(members)} {words}"
        for members, words in (
            (found.missing, "missing (LE401)"),
            (found.other, "in another version (LE402)"),
        )
        if members
    ]
    return [f"of {total} system packages {' and '.join(counts)} here: {_help(found)}"]


def _help(found: Comparison) -> str:
    """The line, unless it would be a wall: then what was asked for, and where the rest is told."""
    if found.apt_line.count("=") <= _MOST_NAMED:
        return found.apt_line
    lacking = (*found.missing, *(one for one, _ in found.other))
    asked = [one for one in lacking if _ASKED & set(one.roles)][:_MOST_NAMED]
    whole = "lockenv check --host prints the whole line"
    return f"{found.line_for(asked)} ({whole})" if asked else whole


def _elsewhere(lock: Lock, target: LockedTarget) -> list[str]:
    """Where Debian cannot be: what the other targets were given from it, by generic names."""
    names: set[str] = set()
    for other in lock.targets:
        if other.table == target.table and other.name != target.name:
            continue
        packages = [
            one
            for one in lock.system_packages
            if other.name in one.targets and _ASKED & set(one.roles)
        ]
        states = [one.name for one in lock.system_archives if other.name in one.targets]
        known = _generic_names(_ecosystem_of(states, other.suite))
        names |= {known.get(one.name, one.name) for one in packages}
    if not names:
        return []
    note = f"target {target.name} has no system packages, others have {_shortened(sorted(names))}"
    return [f"{note}: make sure that this machine has what it needs of them"]


def _ecosystem_of(archives: Iterable[str], suite: str | None) -> str | None:
    distribution = next((name for name in archives if name in {"debian", "ubuntu"}), "")
    return ecosystem(distribution, suite or "")


def _shortened(names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
