"""The cells of a lock: each target, Python and environment, as a pure function of the manifest.

Nothing here looks at this machine: the interpreter comes from the shipped table of builds, or from
the former lock, whose interpreter stays as long as the manifest admits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.errors import InputError
from lockenv.model import (
    DEFAULT_LEVELS,
    PLATFORMS,
    Artifact,
    Ask,
    Environment,
    LockedInterpreter,
    LockedTarget,
    Manifest,
    Target,
    TargetTable,
    sha256,
)
from lockenv.patterns import pattern
from lockenv.tables.builds import newest_build
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.specifiers import SpecifierSet

    from lockenv.model import Lock, LockedSystemPackage
    from lockenv.tables.builds import Build

_SPEC = pattern(r"^(\d+\.\d+(?:\.\d+(?:(?:a|b|rc)\d+)?)?)(t?)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One requirement that the manifest makes of a cell, and the selection that it belongs to."""

    selection: str
    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One thing to solve: a target with its interpreter, default selection and roots.

    ``system`` are its Debian packages and ``cuda_major`` its CUDA's, once they are solved.
    """

    target: Target
    table: TargetTable
    python_spec: str
    interpreter: LockedInterpreter
    groups: tuple[str, ...]
    extras: tuple[str, ...]
    roots: tuple[Root, ...]
    system: tuple[LockedSystemPackage, ...] = ()
    cuda_major: int | None = None

    @property
    def name(self) -> str:
        """The locked target's name."""
        return self.target.name


def expand(
    manifest: Manifest, former: Lock | None, *, move_interpreters: bool = False
) -> tuple[Cell, ...]:
    """Every cell that the manifest asks for, in the order of its targets, Pythons, environments.

    Raises `InputError` for a Python that no build answers.
    """
    kept = {} if former is None or move_interpreters else _kept_interpreters(former)
    return tuple(cell for name in manifest.targets for cell in _cells_of(manifest, name, kept))


def _kept_interpreters(former: Lock) -> dict[str, LockedInterpreter]:
    return {
        target: interpreter for interpreter in former.interpreters for target in interpreter.targets
    }


def _cells_of(
    manifest: Manifest, name: str, kept: Mapping[str, LockedInterpreter]
) -> Iterator[Cell]:
    table = manifest.target_tables[name]
    specs = table.python or manifest.python or ("",)
    for spec in specs:
        base = name if len(specs) == 1 else f"{name}-py{spec}"
        cells: list[tuple[str, Environment | None]] = [(base, None)]
        cells += [(f"{base}-{key}", manifest.environments[key]) for key in manifest.environments]
        for cell_name, environment in cells:
            yield _cell(manifest, table, spec, cell_name, environment, kept.get(cell_name))


def _cell(
    manifest: Manifest,
    table: TargetTable,
    spec: str,
    name: str,
    environment: Environment | None,
    kept: LockedInterpreter | None,
) -> Cell:
    source = table.python_source or manifest.python_source
    interpreter = _interpreter(manifest, table, spec, source, kept)
    platform = PLATFORMS[table.platform]
    target = Target(
        name=name,
        platform=platform,
        python=interpreter.version,
        level=table.level or DEFAULT_LEVELS[platform.libc],
        freethreaded=interpreter.variant == "freethreaded",
        table=table.name,
        environment=environment.name if environment else "",
    )
    groups, extras = _default_selection(manifest, table, environment)
    return Cell(
        target=target,
        table=table,
        python_spec=spec,
        interpreter=interpreter,
        groups=groups,
        extras=extras,
        roots=tuple(_roots(manifest, table, target, environment)),
    )


