"""A stand-in for NVIDIA's driver: libraries and programs that answer as told, built with gcc.

For detection without a GPU: the libraries have the functions that are asked for and nothing else.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_NVML = """
#include <string.h>
int nvmlSystemGetCudaDriverVersion_v2(int *v) { *v = CUDA; return 0; }
int nvmlInit_v2(void) { MOOD; return CODE; }
int nvmlSystemGetDriverVersion(char *t, unsigned n) { strncpy(t, DRIVER, n); return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = COUNT; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)(long)(i + 1); return 0; }
int nvmlDeviceGetName(void *d, char *t, unsigned n) { strncpy(t, NAME, n); return 0; }
int nvmlDeviceGetCudaComputeCapability(void *d, int *a, int *b) {
    *a = MAJOR; *b = MINOR; return 0;
}
"""

_CUDA = """
#include <string.h>
int cuInit(unsigned f) { MOOD; return CODE; }
int cuDriverGetVersion(int *v) { *v = CUDA; return 0; }
int cuDeviceGetCount(int *n) { *n = COUNT; return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *t, int n, int d) { strncpy(t, NAME, n); return 0; }
int cuDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? MAJOR : MINOR; return 0; }
"""

#: What a library does before it answers.
MOODS = {
    "healthy": "",
    "crashes": "__builtin_trap()",
    "hangs": 'for (;;) __asm__ volatile("pause")',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDriver:
    """What the stand-in says of itself."""

    driver: str = "535.183.01"
    cuda: int = 12020
    name: str = "NVIDIA A100-SXM4-40GB"
    capability: tuple[int, int] = (8, 0)
    count: int = 1
    code: int = 0
    mood: str = "healthy"


def build_nvml(folder: Path, fake: FakeDriver) -> str:
    """A shared object in the folder that answers as libnvidia-ml would; its path."""
    return _build(folder / "libnvidia-ml.so.1", _NVML, fake)


def build_libcuda(folder: Path, fake: FakeDriver) -> str:
    """A shared object in the folder that answers as libcuda would; its path."""
    return _build(folder / "libcuda.so.1", _CUDA, fake)


def build_smi(folder: Path, line: str) -> str:
    """A program that prints one line, as ``nvidia-smi --query-gpu`` does; its path."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{line}'\n")
    program.chmod(0o755)
    return str(program)


def build_library(path: Path, *flags: str) -> Path:
    """An empty shared object, linked with more flags."""
    gcc = _gcc()
    source = path.with_suffix(".c")
    source.write_text("int nothing;\n")
    subprocess.run([gcc, "-shared", "-fPIC", "-o", path, source, *flags], check=True)
    return path


def _build(path: Path, code: str, fake: FakeDriver) -> str:
    gcc = _gcc()
    source = path.parent / f"{path.name}.c"
    source.write_text(code)
    words = {
        "CUDA": fake.cuda,
        "CODE": fake.code,
        "COUNT": fake.count,
        "MAJOR": fake.capability[0],
        "MINOR": fake.capability[1],
        "DRIVER": f'"{fake.driver}"',
        "NAME": f'"{fake.name}"',
        "MOOD": MOODS[fake.mood],
    }
    defines = [f"-D{key}={value}" for key, value in words.items()]
    subprocess.run([gcc, "-w", "-shared", "-fPIC", "-o", path, source, *defines], check=True)
    return str(path)


def _gcc() -> str:
    found = shutil.which("gcc")
    if found is None:
        pytest.skip("needs gcc to build a stand-in for the driver's libraries")
    return found
