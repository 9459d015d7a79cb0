"""A small world of Python packages with CUDA in them, in memory: publish, then ask.

    world = CudaWorld()
    world.publish("torch", "2.10.0", "nvidia-cuda-runtime-cu12==12.8.90")
    world.publish("nvidia-cuda-runtime-cu12", "12.8.90", files={"nvidia/libcudart.so.12": b""})
    answer = world.resolve("torch", driver="535")

Wheels are real zip archives that are read by ranges from memory; ``world.read`` counts the bytes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from packaging.requirements import Requirement as Line
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockenv.model import PLATFORMS, Cuda, Origin
from lockenv.resolve import Candidate, Identifier, Rejected, Requirement, Root
from lockenv.resolve import Resolution as Answer
from lockenv.resolve.engine import resolve
from lockenv.sources.cuda import (
    CudaAsk,
    CudaResolution,
    Desk,
    Means,
    WheelFile,
    read_fleet,
    resolve_with_cuda,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")


def declared(**keys: object) -> Cuda:
    """A declaration as the manifest's reader makes it."""
    return Cuda(origin=Origin("lockenv.toml", ("cuda",)), **keys)  # type: ignore[arg-type] # by name


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive with these members, deflated."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
    return body.getvalue()


@dataclass(frozen=True, slots=True)
class MemoryRequirement:
    """One ask for a name or an extra of it."""

    identifier: Identifier
    specifier: str = ""

    def __str__(self) -> str:
        extra = f"[{self.identifier.qualifier}]" if self.identifier.qualifier else ""
        return f"{self.identifier.name}{extra}{self.specifier}"


@dataclass(frozen=True, slots=True)
class MemoryCandidate:
    """One version."""

    identifier: Identifier
    version_text: str


@dataclass(slots=True)
class MemoryFile:
    """A file that answers ranges, and counts."""

    data: bytes
    world: CudaWorld
    size: int = 0

    def __post_init__(self) -> None:
        self.size = len(self.data)

    def tail(self, count: int) -> bytes:
        """The last bytes."""
        return self.at(max(0, self.size - count), min(count, self.size))

    def at(self, offset: int, count: int) -> bytes:
        """These bytes."""
        self.world.read += count
        return self.data[offset : offset + count]


@dataclass(slots=True)
class Package:
    """One published version."""

    requires: tuple[str, ...]
    extras: Mapping[str, tuple[str, ...]]
    wheel: bytes
    platform: str


@dataclass(slots=True)
class CudaWorld:
    """The index, the fetcher's part that CUDA needs, and the engine over both.

    ``sources`` are the names of what nvcc must compile.
    """

    packages: dict[str, dict[str, Package]] = field(default_factory=dict)
    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    read: int = 0
    sources: frozenset[str] = frozenset()

    def publish(
        self,
        name: str,
        version: str,
        *requires: str,
        extras: Mapping[str, tuple[str, ...]] | None = None,
        files: Mapping[str, bytes] | None = None,
        platform: str = "manylinux_2_28_x86_64",
    ) -> None:
        """Put one version there; ``files`` are what its wheel holds."""
        wheel = zipped(files or {f"{name.replace('-', '_')}/__init__.py": version.encode()})
        self.packages.setdefault(name, {})[version] = Package(
            requires, extras or {}, wheel, platform
        )

    # What a source answers.

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Candidate]:
        """Newest first."""
        for version in sorted(self.packages.get(identifier.name, {}), key=Version, reverse=True):
            candidate = MemoryCandidate(identifier, version)
            known = self.packages[identifier.name][version].extras
            if identifier.qualifier and identifier.qualifier not in known:
                continue
            if all(self.satisfies(requirement, candidate) for requirement in requirements):
                yield candidate

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """By the specifier."""
        assert isinstance(requirement, MemoryRequirement)
        return SpecifierSet(requirement.specifier).contains(candidate.version_text)

    def requirements(self, candidate: Candidate) -> Sequence[Requirement]:
        """Those of the name; of an extra the bare name and its own."""
        identifier = candidate.identifier
        package = self.packages[identifier.name][candidate.version_text]
        if not identifier.qualifier:
            return [one for line in package.requires for one in self.asked(line)]
        bare = MemoryRequirement(Identifier("pypi", identifier.name), f"=={candidate.version_text}")
        lines = package.extras[identifier.qualifier]
        return [bare, *(one for line in lines for one in self.asked(line))]

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """All is here."""

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:  # noqa: ARG002 - the port
        """None."""
        return ()

    # What the fetcher answers.

    def remote(self, url: str) -> MemoryFile | None:
        """The wheel at ``memory:NAME/VERSION``."""
        name, _, version = url.removeprefix("memory:").partition("/")
        return MemoryFile(self.packages[name][version].wheel, self)

    def recall(self, kind: str, key: str) -> bytes | None:
        """What was kept."""
        return self.kept.get((kind, key))

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep it."""
        self.kept[kind, key] = data

    def soon(self, work: Callable[[], T]) -> Future[T]:
        """Done at once."""
        done: Future[T] = Future()
        done.set_result(work())
        return done

    # Asking.

    def asked(self, text: str) -> list[MemoryRequirement]:
        """The requirements that a line stands for."""
        line = Line(text)
        specifier = str(line.specifier)
        names = [Identifier("pypi", line.name)]
        names += [Identifier("pypi", line.name, extra) for extra in sorted(line.extras)]
        return [MemoryRequirement(name, specifier) for name in names]

    def describe(self, candidate: Candidate) -> WheelFile:
        """The wheel of a candidate."""
        name, version = candidate.identifier.name, candidate.version_text
        package = self.packages[name][version]
        tag = f"-py3-none-{package.platform}.whl"
        return WheelFile(
            package=name,
            version=version,
            file=f"{name.replace('-', '_')}-{version}{'.tar.gz' if name in self.sources else tag}",
            sha256=hashlib.sha256(package.wheel).hexdigest(),
            url=f"memory:{name}/{version}",
        )

    def compiles(self, candidate: Candidate) -> bool:
        """Whether it is one of those that have no wheel and something for nvcc."""
        return candidate.identifier.name in self.sources

    def means(self) -> Means:
        """Everything that resolving takes."""

        def solve(sources: Mapping[str, object], roots: Sequence[Root]) -> Answer:
            return resolve(sources, roots)  # type: ignore[arg-type] # each is a Source

        return Means(
            sources={"pypi": self},
            desk=Desk(self),
            solve=solve,
            describe=self.describe,
            roots_of=self.roots,
            compiles=self.compiles,
        )

    def roots(self, text: str, origin: object) -> list[Root]:
        """The roots of one requirement line."""
        return [Root(requirement=one, origin=str(origin)) for one in self.asked(text)]

    def ask(self, *lines: str, **keys: object) -> CudaAsk:
        """These lines for a target with this declaration (none: nothing is declared)."""
        fleet = read_fleet(declared(**keys), PLATFORMS["linux-x86_64"]) if keys else None
        plain = [line for line in lines if "{" not in line]
        roots = [root for line in plain for root in self.roots(line, line)]
        templates = tuple((line, line) for line in lines if "{" in line)
        return CudaAsk(roots=tuple(roots), templates=templates, fleet=fleet)

    def resolve(self, *lines: str, **keys: object) -> CudaResolution:
        """The answer, or the error, for a target with this declaration."""
        return resolve_with_cuda(self.ask(*lines, **keys), self.means())

    def refuse(self, *lines: str) -> CudaResolution:
        """The same for a target that says ``cuda = false``."""
        return resolve_with_cuda(replace(self.ask(*lines), refuses_cuda=True), self.means())
