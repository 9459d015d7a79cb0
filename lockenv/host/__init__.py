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

__all__ = [
    "Interpreter",
    "Memory",
    "Places",
    "check_interpreter",
    "find_interpreter",
    "find_minor",
    "inspect_interpreter",
    "minor_of",
    "places_here",
]
