"""The system layer of `lock`: each cell's Debian packages, and what follows for its Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.model import SystemPackage
from lockenv.values import dataclass, replace
from lockenv.workflows.cells import with_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.model import ArchiveState, LockedSystemPackage, Manifest, System
    from lockenv.sources.debian import Kept, LockedSystem, World
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.question import Question
    from lockenv.workflows.scene import Scene

#: What Debian's own Python is made of, for a target that takes it.
_PYTHON = "python3"
#: The role of a package that is there because a wheel needs one of its libraries.
NATIVE_ROLE = "native-library"


@dataclass(frozen=True, slots=True)
class SystemAnswer:
    """The system layer of each cell that has one, by the cell's name."""

    by_cell: Mapping[str, LockedSystem]

    @property
    def packages(self) -> tuple[LockedSystemPackage, ...]:
        """The lock's entries: one for all targets that hold the same package in the same role."""
        found: dict[tuple[object, ...], tuple[LockedSystemPackage, list[str]]] = {}
        for name, system in self.by_cell.items():
            for one in system.packages:
                identity = (one.name, one.architecture, one.version, one.digest, one.archive)
                key = (*identity, one.roles, one.requested, one.note)
                found.setdefault(key, (one, []))[1].append(name)
        return tuple(
            replace(package, targets=tuple(sorted(names))) for package, names in found.values()
        )

    @property
    def archives(self) -> tuple[ArchiveState, ...]:
        """The states of the archives, each with the targets that take packages from it."""
        found: dict[str, tuple[ArchiveState, list[str]]] = {}
        for name, system in self.by_cell.items():
            for state in system.archives:
                found.setdefault(state.key, (state, []))[1].append(name)
        return tuple(
            replace(state, targets=tuple(sorted(names))) for state, names in found.values()
        )

    @property
    def notes(self) -> list[str]:
        """What the user should know, each fact once with the targets that it is about."""
        found: dict[str, list[str]] = {}
        for name, system in self.by_cell.items():
            moved = [
                f"{move.name} {move.old} had to move to {move.new}: {move.reason}"
                for move in system.moves
                if move.reason != "asked for"
            ]
            for text in (*system.notes, *moved):
                found.setdefault(text, []).append(name)
        return [f"{text} ({', '.join(names)})" for text, names in found.items()]


def uses_system(manifest: Manifest, cell: Cell) -> bool:
    """Whether a cell has a system layer: it is declared, not declined, and Debian exists there."""
    platform = cell.target.platform
    possible = platform.is_linux and platform.libc == "glibc"
    return manifest.system is not None and possible and cell.table.system is not False


def lock_cells(
    scene: Scene, question: Question, fetcher: StoreFetcher
) -> tuple[SystemAnswer, dict[str, Cell]]:
    """The system layer of every cell, and the cells as they are with it.

    A cell that takes Debian's Python gets that version. Raises what `lock_system` raises, and
    `InputError` where the layers contradict each other.
    """
    system = question.project.manifest.system
    found: dict[str, LockedSystem] = {}
    cells = {cell.name: cell for cell in question.cells}
    for cell in question.cells:
        if cell.interpreter.source == "debian" and not uses_system(question.project.manifest, cell):
            raise _no_debian(question, cell)
        if system is None or not uses_system(question.project.manifest, cell):
            continue
        if not question.is_solved(cell):
            continue
        answer = lock_cell(scene, question, fetcher, system, cell)
        found[cell.name] = answer
        cells[cell.name] = replace(_fitted(question, cell, answer), system=answer.packages)
    return SystemAnswer(found), cells


def lock_cell(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    system: System,
    cell: Cell,
    native: tuple[SystemPackage, ...] = (),
) -> LockedSystem:
    """The system layer of one cell, with the packages that its wheels turned out to need."""
    from lockenv.sources.debian import (  # noqa: PLC0415 - start-up: most locks have no packages of Debian's
        SystemRequest,
        check_external,
        external_packages,
        lock_system,
    )

    external = external_packages(
        question.project.manifest.external, system, place=question.project.place
    )

    interpreter: tuple[SystemPackage, ...] = ()
    if cell.interpreter.source == "debian":
        interpreter = (SystemPackage(relation=_PYTHON, origin=cell.table.origin),)
    status = None
    if cell.name in question.bases:
        from lockenv.workflows.locking.base_images import base_status  # noqa: PLC0415 - as above

        status = base_status(question, cell)
    request = SystemRequest(
        target=cell.name,
        system=system,
        architecture=cell.target.platform.debian_architecture,
        packages=(
            *system.packages,
            *cell.table.system_packages,
            *(package for one in external for package in one.packages),
        ),
        native_libraries=native,
        interpreter=interpreter,
        place=question.project.place,
        admits=_admits(question, cell, system),
        base=status,
    )
    world = open_world(scene, question, fetcher, system)
    locked = lock_system(request, world, _kept(question, cell), scene.progress)
    check_external(external, locked.packages, question.project.place)
    return locked


