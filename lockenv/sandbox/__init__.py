"""Run a program in a root of our making: namespaces, recorded ownership, mounts."""

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
    "Mount",
    "Outcome",
    "OwnershipRecord",
    "Program",
    "Running",
    "UserMap",
    "abilities",
    "choose_mode",
    "run",
    "start",
    "user_map",
]
