"""What drivers and GPUs can run: the table ``cuda-drivers.json``.

Versions of drivers are compared as NVIDIA compares them: a branch (``535``) by its number, full
versions (``535.183.01``) part by part. Compute capabilities are written ``8.0``.
"""

from __future__ import annotations

import difflib
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from lockenv.tables.cuda_data import read_table
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.fields import Fields

_DRIVER = re.compile(r"\d{3,4}(\.\d{1,4}){0,3}")
_CAPABILITY = re.compile(r"(?:sm_?|compute_?)?(\d{1,2})[._]?(\d)[af]?", re.IGNORECASE)
#: What vendors write around a chip's name: form factor, memory, slice, and their own words.
_NOISE = re.compile(
    r"\b(nvidia|tesla|geforce|quadro|generation|gpu|laptop|max-?q|"
    r"sxm\d?|pcie|pci-e|nvl\d*|hbm\d\w?|oam|hgx|dgx|"
    r"\d+ ?gb|mig \d+g\.\d+gb|mobile|super|graphics)\b|\(.*?\)"
)


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver as written: a branch, or a full version."""

    text: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """Its parts as numbers."""
        return tuple(int(part) for part in self.text.split("."))

    @property
    def branch(self) -> int:
        """The first part."""
        return self.numbers[0]

    @property
    def is_branch(self) -> bool:
        """Whether only the branch was said."""
        return "." not in self.text

    def meets(self, floor: Driver) -> bool:
        """Whether it is at least the floor; by branch where either is only a branch."""
        if self.is_branch or floor.is_branch:
            return self.branch >= floor.branch
        return self.numbers >= floor.numbers


def parse_driver(text: str) -> Driver:
    """The driver that a text names; ValueError if it is none."""
    if not _DRIVER.fullmatch(text.strip()):
        raise ValueError(f"not a driver branch or version: {text[:40]!r}")
    return Driver(text.strip())


def parse_capability(text: str) -> str | None:
    """``8.0`` of ``8.0``, ``80``, ``sm_80``, ``sm_90a``; None if it is none of these."""
    found = _CAPABILITY.fullmatch(text.strip())
    return f"{int(found.group(1))}.{found.group(2)}" if found else None


def capability_key(capability: str) -> tuple[int, int]:
    """What capabilities are ordered by."""
    major, _, minor = capability.partition(".")
    return int(major), int(minor or 0)


def covers(code: str, capability: str) -> bool:
    """Whether machine code for one capability runs on another: same major, minor not newer."""
    have, want = capability_key(code), capability_key(capability)
    return have[0] == want[0] and have[1] <= want[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The oldest driver of a CUDA major (minor version compatibility)."""

    branch: int
    linux: str
    windows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCompiler:
    """The newest host compilers that a toolkit's nvcc accepts."""

    toolkit: str
    gcc: int
    clang: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedGpus:
    """GPUs that no branch after ``last_branch`` drives."""

    last_branch: int
    capabilities: tuple[str, ...]
    family: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitArchs:
    """What a toolkit's ptxas compiles for, and the highest PTX ISA that it accepts."""

    toolkit: str
    targets: tuple[str, ...]
    ptx_isa: str

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The targets as capabilities, sorted."""
        found = {c for t in self.targets if (c := parse_capability(t))}
        return tuple(sorted(found, key=capability_key))


@dataclass(frozen=True, kw_only=True)
class Drivers:
    """The whole table, with its questions."""

    read: str
    floors: Mapping[int, Floor]
    native: Mapping[int, str]
    supported: Mapping[int, str]
    drops: tuple[DroppedGpus, ...]
    first_branch: Mapping[str, int]
    toolkit_drivers: Mapping[str, str]
    toolkit_archs: Mapping[str, ToolkitArchs]
    host_compilers: tuple[HostCompiler, ...]
    forward: Mapping[str, Mapping[int, str]]
    gpus: Mapping[str, str]
    data_centre: frozenset[str]

    def majors_for(self, driver: Driver) -> tuple[int, ...]:
        """The CUDA majors that a driver runs, newest first."""
        return tuple(
            major
            for major in sorted(self.floors, reverse=True)
            if driver.meets(Driver(self.floors[major].linux))
        )

    def floor(self, major: int, *, windows: bool = False) -> str | None:
        """The oldest driver of a CUDA major, in full."""
        row = self.floors.get(major)
        return None if row is None else (row.windows if windows else row.linux)

    def native_cuda(self, driver: Driver) -> str | None:
        """The CUDA release that a driver's branch belongs to; of the branch below if unlisted."""
        below = [branch for branch in self.native if branch <= driver.branch]
        return self.native[max(below)] if below else None

    def native_branch(self, toolkit: str) -> int | None:
        """The first branch that knows a toolkit minor by itself (needed to compile its PTX)."""
        wanted = _numbers(toolkit)[:2]
        able = [branch for branch, cuda in self.native.items() if _numbers(cuda) >= wanted]
        return min(able) if able else None

    def undrivable(self, capability: str, driver: Driver) -> str | None:
        """Why no driver of this branch drives such a GPU, or None."""
        for row in self.drops:
            if driver.branch > row.last_branch and capability in row.capabilities:
                return f"branch {row.last_branch} is the last that drives {row.family} GPUs"
        first = self.first_branch.get(capability)
        if first is not None and driver.branch < first:
            return f"branch {first} is the first that drives compute capability {capability}"
        return None

    def capability_of(self, gpu: str) -> str | None:
        """The compute capability that a name or a capability names."""
        direct = parse_capability(gpu)
        if direct is not None:
            return direct if direct in self.capabilities else None
        return self._by_name.get(normal_gpu_name(gpu))

    @cached_property
    def capabilities(self) -> tuple[str, ...]:
        """Every known compute capability, sorted."""
        known = set(self.gpus.values()) | set(self.first_branch)
        for row in self.toolkit_archs.values():
            known.update(row.capabilities)
        return tuple(sorted(known, key=capability_key))

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {normal_gpu_name(name): capability for name, capability in self.gpus.items()}

    def nearest_gpus(self, gpu: str, count: int = 3) -> tuple[str, ...]:
        """Known names like this one, the best first."""
        if parse_capability(gpu) is not None:
            return self.capabilities
        names = {normal_gpu_name(name): name for name in sorted(self.gpus)}
        wanted = normal_gpu_name(gpu)
        close = difflib.get_close_matches(wanted, sorted(names), n=count, cutoff=0.5)
        return tuple(names[name] for name in close)

    def host_compiler(self, toolkit: str) -> HostCompiler | None:
        """The newest host compilers for a toolkit: the row of the newest release up to it."""
        wanted = _numbers(toolkit)[:2]
        below = [row for row in self.host_compilers if _numbers(row.toolkit) <= wanted]
        return max(below, key=lambda row: _numbers(row.toolkit)) if below else None

    def forward_compatible(self, driver: Driver, toolkit: str) -> bool | None:
        """Whether cuda-compat of a toolkit minor helps this branch; None if it is not listed."""
        row = self.forward.get(".".join(toolkit.split(".")[:2]))
        sign = None if row is None else row.get(driver.branch)
        return None if sign is None else sign in {"C", "-"}

    def is_data_centre(self, gpu: str) -> bool:
        """Whether a GPU is one of the data centre list (forward compatibility needs that)."""
        return normal_gpu_name(gpu) in {normal_gpu_name(name) for name in self.data_centre}