def _admits(question: Question, cell: Cell, system: System) -> Callable[[str, str], bool] | None:
    """Which versions a target's CUDA leaves out; only archives apart from Debian's name one."""
    if not system.archives:
        return None
    from lockenv.workflows.locking.cuda_answer import declared_for  # noqa: PLC0415 - start-up: few have CUDA
    from lockenv.workflows.locking.cuda_system import admits_majors  # noqa: PLC0415 - likewise

    if cell.cuda_major is not None:
        return admits_majors((cell.cuda_major,))
    fleet = declared_for(question.project.manifest, cell).fleet
    return None if fleet is None else admits_majors(fleet.majors())


def agreed_with_cuda(
    scene: Scene, question: Question, fetcher: StoreFetcher, answer: SystemAnswer
) -> SystemAnswer:
    """The system layer, again for cells that hold packages of another CUDA major than theirs."""
    system = question.project.manifest.system
    if system is None or not system.archives:
        return answer
    from lockenv.workflows.locking.cuda_system import other_majors  # noqa: PLC0415 - start-up: few have CUDA

    found = dict(answer.by_cell)
    for cell in question.cells:
        held = found.get(cell.name)
        if held is None or cell.cuda_major is None:
            continue
        if other_majors(held.packages, cell.cuda_major):
            found[cell.name] = lock_cell(scene, question, fetcher, system, cell)
    return SystemAnswer(found)


def open_world(scene: Scene, question: Question, fetcher: StoreFetcher, system: System) -> World:
    """What asking Debian's archives takes of the world, for a lock."""
    as_of = question.limits.as_of
    return world_of(scene, question.project.root, fetcher, system, as_of=as_of)


def world_of(
    scene: Scene, root: Path, fetcher: StoreFetcher, system: System, *, as_of: str | None = None
) -> World:
    """What asking Debian's archives takes of the world."""
    from lockenv.sources.debian import World  # noqa: PLC0415 - as above

    return World(
        fetcher=fetcher,
        cache_dir=scene.settings.cache_dir,
        now=scene.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
        as_of=as_of,
        keyrings=_keyrings(root, system),
    )


def _keyrings(root: Path, system: System) -> dict[str, bytes]:
    """The keyring files that the manifest names, by the name that it uses."""
    found = {}
    for archive in system.archives:
        if archive.signed_by is None:
            continue
        path = root / archive.signed_by
        try:
            found[archive.signed_by] = path.read_bytes()
        except FileNotFoundError:
            continue  # it may name a keyring that lockenv ships
        except OSError as error:
            raise InputError(
                "unreadable",
                f"the keyring {archive.signed_by} of archive {archive.name} cannot be read",
                why=error.strerror or str(error),
                fix="mend its access, or correct signed-by",
            ) from error
    return found


def _kept(question: Question, cell: Cell) -> Kept | None:
    from lockenv.sources.debian import Kept  # noqa: PLC0415 - start-up, as above

    former = question.former
    if former is None:
        return None
    names = {package.name for package in former.system_packages if cell.name in package.targets}
    moved = question.moves.of("deb", names)
    upgrade: bool | dict[str, str | None] = "system" in question.moves.layers
    if not upgrade and moved:
        upgrade = {name: question.moves.fixed.get(f"deb:{name}") for name in sorted(moved)}
    return Kept(
        # For whom a library was added is found anew each time.
        packages=tuple(
            replace(one, note=None) if NATIVE_ROLE in one.roles else one
            for one in former.system_packages
            if cell.name in one.targets
        ),
        archives=tuple(one for one in former.system_archives if cell.name in one.targets),
        upgrade=upgrade,
    )


def _fitted(question: Question, cell: Cell, answer: LockedSystem) -> Cell:
    """The cell with Debian's Python, where it takes that; its libc must serve its wheels."""
    base = question.bases.get(cell.name)
    glibc = answer.glibc or (base.glibc if base else None)
    if glibc is not None and _numbers(glibc) < _numbers(cell.target.level):
        suite = question.project.manifest.system
        raise InputError(
            "glibc-above-system",
            f"target {cell.name} wants wheels for glibc {cell.target.level}",
            why=f"libc6 of {suite.suite if suite else 'the system'} is glibc {glibc}",
            fix=f'write glibc = "{glibc}", or take a newer suite',
        )
    if cell.interpreter.source != "debian":
        return cell
    python = answer.python or (base.python if base else None)
    if python is None:
        raise _no_debian(question, cell)
    return with_python(question.project.manifest, cell, python)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _no_debian(question: Question, cell: Cell) -> InputError:
    return InputError(
        "no-debian-python",
        f"target {cell.name} takes its Python from Debian, and has no system layer",
        why=f'python-source = "debian" in {question.project.manifest.file}',
        fix='add [system] with suite = "bookworm", or write python-source = "standalone"',
    )


def former_cells(question: Question, names: Iterable[str]) -> SystemAnswer:
    """What cells that are not solved again had in the former lock."""
    former = question.former
    if former is None or not former.system_packages:
        return SystemAnswer({})
    from lockenv.sources.debian import LockedSystem  # noqa: PLC0415 - start-up, as above

    found = {}
    for name in names:
        packages = tuple(one for one in former.system_packages if name in one.targets)
        archives = tuple(one for one in former.system_archives if name in one.targets)
        if packages:
            found[name] = LockedSystem(packages=packages, archives=archives)
    return SystemAnswer(found)
