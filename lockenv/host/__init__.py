"""What this machine is: interpreters, libc, driver, GPUs, kernel features."""

from lockenv.host.interpreters import (
    Interpreter,
    Memory,
    Places,
    check_interpreter,
    find_interpreter,
    find_minor,
    inspect_interpreter,
    minor_of,
    places_here,
)
from lockenv.host.machine import Machine, fits, machine_here

__all__ = [
    "Interpreter",
    "Machine",
    "Memory",
    "Places",
    "check_interpreter",
    "find_interpreter",
    "find_minor",
    "fits",
    "inspect_interpreter",
    "machine_here",
    "minor_of",
    "places_here",
]
