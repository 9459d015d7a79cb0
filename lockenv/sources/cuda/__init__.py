"""CUDA: what a target declares, what wheels contain, and one resolution in which both agree."""

from lockenv.formats.contents import Entry
from lockenv.sources.cuda.collisions import Collision, find_collisions
from lockenv.sources.cuda.confirm import confirm_components
from lockenv.sources.cuda.declaration import (
    NVCC_IN_WHEELS,
    Fleet,
    can_have_cuda,
    check_declaration,
    merge,
    read_fleet,
)
from lockenv.sources.cuda.described import describe_python
from lockenv.sources.cuda.directory import (
    READ_LIMIT,
    facts_of_file,
    facts_of_folder,
    read_wheel_facts,
    recall_facts,
    wheel_directory,
)
from lockenv.sources.cuda.examine import Unprovided, Verdict, examine
from lockenv.sources.cuda.facts import CandidateFacts, WheelFile, side_facts
from lockenv.sources.cuda.guarded import GuardedSource, Wishes
from lockenv.sources.cuda.learn import Desk
from lockenv.sources.cuda.locked import (
    cpu_build_notes,
    declared_facts,
    driver_note,
    lock_facts,
    needed_facts,
)
from lockenv.sources.cuda.messages import (
    collision_error,
    explain,
    rejection_lines,
    unprovided_lines,
)
from lockenv.sources.cuda.redistributable import lock_redistributables
from lockenv.sources.cuda.strategy import (
    Attempt,
    CudaAsk,
    CudaResolution,
    Means,
    NoCudaSolutionError,
    component_requirements,
    resolve_with_cuda,
)
from lockenv.sources.cuda.virtual import CudaSource, VirtualCandidate, VirtualRequirement
from lockenv.sources.cuda.world import World, preferred_versions, release_of
from lockenv.tables.cuda_requests import parse_toolkit

__all__ = [
    "NVCC_IN_WHEELS",
    "READ_LIMIT",
    "Attempt",
    "CandidateFacts",
    "Collision",
    "CudaAsk",
    "CudaResolution",
    "CudaSource",
    "Desk",
    "Entry",
    "Fleet",
    "GuardedSource",
    "Means",
    "NoCudaSolutionError",
    "Unprovided",
    "Verdict",
    "VirtualCandidate",
    "VirtualRequirement",
    "WheelFile",
    "Wishes",
    "World",
    "can_have_cuda",
    "check_declaration",
    "collision_error",
    "component_requirements",
    "confirm_components",
    "cpu_build_notes",
    "declared_facts",
    "describe_python",
    "driver_note",
    "examine",
    "explain",
    "facts_of_file",
    "facts_of_folder",
    "find_collisions",
    "lock_facts",
    "lock_redistributables",
    "merge",
    "needed_facts",
    "parse_toolkit",
    "preferred_versions",
    "read_fleet",
    "read_wheel_facts",
    "recall_facts",
    "rejection_lines",
    "release_of",
    "resolve_with_cuda",
    "side_facts",
    "unprovided_lines",
    "wheel_directory",
]
