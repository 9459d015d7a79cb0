"""Run a program in a root of our making: namespaces, recorded ownership, mounts."""

from lockenv.sandbox.build import (
    Backend,
    build_editable,
    build_requirements,
    build_wheel,
    wheel_metadata,
)
from lockenv.sandbox.confine import Confinement
from lockenv.sandbox.modes import (
    MODES,
    NAMESPACES,
    Ability,
    abilities,
    choose_mode,
    user_map,
)
from lockenv.sandbox.program import Mount, Program, UserMap
from lockenv.sandbox.record import OwnershipRecord
from lockenv.sandbox.run import LIBRARY, Outcome, Running, run, start

__all__ = [
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
    "Running",
    "UserMap",
    "abilities",
    "build_editable",
    "build_requirements",
    "build_wheel",
    "choose_mode",
    "run",
    "start",
    "user_map",
    "wheel_metadata",
]
