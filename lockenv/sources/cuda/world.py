"""One attempt: which CUDA major is sought on which fleet, and what a candidate asks of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.sources.cuda.declaration import Fleet
from lockenv.sources.cuda.virtual import (
    DRIVER,
    MAJOR,
    NVCC,
    TOOLKIT,
    CudaSource,
    VirtualRequirement,
    gpu,
)
from lockenv.tables.cuda import Driver, components, covers, drivers, minor_of, wheels
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.resolve import Identifier
    from lockenv.sources.cuda.facts import CandidateFacts

#: Who would have the compiler, by where it is declared to come from.
_HOLDERS = {
    "wheels": "wheels of before CUDA 13 do",
    "debian": "the system packages do",
    "redistributable": "the redistributables do",
}
#: What the major of an attempt is called where none may be chosen (`cuda = false`), or any.
NO_CUDA, ANY_MAJOR = "none", "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is fixed in one attempt.

    ``major`` None means: any, several too. ``refuses_cuda`` is the world of ``cuda = false``.
    ``roots`` are the names that are asked for by the user.
    """

    fleet: Fleet = field(default_factory=Fleet)
    major: int | None = None
    refuses_cuda: bool = False
    roots: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """How messages call it."""
        if self.refuses_cuda:
            return "without CUDA"
        return f"on CUDA {self.major}" if self.major else "on any CUDA"

    def source(self) -> CudaSource:
        """The virtual packages as they are here."""
        values: dict[Identifier, str] = {
            MAJOR: NO_CUDA if self.refuses_cuda else str(self.major or ANY_MAJOR),
            TOOLKIT: str(self.fleet.toolkit) if self.fleet.toolkit is not None else "any",
        }
        if self.major is None or self.fleet.nvcc_for(self.major):
            values[NVCC] = str(self.major or ANY_MAJOR)
        if self.fleet.driver is not None:
            values[DRIVER] = self.fleet.driver.text
        for capability in self.fleet.capabilities:
            values[gpu(capability)] = capability
        return CudaSource(values)

    def asks(
        self, package: str, facts: CandidateFacts, *, complete: bool = True
    ) -> tuple[VirtualRequirement, ...]:
        """What a candidate with these facts asks of this world, in a fixed order.

        Only what it asks for is here; whether the world has it is the search's affair. That
        nothing is known makes a CPU build only where the facts are ``complete``.
        """
        if not facts.says_something and (package not in wheels().gpu_projects or not complete):
            return ()
        if self.major is not None and self.major in facts.majors:
            facts = facts.for_major(self.major)
        return tuple(self._asks(package, facts))

    def compiler(self, package: str) -> VirtualRequirement:
        """What a source asks for that nvcc compiles: one of the attempt's major."""
        major = str(self.major or ANY_MAJOR)
        source = self.fleet.source_of("nvcc")
        words = f"nvcc of CUDA {major} to be built with, which {_HOLDERS[source]} not have"
        return VirtualRequirement(NVCC, (major,), f"{words} ({package} has no wheel)")

    def contradiction(self, package: str, facts: CandidateFacts) -> str | None:
        """Why a package that turned out to be like this cannot be here; None where it can."""
        source = self.source()
        asks = self.asks(package, facts, complete=False)
        unmet = [a for a in asks if not any(source.candidates(a.identifier, [a]))]
        return refusal(unmet) if unmet else None

    def _asks(self, package: str, facts: CandidateFacts) -> Iterator[VirtualRequirement]:
        reason = f" ({facts.how[0]})" if facts.how else ""
        if facts.is_cpu_build or (not facts.majors and package in wheels().gpu_projects):
            if self.fleet.is_gpu_target and package in wheels().gpu_projects:
                words = f"a target without GPU: it is a CPU build, LE701{reason}"
                yield VirtualRequirement(MAJOR, (NO_CUDA,), words)
            return
        if facts.majors:
            yield self._major(facts, reason)
        if facts.toolkit is not None and self.fleet.toolkit is not None:
            yield self._toolkit(facts.toolkit, reason)
        if self.fleet.driver is not None and facts.majors and not self.fleet.forward_compat:
            yield self._driver(self.fleet.driver, facts, reason)
        # Code for one architecture only is a side library of some other package's (an attention
        # kernel for one GPU, loaded on that one), unless the user asks for it.
        if len(facts.archs) + len(facts.ptx) != 1 or package in self.roots:
            yield from self._gpus(facts, reason)

    def _major(self, facts: CandidateFacts, reason: str) -> VirtualRequirement:
        words = " or ".join(str(major) for major in facts.majors)
        accepts = tuple(str(major) for major in facts.majors)
        return VirtualRequirement(MAJOR, (*accepts, ANY_MAJOR), f"CUDA {words}{reason}")

    def _toolkit(self, minor: str, reason: str) -> VirtualRequirement:
        fits = self.fleet.allows_toolkit(minor)
        accepts = (str(self.fleet.toolkit),) if fits else ()
        return VirtualRequirement(TOOLKIT, accepts, f"toolkit {minor}{reason}")

    def _driver(self, driver: Driver, facts: CandidateFacts, reason: str) -> VirtualRequirement:
        major = self.major if self.major in facts.majors else min(facts.majors)
        floor = drivers().floor(major or min(facts.majors), windows=self.fleet.windows) or "0"
        fits = driver.meets(Driver(floor))
        text = f"driver >= {floor} for CUDA {major}{reason}"
        return VirtualRequirement(DRIVER, (driver.text,) if fits else (), text)

    def _gpus(self, facts: CandidateFacts, reason: str) -> Iterator[VirtualRequirement]:
        codes = ", ".join(facts.archs) or "none"
        compiled = f" and PTX {', '.join(facts.ptx)}" if facts.ptx else ""
        for capability in self.fleet.capabilities:
            runs = facts.runs_on(capability)
            if runs is None:
                if not self.fleet.ptx and not _is_known_to(facts.toolkit, capability):
                    words = f"a GPU that toolkit {facts.toolkit} compiles for{reason}"
                    yield VirtualRequirement(gpu(capability), (), words)
                continue
            by_ptx = not runs and self._compiles(facts, capability)
            text = f"a GPU with code in it ({codes}{compiled}{reason and '; ' + reason[2:-1]})"
            accepts = (capability,) if runs or by_ptx else ()
            yield VirtualRequirement(gpu(capability), accepts, text)

    def _compiles(self, facts: CandidateFacts, capability: str) -> bool:
        """Whether PTX serves this GPU: allowed, old enough, and known to the fleet's driver."""
        if not self.fleet.ptx or not facts.can_compile_for(capability):
            return False
        branch = ptx_branch(facts)
        driver = self.fleet.driver
        return driver is None or branch is None or driver.branch >= branch


