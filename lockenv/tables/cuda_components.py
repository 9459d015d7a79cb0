"""Which package holds which part of which toolkit release: the table ``cuda-components.json``."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.tables.cuda_data import read_table
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.fields import Fields

_SUFFIX = re.compile(r"-cu(\d\d)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitRelease:
    """One release: what ``cuda-toolkit`` of this version pins, and which extra holds what.

    ``version`` is the metapackage's (``13.0.3.0``), ``toolkit`` the release's own (``13.0.3``).
    """

    version: str
    toolkit: str
    uploaded: str
    pins: Mapping[str, str]
    extras: Mapping[str, tuple[str, ...]]
    prerelease: bool = False
    note: str = ""

    @property
    def minor(self) -> str:
        """``13.0``: what drivers and compilers are compared by."""
        return minor_of(self.toolkit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentVersion:
    """One version of a component's package.

    ``releases`` are those that pin it; a library-only release has none and stands ``after`` and
    ``before`` two of them, or has an inferred ``minor``. ``platforms`` are letters: L and A for
    linux on x86_64 and aarch64, W and X for windows on x86_64 and aarch64.
    """

    package: str
    version: str
    releases: tuple[str, ...]
    platforms: str
    uploaded: str
    inferred_minor: str | None = None
    after: str | None = None
    before: str | None = None
    how: str = ""

    @property
    def minor(self) -> str | None:
        """The toolkit minor that it belongs to, where one is known."""
        if self.releases:
            return minor_of(self.releases[0])
        if self.inferred_minor:
            return self.inferred_minor
        return minor_of(self.after) if self.after else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Soname:
    """A library of the toolkit; ``major`` is None where several majors share the name."""

    soname: str
    component: str
    major: int | None


@dataclass(frozen=True, kw_only=True)
class Components:
    """The whole table, with its questions. Names are normalised package names."""

    read: str
    source: str
    releases: Mapping[str, ToolkitRelease]
    packages: Mapping[str, Mapping[str, ComponentVersion]]
    standalone: Mapping[str, int]
    standalone_versions: Mapping[str, tuple[str, ...]]
    standalone_names: Mapping[str, str]
    redistributables: Mapping[str, tuple[str, ...]]
    with_nvcc: tuple[str, ...]
    aliases: Mapping[str, str]
    sonames: Mapping[str, Soname]
    driver_libraries: frozenset[str]
    name_patterns: tuple[str, ...] = field(default=())

    @cached_property
    def toolkits(self) -> tuple[str, ...]:
        """Every final release, newest first."""
        finals = {r.toolkit for r in self.releases.values() if not r.prerelease}
        return tuple(sorted(finals, key=Version, reverse=True))

    @cached_property
    def majors(self) -> tuple[int, ...]:
        """Every CUDA major that has a release, newest first."""
        return tuple(sorted({int(t.partition(".")[0]) for t in self.toolkits}, reverse=True))

    @cached_property
    def short_names(self) -> tuple[str, ...]:
        """What ``cuda.components`` may name (each also with ``-dev``), sorted."""
        named = {extra for release in self.releases.values() for extra in release.extras}
        return tuple(sorted(named | set(self.standalone_names) | set(self.aliases) - {"all"}))

    def is_runtime(self, name: str) -> bool:
        """Whether the package belongs to a runtime family: there a suffix is evidence."""
        return name in self.packages or name in self.standalone or self._stem(name) is not None

    def _stem(self, name: str) -> str | None:
        """The family of a suffixed name that the table has under another suffix or none."""
        found = _SUFFIX.search(name)
        if not found:
            return None
        stem = name[: found.start()]
        known = self._stems
        return stem if stem in known else None

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(_SUFFIX.sub("", name) for name in (*self.packages, *self.standalone))

    def major_of(self, name: str, version: str | None = None) -> int | None:
        """The CUDA major that a package's name (and version, where the name is bare) stands for."""
        if name == "cuda-toolkit":
            return _major(version)
        for pattern in self.name_patterns:
            found = re.fullmatch(pattern, name)
            if found and found.groups():
                return int(found.group(1))
        if name in self.standalone:
            return self.standalone[name]
        suffix = _SUFFIX.search(name)
        if suffix:
            return int(suffix.group(1)) if self.is_runtime(name) else None
        if name not in self.packages:
            return None
        return self._major_of_bare(name, version)

    def _major_of_bare(self, name: str, version: str | None) -> int | None:
        """Bare names began with CUDA 13; a later major shows in the version only."""
        rows = self.packages[name]
        majors = {int(m.partition(".")[0]) for row in rows.values() if (m := row.minor)}
        if version is None:
            return majors.pop() if len(majors) == 1 else None
        minor = self.minor_of(name, version)
        if minor:
            return int(minor.partition(".")[0])
        newest = max(rows, key=Version)
        try:
            same = Version(version).major == Version(newest).major
        except ValueError:
            return None
        return max(majors) if same and majors else None

    def minor_of(self, name: str, version: str) -> str | None:
        """The toolkit minor of a component's version: from the table, else from its number.

        Only packages whose numbers follow the toolkit (cudart, nvrtc, nvcc, …) say it themselves.
        """
        if name == "cuda-toolkit":
            return minor_of(version)
        row = self.packages.get(name, {}).get(version)
        if row is not None:
            return row.minor
        if name in self._self_numbered:
            return minor_of(version)
        return None

    @cached_property
    def _self_numbered(self) -> frozenset[str]:
        return frozenset(
            name
            for name, rows in self.packages.items()
            if all(minor_of(v) == row.minor for v, row in rows.items() if row.releases)
        )

    def releases_of(self, name: str, version: str) -> tuple[str, ...]:
        """The releases (metapackage versions) that pin this version, oldest first."""
        if name == "cuda-toolkit":
            return (version,) if version in self.releases else ()
        row = self.packages.get(name, {}).get(version)
        return row.releases if row else ()

    def pinned_version(self, release: str, name: str) -> str | None:
        """The version of a component that belongs to a release (a range gives its lower bound)."""
        for version, row in self.packages.get(name, {}).items():
            if release in row.releases:
                return version
        return None

    def component(self, short: str) -> str | None:
        """The canonical short name of what ``cuda.components`` wrote (``cublas-dev``: cublas)."""
        name = short.lower().removesuffix("-dev")
        name = self.aliases.get(name, name)
        return name if name in self.short_names else None


