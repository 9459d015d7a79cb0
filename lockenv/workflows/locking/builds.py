"""Locked build environments: what builds the project itself and what has no wheel.

Each environment is a search of its own. While locking it may be used too: where only a build can
tell metadata (`SdistMetadata`), or what a setup script asks to be built with.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import HostError, InputError, NoSolutionError
from lockenv.host import machine_here, minor_of
from lockenv.model import DEFAULT_LEVELS, PLATFORMS, Ask, LockedBuild, Origin
from lockenv.resolve import UnusableCandidateError
from lockenv.sources.python import (
    LEGACY,
    GitRepositories,
    Pin,
    SourceTree,
    asks_in_setup,
    is_compiled_for_gpus,
)
from lockenv.values import dataclass, replace
from lockenv.workflows.cells import Root
from lockenv.workflows.locking.alignment import Steer
from lockenv.workflows.locking.python_answer import chosen_packages
from lockenv.workflows.locking.to_build import (
    ToBuild,
    build_package,
    build_roots,
    joined,
    place_of,
    runs_anywhere,
    same_as_runtime,
    system_of,
    to_build,
    with_former_facts,
)
from lockenv.workflows.syncing.interpreters import interpreter_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import VenvPython
    from lockenv.sources.python import SdistMetadata
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.cuda_kit import Kit
    from lockenv.workflows.locking.python_answer import PythonAnswer
    from lockenv.workflows.locking.question import Question
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.syncing.build_steps import Workshop

#: Since this version setuptools builds wheels without the package ``wheel``.
_SETUPTOOLS_ALONE = Version("70.1")
_METADATA = "built-metadata"
_ASKED = "build-asks"


@dataclass(frozen=True, slots=True)
class Environment:
    """A solved build environment for one cell, and the builds of its own members."""

    build: LockedBuild
    nested: tuple[LockedBuild, ...] = ()


def _kit(wanted: ToBuild, answer: PythonAnswer) -> Kit | None:
    """What a build against torch or CUDA needs beside its build system; None for all others."""
    fleet = answer.cuda.declared.fleet if answer.cuda is not None else None
    # The project's own files are not looked at: it says by `cuda.components` that nvcc compiles it.
    is_asked = wanted.tree is None and fleet is not None and "nvcc" in fleet.components
    if not is_asked and (wanted.tree is None or not is_compiled_for_gpus(wanted.tree)):
        return None
    from lockenv.workflows.locking.cuda_kit import kit_for  # noqa: PLC0415 - start-up: few builds need it

    return kit_for(wanted.tree, answer)


class Solver(Protocol):
    """Who searches for the members of a build environment."""

    def solve_build(
        self, cell: Cell, roots: tuple[Root, ...], steer: Steer, pins: Mapping[str, Pin]
    ) -> PythonAnswer:
        """A build environment of a cell: its own search, with pins of its own."""


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

    def asker(self, solver: Solver, cell: Cell) -> SdistMetadata:
        """Who tells a cell's search what only a build knows."""

        def ask(name: str, tree: SourceTree) -> bytes:
            with self._turn:
                try:
                    return self._ask(solver, cell, name, tree)
                except NoSolutionError as error:
                    why = error.why[0].strip() if error.why else error.what
                    reason = f"its build environment has no solution ({why})"
                    raise UnusableCandidateError(f"{tree.filename}: {reason}") from error

        return ask

    def _ask(self, solver: Solver, cell: Cell, name: str, tree: SourceTree) -> bytes:
        wanted = ToBuild(
            name=name,
            version=None,
            kind="wheel",
            system=system_of(tree),
            place=place_of(tree),
            tree=tree,
        )
        from lockenv.workflows.syncing.build_steps import built_metadata  # noqa: PLC0415 - start-up

        key = (cell.name, name, tree)
        if key in self._metadata:
            return self._metadata[key]
        with self._opened(name):
            cell, environment = self._runnable(solver, cell, wanted)
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
        from lockenv.workflows.syncing.build_steps import environment_key  # noqa: PLC0415 - start-up

        digits = environment_key(environment.build, cell.name)
        python = minor_of(cell.target.python)
        return f"{tree.identity} {tree.subdirectory or ''} {digits} {python}"

    def _runnable(self, solver: Solver, cell: Cell, wanted: ToBuild) -> tuple[Cell, Environment]:
        """An environment that runs on this machine: the cell's own, or one as like it as can be.

        Another platform's wheels do not run here; then the same versions for this one stand in.
        """
        environment = self._environment(solver, cell, wanted)
        here = PLATFORMS.get(machine_here().platform)
        names = [one.artifact.name for one in environment.build.packages]
        foreign = here is not None and here.name != cell.target.platform.name
        if here is None or not foreign or all(runs_anywhere(name) for name in names):
            return cell, environment
        target = replace(cell.target, platform=here, level=DEFAULT_LEVELS[here.libc])
        versions = {one.name: Version(one.version).public for one in environment.build.packages}
        cell = replace(cell, target=target)
        return cell, self._environment(solver, cell, wanted, versions)

    def _shop(self, cell: Cell, environment: Environment) -> Workshop:
        from lockenv.workflows.syncing.build_steps import Workshop  # noqa: PLC0415 - start-up

        return Workshop(
            scene=self._scene,
            fetcher=self._fetcher,
            python=self._python(cell),
            target=cell.name,
            builds=(environment.build, *environment.nested),
            root=str(self._question.project.root),
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

    def locked(self, solver: Solver, solved: Mapping[str, PythonAnswer]) -> tuple[LockedBuild, ...]:
        """The builds of everything that the cells must build, joined where they agree.

        Cells that were not solved keep what the former lock has for them.
        """
        found: list[tuple[str, LockedBuild]] = list(self._untouched(solved))
        for name, answer in solved.items():
            for wanted in (*self._own(), *to_build(answer)):
                with self._turn, self._opened(wanted.name):
                    kit = _kit(wanted, answer)
                    environment = self._environment(
                        solver, answer.cell, wanted, answer.versions, kit
                    )
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
        name = manifest.project.normal_name
        if manifest.package and name:
            asked = [ask.requirement.name for ask in manifest.dependencies]
            yield ToBuild(
                name=name,
                version=None,
                kind="editable",
                system=manifest.project.build_system or LEGACY,
                place=Origin(manifest.file, ("build-system", "requires")),
                depends=frozenset(canonicalize_name(name) for name in asked),
            )

    # -- one environment ---------------------------------------------------------------------------

    def _environment(
        self,
        solver: Solver,
        cell: Cell,
        wanted: ToBuild,
        runtime: Mapping[str, str] | None = None,
        kit: Kit | None = None,
    ) -> Environment:
        """The solved environment; ``runtime`` are the versions to be built against."""
        texts = build_roots(wanted.system)
        if kit is not None:
            return self._solve(solver, cell, wanted, (*texts, *kit.texts), runtime or {}, kit)
        environment = self._solve(solver, cell, wanted, texts, runtime or {})
        more = self._asked_in_setup(cell, environment, wanted)
        members = {package.name: package.version for package in environment.build.packages}
        old = members.get("setuptools")
        if old is not None and Version(old) < _SETUPTOOLS_ALONE and "wheel" not in members:
            more = (*more, "wheel")
        if not more:
            return environment
        return self._solve(solver, cell, wanted, (*texts, *more), runtime or {})

    def _solve(
        self,
        solver: Solver,
        cell: Cell,
        wanted: ToBuild,
        texts: Sequence[str],
        runtime: Mapping[str, str],
        kit: Kit | None = None,
    ) -> Environment:
        pins = self._pins(cell, wanted)
        preferred = dict(kit.preferred) if kit is not None else {}
        preferred |= {name: pin.version for name, pin in pins.items()}
        preferred |= same_as_runtime(texts, wanted, runtime)
        fixed = dict(kit.fixed) if kit is not None else {}
        key = (
            *(cell.target, wanted.name, wanted.version, wanted.kind, wanted.system),
            *(tuple(texts), tuple(sorted(preferred.items())), tuple(sorted(fixed.items()))),
        )
        if key not in self._solved:
            roots = tuple(
                Root(selection="build", ask=Ask(Requirement(text), wanted.place)) for text in texts
            )
            steer = Steer(preferred=preferred, fixed=fixed)
            pins = {name: pin for name, pin in pins.items() if preferred[name] == pin.version}
            answer = solver.solve_build(cell, roots, steer, pins)
            system = kit.system if kit is not None else ()
            self._solved[key] = self._solved_environment(solver, answer, wanted, texts, system)
        return self._solved[key]

    def _solved_environment(
        self,
        solver: Solver,
        answer: PythonAnswer,
        wanted: ToBuild,
        texts: Sequence[str],
        system: tuple[str, ...] = (),
    ) -> Environment:
        build = LockedBuild(
            name=wanted.name,
            version=wanted.version,
            kind=wanted.kind,
            backend=wanted.system.backend,
            backend_path=wanted.system.backend_path,
            requires=tuple(sorted(set(texts))),
            system=system,
            packages=tuple(
                build_package(wanted.name, one.package) for one in chosen_packages(answer)
            ),
        )
        nested: list[LockedBuild] = []
        for inner in to_build(answer):
            with self._opened(inner.name):
                environment = self._environment(solver, answer.cell, inner, answer.versions)
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
        from lockenv.workflows.syncing.build_steps import backend_asks  # noqa: PLC0415 - start-up

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
