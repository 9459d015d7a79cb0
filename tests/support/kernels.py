"""Sources that nvcc compiles, and toolkits whose nvcc is a script: builds against CUDA in seconds.

    index.publish(*toolkit_wheels("13.0.2"), kernel_sdist("flash", "1.0"))

The sdist's backend stands in the sdist. It runs ``$CUDA_HOME/bin/nvcc`` on ``kernel.cu`` and puts a
module into the wheel that says what nvcc printed, and under which circumstances.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.wheels import Built

LINUX = "py3-none-manylinux_2_17_x86_64"
#: What a toolkit's nvcc is here: it says its name and what it was given.
NVCC = '#!/bin/sh\necho "nvcc RELEASE $NVCC_PREPEND_FLAGS $*"\n'
_PARTS = {
    "cccl": "nvidia-cuda-cccl",
    "crt": "nvidia-cuda-crt",
    "cudart": "nvidia-cuda-runtime",
    "nvcc": "nvidia-cuda-nvcc",
    "nvptxcompiler": "nvidia-nvptxcompiler",
    "nvvm": "nvidia-nvvm",
}

_BACKEND = r"""
import base64, hashlib, importlib.metadata, json, os, subprocess, zipfile

def _said():
    home = os.environ["CUDA_HOME"]
    nvcc = subprocess.run(["sh", home + "/bin/nvcc", "kernel.cu"], capture_output=True, text=True)
    there = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    names = ("TORCH_CUDA_ARCH_LIST", "CUDAARCHS", "CXX", "LIBRARY_PATH")
    return {
        "nvcc": nvcc.stdout + nvcc.stderr,
        "links": sorted(os.listdir(home + "/lib64")),
        "headers": sorted(os.listdir(home + "/include")),
        "variables": {name: os.environ.get(name) for name in names},
        "installed": there,
    }

def build_wheel(folder, config_settings=None, metadata_directory=None):
    stem = "STEM"
    metadata = open("PKG-INFO").read()
    files = {
        "MODULE.py": "SAID = " + repr(_said()) + "\n",
        stem + ".dist-info/METADATA": metadata,
        stem + ".dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: TAG\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}")
    files[stem + ".dist-info/RECORD"] = "\n".join([*rows, stem + ".dist-info/RECORD,,", ""])
    name = stem + "-TAG.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return name
""".replace("TAG", "py3-none-any")

_PYPROJECT = """[build-system]
requires = REQUIRES
build-backend = "kernel_backend"
backend-path = ["."]
"""
_SETUP = """from setuptools import setup
IMPORTS
setup(ext_modules=[CUDAExtension("kernel", ["kernel.cu"])])
"""


def kernel_sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    build_requires: Sequence[str] = (),
    torch: bool = False,
) -> Built:
    """An sdist for nvcc; with ``torch`` its setup script imports that, and says so nowhere else."""
    stem = f"{name.replace('-', '_')}-{version}"
    module = name.replace("-", "_")
    imports = "import torch\nfrom torch.utils.cpp_extension import CUDAExtension"
    return sdist(
        name,
        version,
        requires=requires,
        dynamic=["requires-dist"],
        pyproject=_PYPROJECT.replace("REQUIRES", json.dumps(list(build_requires))),
        files={
            "kernel_backend.py": _BACKEND.replace("STEM", stem).replace("MODULE", module),
            "kernel.cu": "__global__ void kernel() {}\n",
            "setup.py": _SETUP.replace("IMPORTS", imports if torch else "CUDAExtension = object"),
        },
    )


def toolkit_wheels(release: str) -> list[Built]:
    """The metapackage of a toolkit release and what nvcc needs, with the layout of CUDA 13's."""
    major, minor, _ = release.split(".")
    version = f"{major}.{minor}.88"
    number = int(major) * 1000 + int(minor) * 10
    files = {
        "nvcc": {"bin/nvcc": NVCC.replace("RELEASE", release)},
        "cudart": {
            f"lib/libcudart.so.{major}": "runtime",
            "lib/libcudart_static.a": "static",
            "include/cuda_runtime_api.h": f"#define CUDART_VERSION {number}\n",
        },
    }
    found = [
        wheel(
            package,
            version,
            files={f"nvidia/cu{major}/{path}": text for path, text in files.get(part, {}).items()}
            or {f"nvidia/cu{major}/include/{part}.h": ""},
            tag=LINUX,
        )
        for part, package in _PARTS.items()
    ]
    extras = {part: [f"{package}=={version}"] for part, package in _PARTS.items()}
    return [*found, wheel("cuda-toolkit", release, extras=extras)]


def redistributable(release: str, part: str) -> bytes:
    """An archive of NVIDIA's (``.tar.xz``) with one top folder."""
    files = {
        "nvcc": {"bin/nvcc": NVCC.replace("RELEASE", release)},
        "cudart": {
            "lib/libcudart.so.12.8.90": "runtime",
            "include/cuda_runtime_api.h": "#define CUDART_VERSION 12080\n",
        },
    }
    raw = io.BytesIO()
    top = f"cuda_{part}-linux-x86_64-{release}-archive"
    with tarfile.open(fileobj=raw, mode="w:xz") as archive:
        for path, text in files[part].items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size, entry.mode = len(text), 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
        if part == "cudart":
            link = tarfile.TarInfo(f"{top}/lib/libcudart.so.12")
            link.type, link.linkname = tarfile.SYMTYPE, "libcudart.so.12.8.90"
            archive.addfile(link)
    return raw.getvalue()