def normal_gpu_name(name: str) -> str:
    """A GPU's name without vendor words, form factor, memory size and punctuation."""
    text = re.sub(r"[-_/,]+", " ", name.lower())
    text = _NOISE.sub(" ", text)
    return re.sub(r"\s+", "", text)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


@lru_cache(maxsize=1)
def drivers() -> Drivers:
    """The shipped driver table."""
    return parse_drivers(read_table("cuda-drivers.json"))


def parse_drivers(table: Fields) -> Drivers:
    """The table that a parsed document holds; its complaints stay with ``table.faults``."""
    rules = table.below("rules") or table
    compat = rules.below("minor_version_compatibility") or rules
    forward = rules.below("forward_compatibility") or rules
    columns = [int(column) for column in forward.texts("table_columns")]
    names: dict[str, str] = {}
    gpus = table.below("gpu_names") or table
    for capability in gpus.table:
        names.update(dict.fromkeys(gpus.texts(capability), capability))
    aliases = table.below("gpu_aliases")
    names.update(aliases.text_table("rows") if aliases else {})
    supported = table.below("driver_branches_supported") or table
    return Drivers(
        read=table.required_text("read"),
        floors={
            int(major): Floor(
                branch=below.integer("branch") or 0,
                linux=below.required_text("linux"),
                windows=below.required_text("windows"),
            )
            for major, below in compat.named_tables("floor")
        },
        native={int(b): c for b, c in table.text_table("driver_branch_native_cuda").items()},
        supported={
            int(branch): supported.required_text(branch)
            for branch in supported.table
            if branch.isdecimal()
        },
        drops=tuple(
            DroppedGpus(
                last_branch=row.integer("last_branch") or 0,
                capabilities=row.texts("drops"),
                family=row.required_text("family"),
                source=row.required_text("source"),
            )
            for row in table.tables("driver_branch_drops")
        ),
        first_branch=_integers(table, "min_driver_branch_for_capability"),
        toolkit_drivers={
            row.required_text("cuda"): row.text("linux") or ""
            for row in table.tables("toolkit_drivers")
            if row.raw("linux") is not None
        },
        toolkit_archs={
            toolkit: ToolkitArchs(
                toolkit=toolkit,
                targets=below.texts("sm"),
                ptx_isa=below.required_text("ptx_isa_max"),
            )
            for toolkit, below in table.named_tables("toolkit_archs")
        },
        host_compilers=tuple(
            HostCompiler(
                toolkit=toolkit, gcc=below.integer("gcc") or 0, clang=below.integer("clang") or 0
            )
            for toolkit, below in table.named_tables("nvcc_host_compiler_max")
        ),
        forward={
            toolkit: dict(zip(columns, signs, strict=False))
            for toolkit, signs in forward.text_table("table").items()
        },
        gpus=names,
        data_centre=frozenset(table.texts("data_center_gpus")),
    )


def _integers(table: Fields, key: str) -> dict[str, int]:
    below = table.below(key) or table
    return {name: below.integer(name) or 0 for name in below.table}
