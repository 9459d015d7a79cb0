"""Which NVIDIA driver and GPUs this machine has, and whether they serve what a lock needs.

In the order kernel module, NVML, libcuda, ``nvidia-smi``; each value with where it is from. What
loads a library of the driver's happens in a child process with a time limit, so that a crashing or
hanging driver cannot take lockenv along; nothing here prints or raises.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.fields import Fields, parse_json
from lockenv.model import Finding
from lockenv.tables.cuda import (
    Driver,
    capability_key,
    covers,
    drivers,
    parse_capability,
    parse_driver,
)
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockenv.model import CudaFacts

#: A healthy driver answers in milliseconds; a waking GPU may take most of a second.
_SECONDS = 2.0
#: The open and the proprietary kernel module phrase the line differently; both name it first.
_MODULE = re.compile(r"Module\s.*?(\d{3,4}\.\d+(?:\.\d+)?)")
_SMI = ("name", "driver_version", "compute_cap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One device; ``capability`` is None where nobody could tell."""

    name: str
    capability: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHost:
    """What was found. ``driver`` is the kernel driver's version, ``cuda`` the CUDA of libcuda.

    ``sources`` maps each of driver, cuda and gpus to where it is from; ``notes`` say, for a person,
    what was odd (a forward-compatible libcuda, an error code).
    """

    driver: str | None = None
    cuda: str | None = None
    gpus: tuple[Gpu, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProbe:
    """Where detection looks; the defaults are this machine's own places.

    ``nvml`` and ``libcuda`` are names for the loader (or paths); ``smi`` is a program or None.
    """

    module_version: Path = Path("/sys/module/nvidia/version")
    proc_version: Path = Path("/proc/driver/nvidia/version")
    nvml: tuple[str, ...] = ("libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1", "nvml.dll")
    libcuda: tuple[str, ...] = ("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1", "nvcuda.dll")
    smi: str | None = "nvidia-smi"
    seconds: float = _SECONDS


def detect_gpus(probe: HostProbe | None = None) -> GpuHost:
    """What this machine has, by the first way that answers; empty where there is nothing."""
    probe = probe or HostProbe()
    found = _with_driver(GpuHost(), _from_kernel(probe))
    for label, libraries in (("NVML", probe.nvml), ("libcuda", probe.libcuda)):
        answer = _ask_child(label, libraries, probe.seconds)
        if answer is not None:
            found = _merged(found, answer, label)
    if found.driver is None or not found.gpus:
        found = _from_smi(found, probe)
    return _with_compat_note(found)


def _with_driver(found: GpuHost, known: tuple[str, str] | None) -> GpuHost:
    if known is None:
        return found
    return replace(found, driver=known[0], sources={**found.sources, "driver": known[1]})


def _from_kernel(probe: HostProbe) -> tuple[str, str] | None:
    text = _text(probe.module_version)
    if text is not None and _is_driver(text.strip()):
        return text.strip(), str(probe.module_version)
    match = _MODULE.search(_text(probe.proc_version) or "")
    return (match.group(1), str(probe.proc_version)) if match else None


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("utf-8", "replace")
    except OSError:
        return None


def _is_driver(text: str) -> bool:
    try:
        parse_driver(text)
    except ValueError:
        return False
    return True


def _ask_child(label: str, libraries: Sequence[str], seconds: float) -> Fields | None:
    """What the child process says of one library, or None: absent, crashed, late or garbled."""
    if not libraries:
        return None
    child = Path(__file__).with_name("gpu_child.py")
    # -I: neither the user's site-packages nor variables of Python's decide what the child imports.
    command = [sys.executable, "-I", "-S", str(child), label, *libraries]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
        parsed = parse_json(done.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Fields(parsed) if isinstance(parsed, dict) else None


def _merged(found: GpuHost, answer: Fields, label: str) -> GpuHost:
    """The answer added where nothing is known; a GPU without a capability counts as unknown."""
    sources = dict(found.sources)
    driver, cuda = answer.text("driver"), plausible_cuda(answer.integer("cuda"))
    if found.driver is None and driver and _is_driver(driver):
        found = replace(found, driver=driver)
        sources["driver"] = label
    # libcuda is what programs load: its number counts where both answer.
    if cuda is not None and (found.cuda is None or label == "libcuda"):
        found = replace(found, cuda=cuda)
        sources["cuda"] = label
    gpus = tuple(
        Gpu(name=row.text("name") or "GPU", capability=_capability(row))
        for row in answer.tables("gpus")
    )
    complete = bool(found.gpus) and all(gpu.capability for gpu in found.gpus)
    if gpus and not complete:
        found = replace(found, gpus=gpus)
        sources["gpus"] = label
    error = answer.text("error")
    notes = (*found.notes, f"{label}: {error}") if error else found.notes
    return replace(found, sources=sources, notes=notes)


def _capability(row: Fields) -> str | None:
    found = parse_capability(row.text("capability") or "")
    return found or drivers().capability_of(row.text("name") or "")


def plausible_cuda(number: int | None) -> str | None:
    """``12.4`` of 12040; None for numbers that no driver has."""
    if number is None or not 1000 <= number <= 99990:
        return None
    return f"{number // 1000}.{number % 1000 // 10}"


def _from_smi(found: GpuHost, probe: HostProbe) -> GpuHost:
    if probe.smi is None:
        return found
    command = [probe.smi, f"--query-gpu={','.join(_SMI)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=probe.seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return found
    rows = [
        [cell.strip() for cell in line.split(",")]
        for line in done.stdout.decode("utf-8", "replace").splitlines()[:64]
        if line.count(",") == len(_SMI) - 1
    ]
    if done.returncode or not rows:
        return found
    if found.driver is None and _is_driver(rows[0][1]):
        found = _with_driver(found, (rows[0][1], "nvidia-smi"))
    if not found.gpus:
        gpus = tuple(
            Gpu(name=row[0], capability=parse_capability(row[2]) or drivers().capability_of(row[0]))
            for row in rows
        )
        found = replace(found, gpus=gpus, sources={**found.sources, "gpus": "nvidia-smi"})
    return found


def _with_compat_note(found: GpuHost) -> GpuHost:
    """Says so where libcuda is newer than the kernel driver: forward compatibility."""
    if found.driver is None or found.cuda is None or found.sources.get("cuda") != "libcuda":
        return found
    native = drivers().native_cuda(Driver(found.driver))
    if native is None or capability_key(found.cuda) <= capability_key(native):
        return found
    note = f"libcuda is of CUDA {found.cuda}, newer than driver {found.driver}: forward compatible"
    return replace(found, notes=(*found.notes, note))


def compare(host: GpuHost, facts: CudaFacts, *, target: str | None = None) -> tuple[Finding, ...]:
    """Where the machine falls short of what a lock needs: LE601, and LE604 for each GPU.

    A machine without any driver has no finding here: whether it must have one is the caller's
    question (``driver`` is None then). A CUDA that a forward-compatible libcuda brings counts.
    """
    findings: list[Finding] = []
    needed = facts.needs.get("driver")
    if host.driver is not None and isinstance(needed, str):
        enough = Driver(host.driver).meets(Driver(needed))
        if not enough and not _forward(host, facts):
            findings.append(
                Finding(
                    code="LE601",
                    layer="host",
                    target=target,
                    message=f"driver {host.driver} is older than {needed}, which the lock needs "
                    f"({host.sources.get('driver', 'as told')})",
                    fix="update the driver, or set cuda.driver to the fleet's and lock",
                )
            )
    findings += [
        Finding(
            code="LE604",
            layer="host",
            target=target,
            message=f"{gpu.name} (compute capability {gpu.capability}) has no code in the lock: "
            f"it has {', '.join(_codes(facts))}",
            fix=f'add "{gpu.capability}" to cuda.archs and lock, or use another machine',
        )
        for gpu in host.gpus
        if gpu.capability is not None and not serves(facts, gpu.capability)
    ]
    return tuple(findings)


def serves(facts: CudaFacts, capability: str) -> bool:
    """Whether the locked packages have code for a GPU: machine code, or PTX that is old enough."""
    archs, ptx = _codes(facts), _texts(facts, "ptx")
    if not archs and not ptx:
        return True
    return any(covers(arch, capability) for arch in archs) or any(
        capability_key(text) <= capability_key(capability) for text in ptx
    )


def _codes(facts: CudaFacts) -> tuple[str, ...]:
    found = (*_texts(facts, "archs"), *_texts(facts, "jit"))
    return tuple(sorted(found, key=capability_key))


def _texts(facts: CudaFacts, key: str) -> tuple[str, ...]:
    value = facts.needs.get(key, ())
    return (value,) if isinstance(value, str) else tuple(value)


def _forward(host: GpuHost, facts: CudaFacts) -> bool:
    majors = _texts(facts, "major")
    if host.cuda is None or host.sources.get("cuda") != "libcuda" or not majors:
        return False
    return capability_key(host.cuda)[0] >= max(int(major) for major in majors)


def unloadable(libraries: Sequence[Path], *, seconds: float = 60.0) -> dict[Path, str]:
    """The libraries that the loader refuses, with what it says; needs no GPU.

    Each is opened in one child process, in the given order, without running anything of it beyond
    its initializers. A child that dies names the library at which it did.
    """
    if not libraries:
        return {}
    child = Path(__file__).with_name("gpu_child.py")
    command = [sys.executable, "-I", "-S", str(child), "dlopen", *map(str, libraries)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
        lines, ending = done.stdout.decode("utf-8", "replace").splitlines(), f"{done.returncode}"
    except subprocess.TimeoutExpired as error:
        lines, ending = (error.stdout or b"").decode("utf-8", "replace").splitlines(), "a time-out"
    except OSError as error:
        return {libraries[0]: str(error)}
    refused: dict[Path, str] = {}
    opened = 0
    for line in lines:
        status, _, words = line.partition(" ")
        if opened >= len(libraries) or status not in {"ok", "refused"}:
            continue
        if status == "refused":
            refused[libraries[opened]] = words
        opened += 1
    if opened < len(libraries):
        refused[libraries[opened]] = f"opening it ended the process ({ending})"
    return refused


__all__ = [
    "Gpu",
    "GpuHost",
    "HostProbe",
    "compare",
    "detect_gpus",
    "plausible_cuda",
    "serves",
    "unloadable",
]
