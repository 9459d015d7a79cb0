"""What a target declares about CUDA: merged, checked before any network use, and understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from packaging.specifiers import SpecifierSet

from lockenv.fields import Fault, nearest
from lockenv.tables.cuda import (
    Driver,
    capability_key,
    components,
    drivers,
    minor_of,
    parse_driver,
)
from lockenv.tables.cuda_names import CUDA_PLATFORMS
from lockenv.tables.cuda_requests import parse_toolkit
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.model import Cuda, Platform

_SOURCES = ("debian", "redistributable", "wheels")
#: The first toolkit whose wheels hold nvcc; before it they hold ptxas, libnvvm and headers.
NVCC_IN_WHEELS = 13
#: What a target's table may override key by key.
_KEYS = (
    "driver",
    "gpus",
    "archs",
    "toolkit",
    "source",
    "sources",
    "components",
    "cudnn",
    "nccl",
    "majors",
    "ptx",
    "forward_compat",
    "strategy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A declaration, understood: what the machines of a target are, and what may be chosen.

    ``capabilities`` are sorted; ``named`` maps each to the GPU names that were written for it.
    ``sources`` maps a component to where it comes from, ``source`` is for all others.
    ``system_toolkit`` is the release of the toolkit among the target's system packages.
    """

    driver: Driver | None = None
    capabilities: tuple[str, ...] = ()
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    toolkit: SpecifierSet | None = None
    source: str = "wheels"
    sources: Mapping[str, str] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    cudnn: SpecifierSet | None = None
    nccl: SpecifierSet | None = None
    many_majors: bool = False
    ptx: bool = True
    forward_compat: bool = False
    newest_cuda: bool = False
    windows: bool = False
    system_toolkit: str = ""

    @property
    def is_gpu_target(self) -> bool:
        """Whether the user said what hardware it runs on; then a CPU build is a mistake."""
        return self.driver is not None or bool(self.capabilities)

    def allows_toolkit(self, minor: str) -> bool:
        """Whether some release of a toolkit minor lies in the declared range."""
        if self.toolkit is None:
            return True
        releases = [t for t in components().toolkits if minor_of(t) == minor] or [minor]
        return any(self.toolkit.contains(t, prereleases=True) for t in releases)

    def majors(self) -> tuple[int, ...]:
        """The CUDA majors that the driver, the GPUs and the toolkit range leave, newest first."""
        return tuple(
            major
            for major in components().majors
            if self.driver is None
            or self.forward_compat
            or major in drivers().majors_for(self.driver)
            if self._compiles_for_all(major)
            if self.left_out(major) is None
            if any(self.allows_toolkit(minor_of(t)) for t in _of_major(major))
        )

    def _compiles_for_all(self, major: int) -> bool:
        """Whether code of this major can run on each GPU: its own, or PTX where that may be."""
        minors = {minor_of(t) for t in _of_major(major)}
        known = [row for minor in minors if (row := drivers().toolkit_archs.get(minor))]
        if not known:
            return True
        lowest = min(capability_key(c) for row in known for c in row.capabilities)
        return all(capability_key(c) >= lowest for c in self.capabilities)

    def left_out(self, major: int) -> str | None:
        """Why the compiler that is declared leaves a major out, in words; None where it does not.

        One toolkit for what is compiled and what runs: the system's, or where nvcc comes from.
        """
        held = self.system_toolkit
        if held and int(held.partition(".")[0]) != major:
            return f"the system packages bring the toolkit {held}"
        if "nvcc" in self.components and not self.nvcc_for(major):
            return f"nvcc is to come from {self.source_of('nvcc')}, which has none of CUDA {major}"
        return None

    def nvcc_for(self, major: int) -> bool:
        """Whether an nvcc of a major can be had from where it is declared to come from."""
        source = self.source_of("nvcc")
        if source == "wheels":
            return major >= NVCC_IN_WHEELS or self.system_toolkit.startswith(f"{major}.")
        return source == "redistributable" or self.system_toolkit.startswith(f"{major}.")

    def source_of(self, component: str) -> str:
        """Where a component comes from."""
        return self.sources.get(component, self.source)


def _of_major(major: int) -> list[str]:
    return [t for t in components().toolkits if t.startswith(f"{major}.")]


def can_have_cuda(platform: Platform) -> bool:
    """Whether CUDA exists for a platform: linux with glibc, and windows."""
    return platform.name in CUDA_PLATFORMS