def _default_selection(
    manifest: Manifest, table: TargetTable, environment: Environment | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if environment is not None:
        return environment.groups, environment.extras
    taken = {group for other in manifest.environments.values() for group in other.groups}
    default = ("dev",) if "dev" in manifest.groups and "dev" not in taken else ()
    return (default if table.groups is None else table.groups), table.extras or ()


def _roots(
    manifest: Manifest, table: TargetTable, target: Target, environment: Environment | None
) -> Iterator[Root]:
    """The roots in the manifest's order, without those whose marker does not hold here."""
    if environment is None:
        groups = set(manifest.groups)
        extras = set(manifest.optional_dependencies)
        for other in manifest.environments.values():
            groups -= set(other.groups)
            extras -= set(other.extras)
    else:
        groups, extras = set(environment.groups), set(environment.extras)
    asked: list[tuple[str, tuple[Ask, ...]]] = [
        ("project", (*manifest.dependencies, *table.dependencies))
    ]
    asked += [
        (f"extra:{name}", asks)
        for name, asks in manifest.optional_dependencies.items()
        if name in extras
    ]
    asked += [(f"group:{name}", asks) for name, asks in manifest.groups.items() if name in groups]
    asked.append(("seed", manifest.seed))
    markers = target.markers
    for selection, asks in asked:
        for ask in asks:
            marker = ask.requirement.marker
            if marker is None or marker.evaluate({**markers, "extra": ""}):
                yield Root(selection=selection, ask=ask)


def _interpreter(
    manifest: Manifest,
    table: TargetTable,
    spec: str,
    source: str,
    kept: LockedInterpreter | None,
) -> LockedInterpreter:
    stays = kept is not None and kept.source == source and kept.platform == table.platform
    if kept is not None and stays and admits(spec, manifest.requires_python, kept):
        return kept
    build = newest_build(spec, table.platform, requires_python=manifest.requires_python)
    if build is None:
        raise _no_build(manifest, table, spec)
    return _locked(build, table.platform, source)


def admits(spec: str, requires: SpecifierSet | None, interpreter: LockedInterpreter) -> bool:
    """Whether the manifest's Python still admits an interpreter that was locked before."""
    if requires is not None and not requires.contains(interpreter.version, prereleases=True):
        return False
    if not spec:
        return interpreter.variant == "default" and not Version(interpreter.version).is_prerelease
    match = _SPEC.match(spec)
    if match is None:
        return False
    wanted, freethreaded = match.groups()
    if (interpreter.variant == "freethreaded") != bool(freethreaded):
        return False
    return interpreter.version == wanted or interpreter.version.startswith(f"{wanted}.")


def _locked(build: Build, platform: str, source: str) -> LockedInterpreter:
    artifact = None
    if source == "standalone":
        artifact = Artifact(name=build.filename, digest=sha256(build.sha256), url=build.url)
    return LockedInterpreter(
        version=build.version,
        platform=platform,
        source=source,
        variant=build.variant,
        build=build.build if source == "standalone" else None,
        artifact=artifact,
    )


def _no_build(manifest: Manifest, table: TargetTable, spec: str) -> InputError:
    asked = f"python = {spec!r}" if spec else f"requires-python = {manifest.requires_python}"
    return InputError(
        "no-such-python",
        f"there is no build of Python for {table.platform} that {asked} admits",
        why=f"target {table.name} of {manifest.file}",
        fix='name a version that has one, such as python = "3.12"',
    )


def locked_target(cell: Cell) -> LockedTarget:
    """The cell as the lock records it."""
    return LockedTarget(
        name=cell.name,
        platform=cell.target.platform.name,
        python=cell.target.python,
        python_source=cell.interpreter.source,
        freethreaded=cell.target.freethreaded,
        level=cell.target.level,
        table=cell.target.table,
        environment=cell.target.environment,
        groups=tuple(sorted(cell.groups)),
        extras=tuple(sorted(cell.extras)),
    )


def with_python(manifest: Manifest, cell: Cell, version: str) -> Cell:
    """The cell on another version of its Python: markers, and so roots, may change.

    Raises `InputError` where the manifest does not admit it.
    """
    interpreter = replace(cell.interpreter, version=version, build=None, artifact=None)
    if not admits(cell.python_spec, manifest.requires_python, interpreter):
        asked = cell.python_spec or f"requires-python {manifest.requires_python}"
        raise InputError(
            "other-python",
            f"target {cell.name} asks for Python {asked}, and its system has {version}",
            why='python-source = "debian"',
            fix=f'write python = "{version.rpartition(".")[0]}", or take another suite',
        )
    target = replace(cell.target, python=version)
    environment = manifest.environments.get(target.environment)
    roots = tuple(_roots(manifest, cell.table, target, environment))
    return replace(cell, interpreter=interpreter, target=target, roots=roots)
