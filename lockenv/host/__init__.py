"""What this machine is: interpreters, libc, driver, GPUs, kernel features."""

from lockenv.host.bytecode import FirstByteCode, first_byte_code
from lockenv.host.cluster import Node, NodeFit, fit, parse_nodes
from lockenv.host.gpu import (
    Gpu,
    GpuHost,
    HostProbe,
    compare,
    detect_gpus,
    serves,
    unloadable,
)
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
    "FirstByteCode",
    "Gpu",
    "GpuHost",
    "HostProbe",
    "Interpreter",
    "Machine",
    "Memory",
    "Node",
    "NodeFit",
    "Places",
    "check_interpreter",
    "compare",
    "detect_gpus",
    "find_interpreter",
    "find_minor",
    "first_byte_code",
    "fit",
    "fits",
    "inspect_interpreter",
    "machine_here",
    "minor_of",
    "parse_nodes",
    "places_here",
    "serves",
    "unloadable",
]
