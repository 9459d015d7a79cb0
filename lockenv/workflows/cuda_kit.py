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
from lockenv.workflows.cuda_system import system_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.sources.python import SourceTree
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.python_layer import PythonAnswer

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


NO_KIT = Kit()


def kit_for(tree: SourceTree | None, answer: PythonAnswer | None) -> Kit:
    """The kit of a source for a cell's answer; empty for what has nothing to do with torch or CUDA.

    Without an answer (metadata, while the search runs) nothing of it is known.
    """
    if tree is None or answer is None:
        return NO_KIT
    runtime = dict(answer.versions)
    fixed = {"torch": runtime["torch"]} if needs_torch(tree) and "torch" in runtime else {}
    texts = asked_by_setup(tree)
    compiler = answer.cuda.found.compiler if answer.cuda is not None else 0
    if not compiler or not needs_nvcc(tree):
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


def _system(fleet: Fleet, major: int, cell: Cell) -> tuple[str, ...]:
    """Where the compiler comes from if not from wheels."""
    source = fleet.source_of("nvcc")
    if source == "redistributable":
        return (ARCHIVES,)
    if source == "wheels" and major >= NVCC_IN_WHEELS:
        return ()
    return (f"{PACKAGE}{system_cuda(cell.system).package.partition(' ')[0]}",)
