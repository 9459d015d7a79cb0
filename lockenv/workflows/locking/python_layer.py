"""The Python layer of `lock`: a source and a search for each cell, and what they chose."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.formats.nvidia import debian_toolkit
from lockenv.lockfile import artifact_for, entries_of, preferred_versions
from lockenv.model import Cuda, Manifest, SourceRule
from lockenv.resolve import Root as Asked
from lockenv.resolve import UnsolvableError, resolve
from lockenv.sources.python import (
    PYPI,
    OwnProject,
    Pin,
    PythonCandidate,
    PythonRequest,
    PythonSource,
)
from lockenv.tables.cuda_names import CUDA_PLATFORMS, is_mentioned
from lockenv.values import replace
from lockenv.workflows.indexes import indexes_of
from lockenv.workflows.locking.alignment import Steer
from lockenv.workflows.locking.contents import Contents
from lockenv.workflows.locking.python_answer import PythonAnswer
from lockenv.workflows.locking.refusal import UnsolvedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.model import Lock, Origin, Progress, VcsPin
    from lockenv.resolve import Event, Resolution
    from lockenv.workflows.cells import Cell, Root
    from lockenv.workflows.locking.builds import BuildEnvironments
    from lockenv.workflows.locking.cuda_answer import CudaAnswer
    from lockenv.workflows.locking.cuda_layer import CudaSolver
    from lockenv.workflows.locking.moves import Limits


class _Everything(Collection[str]):
    """The collection that every name is in."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_EVERYTHING = _Everything()


