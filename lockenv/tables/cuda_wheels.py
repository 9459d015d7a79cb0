"""What real wheels contain, learned by reading them: the table ``cuda-wheels.json``."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockenv.tables.cuda_data import read_table
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLibrary:
    """One shared library: its GPU code and the CUDA libraries that it links.

    ``base`` are the capabilities that at least half as many cubins as the best-covered one carry,
    ``few`` those that only some carry, ``ptx`` those with PTX; ``cubins`` counts the cubins.
    """

    path: str
    base: tuple[str, ...] = ()
    few: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    cubins: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """One wheel that was read; ``partial`` where only its main libraries were."""

    package: str
    version: str
    file: str
    sha256: str
    libraries: tuple[WheelLibrary, ...]
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelRange:
    """What holds for a span of versions of a project, where nothing better is known."""

    package: str
    versions: SpecifierSet
    machine: str | None
    major: int | None
    archs: tuple[str, ...]
    ptx: tuple[str, ...]
    needs: tuple[str, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """The whole table, with its questions.

    ``gpu_projects`` are those whose wheel without CUDA is a CPU build, ``alternatives`` bring a
    library for each CUDA release, ``quiet`` need nothing of CUDA but the driver,
    ``side_libraries`` are used only on the GPUs that they have code for.
    """

    read: str
    wheels: tuple[WheelFacts, ...]
    ranges: tuple[WheelRange, ...]
    gpu_projects: frozenset[str]
    alternatives: frozenset[str]
    quiet: frozenset[str]
    side_libraries: frozenset[str]

    @cached_property
    def _by_hash(self) -> Mapping[str, WheelFacts]:
        return {row.sha256: row for row in self.wheels}

    @cached_property
    def projects(self) -> frozenset[str]:
        """Every project that the table says something about."""
        read = {row.package for row in self.wheels}
        return frozenset(read | {row.package for row in self.ranges})

    def by_hash(self, sha256: str) -> WheelFacts | None:
        """The wheel with this digest, if it was read."""
        return self._by_hash.get(sha256)

    def same_release(self, package: str, version: str, platform: str) -> WheelFacts | None:
        """Another wheel of this release for the same machine (another Python, usually).

        ``platform`` is the file name's platform tag; machines are compared by its end.
        """
        for row in self.wheels:
            if row.package == package and row.version == version:
                tag = row.file.removesuffix(".whl").rpartition("-")[2]
                if _machine(tag) == _machine(platform):
                    return row
        return None

    def range_of(self, package: str, version: str, machine: str) -> WheelRange | None:
        """The span that a version lies in, the first that fits the machine."""
        try:
            parsed = Version(version)
        except ValueError:
            return None
        public = Version(parsed.public)
        for row in self.ranges:
            if row.package != package or (row.machine and row.machine != machine):
                continue
            if row.versions.contains(public, prereleases=True):
                return row
        return None


def _machine(tag: str) -> str:
    for system in ("linux", "macosx", "win"):
        if system in tag:
            machine = "aarch64" if tag.endswith(("aarch64", "arm64")) else "x86_64"
            return f"{system}-{machine}"
    return tag


def _capabilities(numbers: Iterable[object]) -> tuple[str, ...]:
    whole = sorted(number for number in numbers if isinstance(number, int))
    return tuple(f"{number // 10}.{number % 10}" for number in whole)


@lru_cache(maxsize=1)
def wheels() -> Wheels:
    """The shipped table of wheels."""
    return parse_wheels(read_table("cuda-wheels.json"))


def parse_wheels(table: Fields) -> Wheels:
    """The table that a parsed document holds; its complaints stay with ``table.faults``."""
    ranges = table.below("ranges")
    return Wheels(
        read=table.required_text("read"),
        wheels=tuple(
            WheelFacts(
                package=row.required_text("package"),
                version=row.required_text("version"),
                file=row.required_text("file"),
                sha256=row.required_text("sha256"),
                partial=row.flag("partial") or False,
                libraries=tuple(_library(path, lib) for path, lib in row.named_tables("libs")),
            )
            for row in table.tables("wheels")
        ),
        ranges=tuple(
            WheelRange(
                package=row.required_text("package"),
                versions=SpecifierSet(row.required_text("versions")),
                machine=row.text("machine"),
                major=row.integer("major"),
                archs=_numbers(row, "archs"),
                ptx=_numbers(row, "ptx"),
                needs=row.texts("needs"),
                source=row.required_text("source"),
            )
            for row in (ranges.tables("rows") if ranges else ())
        ),
        gpu_projects=frozenset(_rows(table, "gpu_projects")),
        alternatives=frozenset(_rows(table, "alternatives")),
        quiet=frozenset(_rows(table, "quiet")),
        side_libraries=frozenset(_rows(table, "side_libraries")),
    )


def _library(path: str, row: Fields) -> WheelLibrary:
    return WheelLibrary(
        path=path,
        base=_numbers(row, "base"),
        few=_numbers(row, "few"),
        ptx=_numbers(row, "ptx"),
        needs=row.texts("needs"),
        cubins=row.integer("cubins") or 0,
    )


def _numbers(row: Fields, key: str) -> tuple[str, ...]:
    value = row.raw(key)
    return _capabilities(value) if isinstance(value, list) else ()


def _rows(table: Fields, key: str) -> tuple[str, ...]:
    below = table.below(key)
    return below.texts("rows") if below else ()
