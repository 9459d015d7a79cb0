"""What sources are compiled with for CUDA, as a lock pins it: one toolkit, torch as it runs.

From CUDA 13 on wheels hold nvcc, and the build environment holds those; else it is the compiler
among the target's system packages, or NVIDIA's archives. Which it is stands in ``builds.system``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.sources.cuda import NVCC_IN_WHEELS, Fleet, preferred_versions, release_of
from lockenv.sources.python import asked_by_setup, needs_nvcc, needs_torch
from lockenv.tables.cuda import components
from lockenv.tables.cuda_requests import toolkit_requirements
from lockenv.values import dataclass, field
from lockenv.workflows.locking.cuda_system import system_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.sources.python import SourceTree
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.python_answer import PythonAnswer

#: The archives of NVIDIA's that a lock names among its ``cuda-components``.
ARCHIVES = "cuda:nvcc"
#: What stands before the name of a system package that brings the compiler.
PACKAGE = "deb:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What one build needs beside its build system.

    ``texts`` are more requirements of its environment, ``fixed`` versions that must be those of the
    run-time, ``preferred`` versions of one toolkit release, ``system`` what is no Python package.
    """

    texts: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    preferred: Mapping[str, str] = field(default_factory=dict)
    system: tuple[str, ...] = ()


def kit_for(tree: SourceTree | None, answer: PythonAnswer) -> Kit:
    """The kit of a source for a cell's answer; without a tree it is the project's own.

    Of the project nothing is read: its build-system says what it is built with, beside nvcc.
    """
    runtime = dict(answer.versions)
    texts = asked_by_setup(tree) if tree is not None else ()
    with_torch = tree is not None and needs_torch(tree)
    fixed = {"torch": runtime["torch"]} if with_torch and "torch" in runtime else {}
    compiler = _major(answer) if tree is None or needs_nvcc(tree) else 0
    if not compiler:
        return Kit(texts=texts, fixed=fixed)
    fleet = (answer.cuda.declared.fleet if answer.cuda is not None else None) or Fleet()
    system = _system(fleet, compiler, answer.cell)
    if system:
        return Kit(texts=texts, fixed=fixed, system=system)
    parts = {"nvcc", *components().with_nvcc, *fleet.components}
    release = release_of(runtime)
    preferred = {} if release is None else {**preferred_versions(release), "cuda-toolkit": release}
    return Kit(
        texts=(*texts, *toolkit_requirements(parts, compiler, fleet.toolkit)),
        fixed=fixed,
        preferred=preferred,
    )


def _major(answer: PythonAnswer) -> int:
    """The major to compile for: that of the sources among the packages, else of what was chosen."""
    if answer.cuda is None:
        return 0
    found = answer.cuda.needs.get("major")
    return answer.cuda.found.compiler or (int(found) if isinstance(found, str) else 0)


def _system(fleet: Fleet, major: int, cell: Cell) -> tuple[str, ...]:
    """Where the compiler comes from if not from wheels."""
    source = fleet.source_of("nvcc")
    if source == "redistributable":
        return (ARCHIVES,)
    if source == "wheels" and major >= NVCC_IN_WHEELS:
        return ()
    return (f"{PACKAGE}{system_cuda(cell.system).package.partition(' ')[0]}",)