def merge(
    top: Cuda | None,
    target: Cuda | bool | None,  # noqa: FBT001 - the manifest's own shape: a table, or false
) -> Cuda | Literal[False] | None:
    """The declaration that holds for a target: its own keys over the top's; False refuses CUDA.

    ``gpus`` and ``archs`` are one statement (which GPUs): naming either replaces both.
    """
    if target is False:
        return False
    if target is None or target is True:
        return top
    if top is None:
        return target
    merged = top
    if target.gpus is not None or target.archs is not None:
        merged = replace(merged, gpus=None, archs=None)
    changes = {key: value for key in _KEYS if (value := getattr(target, key)) is not None}
    return replace(merged, **changes, origin=target.origin)


def check_declaration(cuda: Cuda) -> tuple[Fault, ...]:
    """Every fault of a merged declaration, without any network use, in the order of its keys.

    Paths end in the key that was written (``driver``, ``gpus[1]``) and begin with the declaration's
    own origin.
    """
    check = _Check(cuda)
    check.driver()
    check.gpus()
    check.toolkit()
    check.sources()
    check.choices()
    return tuple(check.faults)


class _Check:
    """The faults of one declaration."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self.faults: list[Fault] = []
        self._driver: Driver | None = None
        self._range: SpecifierSet | None = None

    def _complain(self, message: str, *keys: str | int, fix: str = "", slug: str) -> None:
        self.faults.append(Fault((*self._cuda.origin.path, *keys), message, fix, slug))

    def driver(self) -> None:
        text = self._cuda.driver
        if text is None:
            return
        try:
            self._driver = parse_driver(text)
        except ValueError:
            self._complain(
                f'driver is "{text[:40]}", which is neither a branch nor a driver version',
                "driver",
                fix='write a branch ("535") or a full version ("535.183.01")',
                slug="cuda-driver",
            )
            return
        oldest = min(row.branch for row in drivers().floors.values())
        if self._driver.branch < oldest:
            self._complain(
                f"driver {text} runs no CUDA release that wheels exist for",
                "driver",
                fix=f'driver = "{oldest}" is the oldest that runs CUDA 11',
                slug="cuda-driver",
            )

    def gpus(self) -> None:
        for key in ("gpus", "archs"):
            for number, text in enumerate(getattr(self._cuda, key) or ()):
                self._gpu(key, number, text)

    def _gpu(self, key: str, number: int, text: str) -> None:
        capability = drivers().capability_of(text)
        if capability is None:
            near = drivers().nearest_gpus(text)
            word = "GPU" if key == "gpus" else "compute capability"
            names = ", ".join(f'"{name}"' for name in near)
            self._complain(
                f'"{text[:60]}" is no {word} that lockenv knows',
                key,
                number,
                fix=f"write one of {names}" if near else 'write its compute capability ("8.0")',
                slug="unknown-gpu",
            )
            return
        if self._driver is None:
            return
        reason = drivers().undrivable(capability, self._driver)
        if reason:
            self._complain(
                f"no driver of branch {self._driver.branch} drives {text} "
                f"(compute capability {capability}): {reason}",
                key,
                number,
                fix=f"remove {text} from {key}, or change driver",
                slug="cuda-contradiction",
            )

    def toolkit(self) -> None:
        text = self._cuda.toolkit
        if text is None:
            return
        try:
            self._range = parse_toolkit(text)
        except ValueError:
            self._complain(
                f'toolkit is "{text[:60]}", which is no release and no specifier',
                "toolkit",
                fix='write "12.8" or ">=12.4,<13"',
                slug="cuda-toolkit",
            )
            return
        inside = [t for t in components().toolkits if self._range.contains(t, prereleases=True)]
        newest = components().toolkits[0]
        if not inside:
            self._complain(
                f"toolkit {text} holds no release that exists (11.8 to {minor_of(newest)}, "
                "without 12.7)",
                "toolkit",
                slug="cuda-toolkit",
            )
        elif self._driver is not None and not self._cuda.forward_compat:
            self._toolkit_for_driver(text, inside, self._driver)

    def _toolkit_for_driver(self, text: str, inside: list[str], driver: Driver) -> None:
        majors = {int(t.partition(".")[0]) for t in inside}
        if majors & set(drivers().majors_for(driver)):
            return
        floor = drivers().floor(min(majors))
        able = drivers().majors_for(driver)
        self._complain(
            f"driver {driver.text} runs no release in toolkit {text}: "
            f"CUDA {min(majors)} needs driver >= {floor}",
            "toolkit",
            fix=f'toolkit = "<{able[0] + 1}"' if able else "remove toolkit",
            slug="cuda-contradiction",
        )

    def sources(self) -> None:
        cuda = self._cuda
        if cuda.source is not None and cuda.source not in _SOURCES:
            self._unknown_word("source", cuda.source, _SOURCES)
        for name, source in (cuda.sources or {}).items():
            if components().component(name) is None:
                self._unknown_component("sources", name, name)
            if source not in _SOURCES:
                self._unknown_word("sources", source, _SOURCES, name)
        for number, name in enumerate(cuda.components or ()):
            component = components().component(name)
            if component is None:
                self._unknown_component("components", number, name)
            elif component == "nvcc":
                self._nvcc(number, name)

    def _unknown_component(self, key: str, place: str | int, name: str) -> None:
        near = nearest(name.lower().removesuffix("-dev"), components().short_names)
        self._complain(
            f'"{name}" is no part of a CUDA toolkit',
            key,
            place,
            fix=f'write "{near}"' if near else f"one of {', '.join(components().short_names)}",
            slug="unknown-component",
        )

    def _nvcc(self, number: int, name: str) -> None:
        source = self._source_of("nvcc", name)
        if source != "wheels":
            return
        majors = set(components().majors)
        if self._driver is not None and not self._cuda.forward_compat:
            majors &= set(drivers().majors_for(self._driver))
        if self._range is not None:
            inside = (t for t in components().toolkits if self._range.contains(t, prereleases=True))
            majors &= {int(t.partition(".")[0]) for t in inside}
        if majors and max(majors) < NVCC_IN_WHEELS:
            self._complain(
                f"{name} is asked for from wheels, which hold nvcc from CUDA 13 on; "
                f"here CUDA {max(majors)} is the newest that can be",
                "components",
                number,
                fix='sources = { nvcc = "debian" } or { nvcc = "redistributable" }',
                slug="cuda-nvcc",
            )

    def _source_of(self, *names: str) -> str:
        sources = self._cuda.sources or {}
        for name in names:
            if name in sources:
                return sources[name]
        return self._cuda.source or "wheels"

    def _unknown_word(self, key: str, word: str, known: Iterable[str], *more: str) -> None:
        words = ", ".join(f'"{one}"' for one in sorted(known))
        self._complain(
            f'{key} is "{word}", which is none of {words}', key, *more, slug="unknown-value"
        )

    def choices(self) -> None:
        cuda = self._cuda
        for key, allowed in (
            ("majors", ("one", "many")),
            ("ptx", ("allow", "deny")),
            ("strategy", ("newest-packages", "newest-cuda")),
        ):
            value = getattr(cuda, key)
            if value is not None and value not in allowed:
                self._unknown_word(key, value, allowed)
        for key in ("cudnn", "nccl"):
            value = getattr(cuda, key)
            if value is None:
                continue
            try:
                SpecifierSet(value)
            except ValueError:
                self._complain(
                    f'{key} is "{value[:60]}", which is no version specifier',
                    key,
                    fix=f'write {key} = ">=9.1,<10"',
                    slug="invalid-specifier",
                )


def read_fleet(cuda: Cuda, platform: Platform) -> Fleet:
    """A declaration that has no faults, understood for a platform."""
    named: dict[str, list[str]] = {}
    for text in (*(cuda.gpus or ()), *(cuda.archs or ())):
        capability = drivers().capability_of(text)
        if capability is not None:
            named.setdefault(capability, []).append(text)
    sources = {
        component: source
        for name, source in (cuda.sources or {}).items()
        if (component := components().component(name))
    }
    wanted = {c for name in cuda.components or () if (c := components().component(name))}
    # Who says where the compiler comes from wants it; from wheels it comes with each build.
    wanted |= {"nvcc"} if sources.get("nvcc") in {"debian", "redistributable"} else set()
    return Fleet(
        driver=parse_driver(cuda.driver) if cuda.driver else None,
        capabilities=tuple(sorted(named, key=capability_key)),
        named={capability: tuple(names) for capability, names in named.items()},
        toolkit=parse_toolkit(cuda.toolkit) if cuda.toolkit else None,
        source=cuda.source or "wheels",
        sources=sources,
        components=tuple(sorted(wanted)),
        cudnn=SpecifierSet(cuda.cudnn) if cuda.cudnn else None,
        nccl=SpecifierSet(cuda.nccl) if cuda.nccl else None,
        many_majors=cuda.majors == "many",
        ptx=cuda.ptx != "deny",
        forward_compat=bool(cuda.forward_compat),
        newest_cuda=cuda.strategy == "newest-cuda",
        windows=platform.system == "Windows",
    )