def minor_of(version: str) -> str:
    """The first two numbers of a version."""
    return ".".join(version.split(".")[:2])


def _major(version: str | None) -> int | None:
    head = (version or "").partition(".")[0]
    return int(head) if head.isdecimal() else None


@lru_cache(maxsize=1)
def components() -> Components:
    """The shipped component table."""
    return parse_components(read_table("cuda-components.json"))


def parse_components(table: Fields) -> Components:
    """The table that a parsed document holds; its complaints stay with ``table.faults``."""
    extras = {
        key: {extra: below.texts(extra) for extra in below.table}
        for key, below in table.named_tables("extras")
    }
    names = table.below("short_names")
    sonames = table.below("sonames")
    patterns = table.below("names")
    drivers = table.below("driver_libraries")
    parts = table.below("redistributables")
    return Components(
        read=table.required_text("read"),
        source=table.required_text("source"),
        releases={
            key: ToolkitRelease(
                version=key,
                toolkit=below.required_text("toolkit"),
                uploaded=below.required_text("uploaded"),
                pins=below.text_table("pins"),
                extras=extras.get(below.required_text("extras_like"), {}),
                prerelease=below.flag("prerelease") or False,
                note=below.text("note") or "",
            )
            for key, below in table.named_tables("releases")
        },
        packages={
            name: {row.version: row for row in _versions(name, below)}
            for name, below in table.named_tables("packages")
        },
        standalone={
            name: below.integer("cuda_major") or 0
            for name, below in table.named_tables("standalone")
        },
        standalone_versions={
            name: tuple(versions.table)
            for name, below in table.named_tables("standalone")
            if (versions := below.below("versions")) is not None
        },
        redistributables=_keys(parts),
        with_nvcc=parts.texts("with_nvcc") if parts else (),
        standalone_names=names.text_table("standalone") if names else {},
        aliases=names.text_table("aliases") if names else {},
        sonames={
            name: Soname(
                soname=name,
                component=below.required_text("component"),
                major=below.integer("major") if below.raw("major") is not None else None,
            )
            for name, below in (sonames.named_tables("rows") if sonames else ())
        },
        driver_libraries=frozenset(drivers.texts("rows") if drivers else ()),
        name_patterns=tuple(
            row.required_text("pattern") for row in (patterns.tables("rows") if patterns else ())
        ),
    )


def _versions(package: str, table: Fields) -> Iterator[ComponentVersion]:
    for version in table.table:
        row = table.below(version)
        if row is None:
            continue
        yield ComponentVersion(
            package=package,
            version=version,
            releases=row.texts("cuda"),
            platforms=row.required_text("on"),
            uploaded=row.required_text("up"),
            inferred_minor=row.text("minor"),
            after=row.text("after") if row.raw("after") is not None else None,
            before=row.text("before") if row.raw("before") is not None else None,
            how=row.text("how") or "",
        )


def _keys(parts: Fields | None) -> dict[str, tuple[str, ...]]:
    rows = parts.below("rows") if parts else None
    return {short: rows.texts(short) for short in rows.table} if rows else {}