class PythonLayer:
    """Asks for one manifest's cells; sources of one cell share what they learned."""

    def __init__(
        self,
        manifest: Manifest,
        root: Path,
        fetcher: StoreFetcher,
        *,
        former: Lock | None,
        limits: Limits,
        builds: BuildEnvironments | None = None,
        progress: Progress,
        listen: Callable[[Event], None] | None = None,
    ) -> None:
        self._manifest = manifest
        self._root = root
        self._fetcher = fetcher
        self._former = former
        self._limits = limits
        self._builds = builds
        self._progress = progress
        self._listen = listen
        self._cuda: CudaSolver | None = None
        self.contents = Contents(fetcher)

    def solve(
        self,
        cell: Cell,
        steer: Steer,
        moved: Collection[str] = frozenset(),
        *,
        build_pins: Mapping[str, Pin] | None = None,
    ) -> PythonAnswer:
        """The best answer for a cell; pins of names in ``moved`` are not remembered.

        CUDA has its say wherever it has a part, but not in build environments (those with
        ``build_pins``). Raises `NoSolutionError` with the manifest's lines that clash.
        """
        request = self._request(cell, steer, moved)
        for_build = build_pins is not None
        if build_pins is not None:
            # Old versions are asked for to test what a project says, not to build with.
            # And what builds the project is never the project itself, whoever asks for its name.
            request = replace(request, pins=build_pins, resolution="highest", own=None)
        source = PythonSource(
            self._fetcher,
            cell.target,
            request,
            sdist_metadata=self._builds.asker(self, cell) if self._builds else None,
            repositories=self._builds.repositories if self._builds else None,
            progress=self._progress,
        )
        # A line that several selections reach (a group that another includes) stands in one place.
        first: dict[Origin, Root] = {}
        roots = [
            Asked(requirement=asked, origin=first.setdefault(root.ask.origin, root))
            for root in cell.roots
            for asked in source.asked(root.ask.requirement)
        ]
        cuda: CudaAnswer | None = None
        resolution: Resolution | None = None
        try:
            if for_build or not self._begins_with_cuda(cell, roots):
                resolution = resolve({PYPI: source}, roots, listen=self._listen)
            if resolution is None or not (for_build or self._is_plain(cell, resolution)):
                cell, resolution, cuda = self._cuda_solver().solve(
                    cell, source, roots, {*steer.fixed, *steer.preferred} - set(moved), resolution
                )
        except UnsolvableError as error:
            source.refuse_misnamed(
                candidate
                for need in error.refusal.needs
                if need.requirement is None
                for candidate in need.candidates
            )
            raise UnsolvedError(cell, source, error) from error
        return PythonAnswer(
            cell=cell,
            source=source,
            resolution=resolution,
            cuda=cuda,
            versions={
                identifier.name: Version(candidate.version_text).public
                for identifier, candidate in resolution.pins.items()
                if not identifier.qualifier and _has_version(candidate)
            },
        )

    def excluding(self, names: Iterable[str]) -> PythonLayer:
        """The same layer where these names are never installed."""
        return PythonLayer(
            replace(self._manifest, exclude=(*self._manifest.exclude, *names)),
            self._root,
            self._fetcher,
            former=self._former,
            limits=self._limits,
            builds=self._builds,
            progress=self._progress,
            listen=self._listen,
        )

    def source(self, cell: Cell) -> PythonSource:
        """What the cell can choose from, for who asks about single versions."""
        request = self._request(cell, Steer(), frozenset())
        return PythonSource(self._fetcher, cell.target, request, progress=self._progress)

    def solve_build(
        self, cell: Cell, roots: tuple[Root, ...], steer: Steer, pins: Mapping[str, Pin]
    ) -> PythonAnswer:
        """A build environment of a cell: its own search, with pins of its own."""
        return self.solve(replace(cell, roots=roots), steer, _EVERYTHING, build_pins=pins)

    def _begins_with_cuda(self, cell: Cell, roots: Iterable[Asked]) -> bool:
        """Whether a plain answer would be thrown away: something declared is about some root."""
        if cell.target.platform.name not in CUDA_PLATFORMS:
            return False
        own = cell.table.cuda
        declared = [one for one in (own, self._manifest.cuda) if isinstance(one, Cuda)]
        if cell.table.cuda_dependencies or any(one.components for one in declared):
            return True
        declared += [Cuda(origin=cell.table.origin)] if _has_toolkit(cell) else []
        names = (root.requirement.identifier.name for root in roots)
        return (own is False or bool(declared)) and any(map(is_mentioned, names))

    def _is_plain(self, cell: Cell, resolution: Resolution) -> bool:
        """Whether CUDA has no part in an answer."""
        if cell.target.platform.name not in CUDA_PLATFORMS:
            return True
        return not self.contents.may_have_cuda(resolution)

    def _cuda_solver(self) -> CudaSolver:
        if self._cuda is None:
            from lockenv.workflows.locking.cuda_layer import CudaSolver  # noqa: PLC0415 - start-up

            self._cuda = CudaSolver(self._manifest, self._fetcher, self._listen)
        return self._cuda

    def _request(self, cell: Cell, steer: Steer, moved: Collection[str]) -> PythonRequest:
        manifest = self._manifest
        fixed = [Requirement(f"{name}=={version}") for name, version in sorted(steer.fixed.items())]
        policy = manifest.policy
        return PythonRequest(
            indexes=indexes_of(manifest),
            rules=rules_for(manifest, cell.target.table),
            constraints=(
                *(ask.requirement for ask in manifest.constraints),
                *(ask.requirement for ask in cell.table.constraints),
                *fixed,
            ),
            overrides=tuple(ask.requirement for ask in manifest.overrides),
            exclude=frozenset(canonicalize_name(name) for name in manifest.exclude),
            prerelease=manifest.prerelease,
            prerelease_names=frozenset(map(canonicalize_name, manifest.prerelease_names)),
            resolution=manifest.resolution,
            direct_names=frozenset(
                canonicalize_name(root.ask.requirement.name) for root in cell.roots
            ),
            as_of=self._limits.as_of,
            released_before=self._limits.released_before,
            exempt=tuple(ask.requirement for ask in manifest.exempt),
            sdist=policy.sdist,
            sdist_by_package=policy.sdist_by_package,
            allow=tuple(ask.requirement for ask in policy.allow),
            deny=tuple(ask.requirement for ask in policy.deny),
            pins={name: one for name, one in self._pins(cell).items() if name not in moved},
            aligned={name: (version,) for name, version in steer.preferred.items()},
            root=self._root,
            commits=self._commits(cell, moved),
            own=own_project_of(manifest),
        )

    def _pins(self, cell: Cell) -> dict[str, Pin]:
        """What the followed lock has for the cell, or the former one."""
        if self._manifest.follow is not None:
            from lockenv.workflows.following import followed_pins  # noqa: PLC0415 - start-up

            pins = followed_pins(self._manifest, cell.target)
            return {name: Pin(pin.version, pin.hashes) for name, pin in pins.items()}
        if self._former is None:
            return {}
        found = {}
        for name, package in entries_of(self._former, cell.name).items():
            artifact = artifact_for(package, cell.name)
            if package.version is not None:
                digests = frozenset({str(artifact.digest)}) if artifact else frozenset()
                found[name] = Pin(package.version, digests)
        imported = preferred_versions(self._former, cell.target)
        return {**found, **{name: Pin(version) for name, version in imported.items()}}

    def _commits(self, cell: Cell, moved: Collection[str]) -> dict[str, VcsPin]:
        """The commits that the former lock has for the cell, which stay until they are moved."""
        entries = entries_of(self._former, cell.name) if self._former else {}
        return {
            name: package.vcs
            for name, package in entries.items()
            if package.vcs is not None and name not in moved
        }


def _has_toolkit(cell: Cell) -> bool:
    """Whether a cell's system packages bring a compiler of CUDA's."""
    return any(debian_toolkit(one.name, one.version) for one in cell.system)


def _has_version(candidate: object) -> bool:
    return isinstance(candidate, PythonCandidate) and candidate.release.has_file


def own_project_of(manifest: Manifest) -> OwnProject | None:
    """The project itself, where it is installed and so answers whoever asks for its name."""
    name = manifest.project.normal_name
    if not manifest.package or name is None:
        return None
    return OwnProject(
        name=name,
        version=manifest.project.version,
        extras={
            canonicalize_name(extra): tuple(str(ask.requirement) for ask in asks)
            for extra, asks in manifest.optional_dependencies.items()
        },
    )


def rules_for(manifest: Manifest, table: str) -> dict[str, SourceRule]:
    """The source of each package that has one for a target: the first rule that fits."""
    found: dict[str, SourceRule] = {}
    for name, rules in manifest.sources.items():
        for rule in rules:
            if not rule.targets or table in rule.targets:
                found.setdefault(canonicalize_name(name), rule)
    return found
