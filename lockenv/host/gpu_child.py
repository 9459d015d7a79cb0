"""Run as a program of its own: asks one library of the NVIDIA driver, and answers in one JSON line.

Imports nothing of lockenv: it is started isolated, and a driver may crash it. Called with
``NVML LIBRARY…``, ``libcuda LIBRARY…`` (the first that loads is asked) or ``dlopen LIBRARY…``.
"""

from __future__ import annotations

import ctypes
import json
import sys

#: Names are at most 96 bytes (NVML's NVML_DEVICE_NAME_V2_BUFFER_SIZE), driver versions 80.
_NAME, _VERSION = 96, 80
#: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
_MAJOR, _MINOR = 75, 76
#: What cuInit says, by number (cuda.h).
_ERRORS = {
    100: "no device",
    803: "the system's driver and its libcuda do not match (803)",
    804: "forward compatibility is not for this GPU (804)",
    999: "unknown error (999)",
}
#: More devices than a machine has.
_DEVICES = 64


def _loaded(libraries: list[str]) -> ctypes.CDLL | None:
    for name in libraries:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def ask_nvml(library: ctypes.CDLL) -> dict[str, object]:
    """Driver, CUDA and devices as NVML has them; not affected by CUDA_VISIBLE_DEVICES."""
    answer: dict[str, object] = {}
    number = ctypes.c_int()
    # Works before nvmlInit.
    if library.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == 0:
        answer["cuda"] = number.value
    code = library.nvmlInit_v2()
    if code:
        answer["error"] = f"nvmlInit says {code}"
        return answer
    text = ctypes.create_string_buffer(_VERSION)
    if library.nvmlSystemGetDriverVersion(text, _VERSION) == 0:
        answer["driver"] = text.value.decode("utf-8", "replace")
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0:
        answer["gpus"] = [_nvml_device(library, n) for n in range(min(count.value, _DEVICES))]
    return answer


def _nvml_device(library: ctypes.CDLL, number: int) -> dict[str, object]:
    handle = ctypes.c_void_p()
    row: dict[str, object] = {}
    if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle)):
        return row
    name = ctypes.create_string_buffer(_NAME)
    if library.nvmlDeviceGetName(handle, name, _NAME) == 0:
        row["name"] = name.value.decode("utf-8", "replace")
    major, minor = ctypes.c_int(), ctypes.c_int()
    ask = library.nvmlDeviceGetCudaComputeCapability
    if ask(handle, ctypes.byref(major), ctypes.byref(minor)) == 0:
        row["capability"] = f"{major.value}.{minor.value}"
    return row


def ask_libcuda(library: ctypes.CDLL) -> dict[str, object]:
    """CUDA and devices as programs see them; also where there is no NVML (Jetson)."""
    answer: dict[str, object] = {}
    number = ctypes.c_int()
    if library.cuDriverGetVersion(ctypes.byref(number)) == 0:
        answer["cuda"] = number.value
    code = library.cuInit(0)
    if code:
        answer["error"] = _ERRORS.get(code, f"cuInit says {code}")
        return answer
    count = ctypes.c_int()
    if library.cuDeviceGetCount(ctypes.byref(count)) == 0:
        answer["gpus"] = [_cuda_device(library, n) for n in range(min(count.value, _DEVICES))]
    return answer


def _cuda_device(library: ctypes.CDLL, number: int) -> dict[str, object]:
    device = ctypes.c_int()
    row: dict[str, object] = {}
    if library.cuDeviceGet(ctypes.byref(device), number):
        return row
    name = ctypes.create_string_buffer(_NAME)
    if library.cuDeviceGetName(name, _NAME, device) == 0:
        row["name"] = name.value.decode("utf-8", "replace")
    parts = []
    for attribute in (_MAJOR, _MINOR):
        value = ctypes.c_int()
        if library.cuDeviceGetAttribute(ctypes.byref(value), attribute, device):
            return row
        parts.append(str(value.value))
    row["capability"] = ".".join(parts)
    return row


def _open_each(libraries: list[str]) -> None:
    for name in libraries:
        try:
            # At once and for all: what one library needs, a former one may have brought.
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            line = f"refused {error}"
        else:
            line = "ok"
        sys.stdout.write(line.replace("\n", " ") + "\n")
        sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Answer, in one line a question; 1 where there is nothing to ask."""
    kind, libraries = arguments[0], arguments[1:]
    if kind == "dlopen":
        _open_each(libraries)
        return 0
    library = _loaded(libraries)
    if library is None:
        return 1
    try:
        answer = ask_nvml(library) if kind == "NVML" else ask_libcuda(library)
    except AttributeError as error:
        # An old or strange driver lacks a function; what it has was not worth half an answer.
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
