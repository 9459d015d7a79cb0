"""Run a program in a root of our making: namespaces, recorded ownership, mounts."""

from lockenv.sandbox.build import (
    Backend,
    build_editable,
    build_requirements,
    build_wheel,
    wheel_metadata,
)
from lockenv.sandbox.confine import Confinement
from lockenv.sandbox.gpu import DRIVER_FOLDER, cdi_shares, gpu_shares
from lockenv.sandbox.inside_root import RootCommand, Shared, root_program, run_in_root, shell_of
from lockenv.sandbox.modes import (
    MODES,
    NAMESPACES,
    Ability,
    abilities,
    check_store,
    choose_mode,
    user_map,
)
from lockenv.sandbox.program import Mount, Program, UserMap
from lockenv.sandbox.record import OwnershipRecord
from lockenv.sandbox.run import LIBRARY, Outcome, Running, run, start
from lockenv.sandbox.source_tree import build_place, copy_source, unpack_source

__all__ = [
    "DRIVER_FOLDER",
    "LIBRARY",
    "MODES",
    "NAMESPACES",
    "Ability",
    "Backend",
    "Confinement",
    "Mount",
    "Outcome",
    "OwnershipRecord",
    "Program",
    "RootCommand",
    "Running",
    "Shared",
    "UserMap",
    "abilities",
    "build_editable",
    "build_place",
    "build_requirements",
    "build_wheel",
    "cdi_shares",
    "check_store",
    "choose_mode",
    "copy_source",
    "gpu_shares",
    "root_program",
    "run",
    "run_in_root",
    "shell_of",
    "start",
    "unpack_source",
    "user_map",
    "wheel_metadata",
]
