"""What of this machine a command in a root needs to reach its GPUs: devices and driver libraries.

From the Container Device Interface's files (CDI 0.6, those in JSON) where there are any, else by
looking as NVIDIA's own container library does. Everything lands in one folder that the linker is
told of first, so the host's driver stands before one that the image may hold.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lockenv.fields import Fields, parse_json
from lockenv.sandbox.inside_root import Shared

#: Where the driver's libraries are seen inside; put before LD_LIBRARY_PATH.
DRIVER_FOLDER = "/opt/lockenv/driver"
_CDI = (Path("/etc/cdi"), Path("/var/run/cdi"))
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
    for folder in _CDI:
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                document = parse_json(file.read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(document, dict) and "gpu" in str(document.get("kind", "")):
                return parse_cdi(document)
    return ()


def parse_cdi(document: dict[str, object]) -> tuple[Shared, ...]:
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
            found[path] = Shared(source=node.text("hostPath") or path, target=path)
        for mount in edit.tables("mounts"):
            source, target = mount.text("hostPath") or "", mount.text("containerPath") or ""
            name = target.rpartition("/")[2]
            if ".so" in name:
                target = f"{DRIVER_FOLDER}/{_soname(name)}"
            found[target] = Shared(source=source, target=target, readonly=True)
    return tuple(found[target] for target in sorted(found) if target)


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
        Shared(source=str(node), target=str(node))
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
            shares.append(Shared(source=path, target=f"{DRIVER_FOLDER}/{name}", readonly=True))
    smi = Path("/usr/bin/nvidia-smi")
    if smi.exists():
        shares.append(Shared(source=str(smi), target="/usr/bin/nvidia-smi", readonly=True))
    return tuple(shares)
