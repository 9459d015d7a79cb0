"""What of this machine a command in a root needs to reach its GPUs: devices and driver libraries.

From the Container Device Interface's files where there are any, else by looking as NVIDIA's own
container library does. Everything lands in one folder that the linker is
told of first, so the host's driver stands before one that the image may hold.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lockenv.fields import Fields
from lockenv.formats.cdi import parse_cdi
from lockenv.sandbox.inside_root import Shared

#: Where the driver's libraries are seen inside; put before LD_LIBRARY_PATH.
DRIVER_FOLDER = "/opt/lockenv/driver"
_CDI = (Path("/var/run/cdi"), Path("/etc/cdi"))
#: The libraries of the driver that programs load by name (nvidia-container-toolkit's list for
#: compute and utility).
_LIBRARIES = re.compile(
    r"lib(?:cuda|cudadebugger|nvidia-ml|nvidia-cfg|nvidia-opencl|nvidia-gpucomp|nvidia-nvvm\d*|"
    r"nvidia-ptxjitcompiler|nvidia-allocator|nvidia-pkcs11(?:-openssl3)?|nvcuvid|nvidia-encode|"
    r"nvidia-opticalflow)\.so\.\d+"
)
_CACHED = re.compile(r"^\s*(\S+) \(([^)]*)\) => (\S+)$", re.MULTILINE)


def gpu_shares() -> tuple[Shared, ...]:
    """Devices, driver libraries and nvidia-smi of this machine; empty where there is no GPU."""
    return _from_cdi() or _from_driver()


def _from_cdi() -> tuple[Shared, ...]:
    # What was made for this boot (/var/run) stands before what an administrator wrote down once.
    for folder in _CDI:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.suffix not in {".json", ".yaml", ".yml"}:
                continue
            try:
                document = parse_cdi(file.read_text("utf-8", "replace"))
            except (OSError, ValueError):
                continue
            if str(document.get("kind", "")).endswith("/gpu"):
                return cdi_shares(document)
    return ()


def cdi_shares(document: dict[str, object]) -> tuple[Shared, ...]:
    """What a CDI document asks for its device ``all``, or for all its devices."""
    fields = Fields(document)
    devices = {device.text("name"): device for device in fields.tables("devices")}
    chosen = [devices["all"]] if "all" in devices else list(devices.values())
    edits = [fields.below("containerEdits"), *(one.below("containerEdits") for one in chosen)]
    found: dict[str, Shared] = {}
    for edit in edits:
        if edit is None:
            continue
        for node in edit.tables("deviceNodes"):
            path = node.text("path") or ""
            found[path] = _optional(node.text("hostPath") or path, path)
        for mount in edit.tables("mounts"):
            source, target = mount.text("hostPath") or "", mount.text("containerPath") or ""
            name = target.rpartition("/")[2]
            if ".so" in name:
                target = f"{DRIVER_FOLDER}/{_soname(name)}"
            found[target] = _optional(source, target, readonly=True)
    return tuple(found[target] for target in sorted(found) if target)


def _optional(source: str, target: str, *, readonly: bool = False) -> Shared:
    # A document may name what this driver does not have; the program then tells what it misses.
    return Shared(source=source, target=target, readonly=readonly, optional=True)


def _soname(name: str) -> str:
    """``libcuda.so.1`` of ``libcuda.so.550.54``: the name that programs ask the linker for."""
    stem, _, version = name.partition(".so.")
    # CUDA's and NVML's own are 1; nvvm's is 4: NVIDIA numbers them apart from the driver.
    number = "4" if stem == "libnvidia-nvvm" else "1"
    return f"{stem}.so.{number}" if "." in version else name


def _from_driver() -> tuple[Shared, ...]:
    if not Path("/proc/driver/nvidia/version").exists():
        return ()
    shares = [
        _optional(str(node), str(node))
        for pattern in ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm*", "nvidia-modeset")
        for node in sorted(Path("/dev").glob(pattern))
    ]
    listing = subprocess.run(
        ["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False
    ).stdout
    seen = set()
    for name, kind, path in _CACHED.findall(listing):
        if _LIBRARIES.fullmatch(name) and "64" in kind and name not in seen:
            seen.add(name)
            shares.append(_optional(path, f"{DRIVER_FOLDER}/{name}", readonly=True))
    smi = Path("/usr/bin/nvidia-smi")
    if smi.exists():
        shares.append(_optional(str(smi), str(smi), readonly=True))
    return tuple(shares)
