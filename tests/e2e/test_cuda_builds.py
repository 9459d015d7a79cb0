"""Stories of sources that nvcc compiles: a locked toolkit, torch as it runs, GPUs as declared."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from lockenv.tables.addresses import NVIDIA_REDISTRIBUTABLES
from tests.support.kernels import kernel_sdist, redistributable, toolkit_wheels
from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

CUDA_12 = ["nvidia-cuda-runtime-cu12==12.8.90"]
CUDA_13 = ["nvidia-cuda-runtime==13.0.88"]


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    """Torch for two majors, the toolkit of one, and a source for nvcc."""
    index.publish(
        *toolkit_wheels("13.0.2"),
        wheel("nvidia-cuda-runtime-cu12", "12.8.90", files={"nvidia/cu12/libcudart.so.12": "12"}),
        wheel("torch", "2.10.0", requires=CUDA_12),
        wheel("torch", "2.11.0", requires=CUDA_13),
        wheel("torch", "2.12.0", requires=CUDA_13),
        kernel_sdist("kernel", "1.0", requires=["torch<2.12"], torch=True),
    )
    return index


def manifest(index: IndexServer, cuda: str, *dependencies: str, more: str = "") -> str:
    tables = f"""[tool.lockenv.target.gpu]
platform = 'linux-x86_64'
cuda = {cuda}
[tool.lockenv.policy]
sdist = {{ kernel = "locked-build" }}
{more}"""
    return pyproject(index, dependencies=dependencies, targets=["gpu"], tables=tables)


def build(user: User) -> dict[str, Any]:
    (found,) = tomllib.loads(user.read("lockenv.lock"))["builds"]
    return dict(found)


def members(user: User) -> dict[str, str]:
    return {one["name"]: one["version"] for one in build(user)["packages"]}


def said(user: User) -> dict[str, Any]:
    text = (user.site / "kernel.py").read_text().removeprefix("SAID = ")
    return dict(ast.literal_eval(text))


def test_the_compiler_is_locked_with_torch_as_it_runs(user: User, world: IndexServer) -> None:
    user.write(
        "pyproject.toml", manifest(world, "{ driver = '580', gpus = ['A100', 'H100'] }", "kernel")
    )
    user.lockenv("lock")
    assert members(user)["torch"] == "2.11.0"
    assert members(user)["nvidia-cuda-nvcc"] == "13.0.88"
    assert "nvidia-cuda-nvcc" not in {
        one["name"] for one in tomllib.loads(user.read("lockenv.lock"))["packages"]
    }

    user.lockenv("sync")

    told = said(user)
    assert told["nvcc"].startswith("nvcc 13.0.2 -ccbin /")
    assert told["nvcc"].strip().endswith("kernel.cu")
    assert {"libcudart.so", "libcudart.so.13", "libcudart_static.a"} <= set(told["links"])
    assert told["variables"]["TORCH_CUDA_ARCH_LIST"] == "8.0;9.0"
    assert told["variables"]["CUDAARCHS"] == "80;90"
    assert told["installed"]["torch"] == "2.11.0"
    user.lockenv("check", "--env")


def test_other_gpus_make_another_build(user: User, world: IndexServer) -> None:
    for gpu in ("A100", "H100"):
        cuda = f"{{ driver = '580', gpus = ['{gpu}'] }}"
        user.write("pyproject.toml", manifest(world, cuda, "kernel"))
        user.lockenv("lock")
        user.lockenv("sync", "--venv", gpu)

    texts = [
        next(user.folder.glob(f"{gpu}/lib/*/*/kernel.py")).read_text() for gpu in ("A100", "H100")
    ]
    assert ["'CUDAARCHS': '80'" in texts[0], "'CUDAARCHS': '90'" in texts[1]] == [True, True]


def test_wheels_have_no_compiler_for_an_older_major(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", manifest(world, "{ driver = '535' }", "kernel"))

    answer = user.lockenv("lock", status=3)

    assert "kernel 1.0: needs nvcc of CUDA 12 to be built with" in answer.err
    assert 'sources = { nvcc = "redistributable" }' in answer.err
    assert 'driver = "580"' in answer.err


def test_the_compiler_decides_the_major_of_torch(user: User, world: IndexServer) -> None:
    cuda = "{ driver = '580', components = ['nvcc'] }"
    user.write("pyproject.toml", manifest(world, cuda, "torch<2.11"))

    answer = user.lockenv("lock", status=3)

    assert (
        "CUDA 12 is left out: nvcc is to come from wheels, which has none of CUDA 12" in answer.err
    )


def test_nvidias_archives_are_a_toolkit_too(user: User, world: IndexServer) -> None:
    document: dict[str, object] = {"release_date": "2025-03-04"}
    for part in ("nvcc", "cudart"):
        data = redistributable("12.8.1", part)
        path = f"cuda_{part}/linux-x86_64/cuda_{part}-linux-x86_64-12.8.93-archive.tar.xz"
        place = {
            "relative_path": path,
            "sha256": hashlib.sha256(data).hexdigest(),
            "md5": "",
            "size": str(len(data)),
        }
        document[f"cuda_{part}"] = {
            "name": part,
            "license": "x",
            "version": "12.8.93",
            "linux-x86_64": place,
        }
        world.pages[f"/nvidia/cuda/redist/{path}"] = ("application/octet-stream", data)
    page = ("application/json", json.dumps(document).encode())
    world.pages["/nvidia/cuda/redist/redistrib_12.8.1.json"] = page
    user.configure(f'[mirrors]\n"{NVIDIA_REDISTRIBUTABLES}" = ["{world.root}/nvidia/"]\n')
    cuda = "{ driver = '535', toolkit = '12.8.1', sources = { nvcc = 'redistributable' } }"
    user.write("pyproject.toml", manifest(world, cuda, "kernel"))
    user.lockenv("lock")
    assert build(user)["system"] == ["cuda:nvcc"]
    assert members(user)["torch"] == "2.10.0"

    user.lockenv("fetch", "--output", "bundle")
    shutil.rmtree(user.cache)
    user.lockenv("sync", "--from", "bundle", "--offline")

    told = said(user)
    assert told["nvcc"].startswith("nvcc 12.8.1")
    assert {"libcudart.so", "libcudart.so.12", "libcudart.so.12.8.90"} <= set(told["links"])
    assert told["headers"] == ["cuda_runtime_api.h"]
    user.lockenv("check")


def test_the_project_itself_may_be_compiled(user: User, world: IndexServer) -> None:
    world.publish(backend_wheel())
    text = manifest(world, "{ driver = '580', components = ['nvcc'] }", "torch<2.12")
    build_system = '[build-system]\nrequires = ["tinybackend"]\nbuild-backend = "tinybackend"\n'
    user.write("pyproject.toml", f"{build_system}\n{text}")

    user.lockenv("lock")

    assert members(user)["nvidia-cuda-nvcc"] == "13.0.88"
    assert build(user)["kind"] == "editable"
