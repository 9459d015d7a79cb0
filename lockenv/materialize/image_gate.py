"""The gate of an image with CUDA: one sentence and status 78 on a node that cannot serve it.

The container toolkit checks ``NVIDIA_REQUIRE_CUDA`` in its legacy mode alone; on devices of the
Container Device Interface nobody would. So a small program of ours stands before the entry point:
it compares the driver and the GPUs that the container sees, then becomes the command.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.materialize.image_plan import VENV_PREFIX
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

GATE_PATH = "usr/share/lockenv/gate.py"
#: What an entry point is run by. ``-I`` and ``-S`` keep the environment and its packages out.
GATE = (f"/{VENV_PREFIX}/bin/python", "-I", "-S", f"/{GATE_PATH}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a node must have: the oldest driver, the newest CUDA major, code for its GPUs.

    ``archs`` are compute capabilities with machine code, ``ptx`` those with code to be compiled.
    """

    driver: str
    major: int = 0
    archs: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()


def render_gate(gate: Gate) -> str:
    """The program, with what it compares written into it."""
    facts = {
        "driver": gate.driver,
        "major": gate.major,
        "archs": _sorted(gate.archs),
        "ptx": _sorted(gate.ptx),
    }
    return _PROGRAM.replace("@FACTS@", json.dumps(facts, sort_keys=True))


def _sorted(archs: Sequence[str]) -> list[str]:
    return sorted(set(archs), key=lambda text: (len(text), text))


_PROGRAM = '''\
"""Refuses a node whose NVIDIA driver or GPUs cannot serve this image, then becomes the command."""

import ctypes
import os
import re
import sys

NEEDED = @FACTS@


def numbers(text):
    return [int(part) for part in re.findall(r"[0-9]+", text)]


def driver():
    for path in ("/sys/module/nvidia/version", "/proc/driver/nvidia/version"):
        try:
            with open(path) as file:
                found = re.search(r"[0-9]{3,}\\.[0-9.]+", file.read())
        except OSError:
            continue
        if found:
            return found[0]
    return None


def library():
    """libcuda, and the CUDA that it speaks; None where there is none."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        version = ctypes.c_int()
        if cuda.cuDriverGetVersion(ctypes.byref(version)) == 0:
            return cuda, version.value // 1000
    except (OSError, AttributeError):
        pass
    return None, 0


def capabilities(cuda):
    count = ctypes.c_int()
    if cuda is None or cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return
    for number in range(count.value):
        device, pair = ctypes.c_int(), []
        cuda.cuDeviceGet(ctypes.byref(device), number)
        for attribute in (75, 76):
            value = ctypes.c_int()
            cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
            pair.append(value.value)
        yield pair


def is_served(pair):
    for arch in NEEDED["archs"]:
        major, minor = numbers(arch)[:2]
        # Code for one architecture alone ends in a letter.
        exact = arch[-1].isalpha() and not arch.endswith("f")
        if pair[0] == major and (pair[1] == minor if exact else pair[1] >= minor):
            return True
    if any(numbers(arch)[:2] <= pair for arch in NEEDED["ptx"]):
        return True
    return not (NEEDED["archs"] or NEEDED["ptx"])


def refusal():
    """Why this node cannot serve the image, or None."""
    found = driver()
    if found is None:
        print("lockenv: no NVIDIA driver here: CUDA will not be available", file=sys.stderr)
        return None
    cuda, major = library()
    if numbers(found) < numbers(NEEDED["driver"]):
        # A forward-compatible libcuda brings the CUDA that is needed to an older driver.
        if cuda is None or not NEEDED["major"] or major < NEEDED["major"]:
            return f"has NVIDIA driver {found}, this image needs {NEEDED['driver']} or newer"
    for pair in capabilities(cuda):
        if not is_served(pair):
            codes = ", ".join([*NEEDED["archs"], *(f"{one} (PTX)" for one in NEEDED["ptx"])])
            said = ".".join(map(str, pair))
            return f"has a GPU of compute capability {said}, this image has code for {codes}"
    return None


if os.environ.get("NVIDIA_DISABLE_REQUIRE", "").lower() not in ("1", "true", "yes"):
    why = refusal()
    if why:
        sys.exit(print(f"lockenv: this node {why}", file=sys.stderr) or 78)
if len(sys.argv) < 2:
    sys.exit(0)
try:
    os.execvp(sys.argv[1], sys.argv[1:])
except OSError as error:
    print(f"lockenv: {sys.argv[1]}: {error.strerror}", file=sys.stderr)
    sys.exit(127 if isinstance(error, FileNotFoundError) else 126)
'''