def _is_known_to(toolkit: str | None, capability: str) -> bool:
    """Whether a toolkit's compiler can make machine code that runs on a GPU; yes where unknown."""
    row = drivers().toolkit_archs.get(toolkit or "")
    return row is None or any(covers(code, capability) for code in row.capabilities)


def refusal(unmet: Iterable[VirtualRequirement]) -> str:
    """What a candidate needs that an attempt has not, in words, the driver first."""
    order = {DRIVER: 0, MAJOR: 1, NVCC: 2, TOOLKIT: 3}
    rows = sorted(unmet, key=lambda ask: (order.get(ask.identifier, 4), ask.identifier))
    if rows[0].identifier == DRIVER:
        # The driver is why the major is not sought: one reason is enough.
        rows = [ask for ask in rows if ask.identifier != MAJOR]
    return f"needs {'; '.join(dict.fromkeys(ask.text for ask in rows))}"


def ptx_branch(facts: CandidateFacts) -> int | None:
    """The first driver branch that compiles the PTX in a candidate; None if nobody can tell.

    By the PTX version where the file was read, else by its toolkit, else by the first toolkit of
    its major that knows the newest architecture that it has PTX for.
    """
    toolkit = facts.toolkit
    if facts.ptx_isa:
        knowing = [
            row.toolkit
            for row in drivers().toolkit_archs.values()
            if _key(row.ptx_isa) >= _key(facts.ptx_isa)
        ]
        toolkit = min(knowing, key=_key) if knowing else toolkit
    if toolkit is None and facts.ptx and facts.majors:
        newest = facts.ptx[-1]
        knowing = [
            row.toolkit
            for row in drivers().toolkit_archs.values()
            if newest in row.capabilities and row.toolkit.startswith(f"{facts.majors[-1]}.")
        ]
        toolkit = min(knowing, key=_key) if knowing else None
    return drivers().native_branch(toolkit) if toolkit else None


def _key(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def preferred_versions(release: str) -> dict[str, str]:
    """The version of every component that belongs to a release of cuda-toolkit."""
    table = components()
    return {
        name: version
        for name in table.packages
        if (version := table.pinned_version(release, name)) is not None
    }


def release_of(pins: dict[str, str]) -> str | None:
    """The toolkit release that a set of component pins is built around.

    The releases that pin the CUDA runtime as it was chosen; of several, the one that contains most
    of the other parts, then the newest.
    """
    table = components()
    anchors: list[str] = []
    for name, version in sorted(pins.items()):
        if name.startswith("nvidia-cuda-runtime"):
            anchors += table.releases_of(name, version)
    if not anchors:
        return None
    order = list(table.releases)

    def weight(release: str) -> tuple[int, int]:
        inside = sum(release in table.releases_of(n, v) for n, v in pins.items())
        return inside, order.index(release)

    return max(dict.fromkeys(anchors), key=weight)


def toolkit_text(release: str) -> str:
    """The release's own number, for a lock and for messages."""
    row = components().releases.get(release)
    return row.toolkit if row else minor_of(release)
