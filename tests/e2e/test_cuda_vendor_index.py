"""Stories of a vendor's index: one build for each CUDA release, told apart by local versions.

The layout is that of PyTorch's: an index of pages for each build (``whl/cu128/``, ``whl/cpu/``), in
which the files of one version differ in their local part alone.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.index_server import IndexServer, serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.commands import User

LINUX = "py3-none-manylinux_2_28_x86_64"
VARIANT = "py3-none-manylinux_2_28_x86_64-cu130"


@pytest.fixture
def vendor() -> Iterator[IndexServer]:
    """Builds of one torch for CPU, CUDA 12.8 and 13.0, an older one beside, and a variant wheel."""
    with serve_index() as server:
        server.publish(
            wheel("nvidia-cuda-runtime-cu12", "12.8.90"),
            wheel("nvidia-cuda-runtime", "13.0.96"),
            wheel("torch", "2.11.0+cpu", tag=LINUX),
            wheel("torch", "2.10.0+cu128", requires=["nvidia-cuda-runtime-cu12==12.8.90"]),
            wheel("torch", "2.11.0+cu128", requires=["nvidia-cuda-runtime-cu12==12.8.90"]),
            wheel("torch", "2.11.0+cu130", requires=["nvidia-cuda-runtime==13.0.96"]),
            wheel("torch", "2.12.0", tag=VARIANT),
            wheel("torchvision", "0.26.0+cu128", requires=["torch==2.11.0"]),
            wheel("torchvision", "0.26.0+cpu", requires=["torch==2.11.0"]),
        )
        yield server


def manifest(
    index: IndexServer, vendor: IndexServer, *dependencies: str, cuda: str, more: str = ""
) -> str:
    tables = f"""[[tool.lockenv.index]]
name = 'vendor'
url = '{vendor.url}'
explicit = true
[tool.lockenv.sources]
torch = {{ index = 'vendor' }}
torchvision = {{ index = 'vendor' }}
nvidia-cuda-runtime = {{ index = 'vendor' }}
nvidia-cuda-runtime-cu12 = {{ index = 'vendor' }}
[tool.lockenv.target.gpu]
platform = 'linux-x86_64'
cuda = {cuda}
{more}"""
    return pyproject(index, dependencies=dependencies, targets=["gpu"], tables=tables)


def versions(user: User, target: str = "gpu") -> dict[str, str]:
    found = tomllib.loads(user.read("lockenv.lock"))["packages"]
    return {
        one["name"]: one["version"]
        for one in found
        if target in one["targets"] and "version" in one
    }


@pytest.mark.parametrize(
    ("cuda", "version"),
    [
        ("{ driver = '535' }", "2.11.0+cu128"),
        ("{ driver = '580' }", "2.11.0+cu130"),
        ("{ driver = '580', toolkit = '12.8' }", "2.11.0+cu128"),
        ("false", "2.11.0+cpu"),
    ],
)
def test_the_build_follows_the_declaration(
    user: User, index: IndexServer, vendor: IndexServer, cuda: str, version: str
) -> None:
    user.write("pyproject.toml", manifest(index, vendor, "torch", cuda=cuda))

    user.lockenv("lock")

    assert versions(user)["torch"] == version
    user.lockenv("check")
    before = user.read("lockenv.lock")
    user.lockenv("lock", "--upgrade")
    assert user.read("lockenv.lock") == before


def test_companions_are_of_the_same_build(
    user: User, index: IndexServer, vendor: IndexServer
) -> None:
    text = manifest(index, vendor, "torchvision", "torch", cuda="{ driver = '580' }")
    user.write("pyproject.toml", text)

    user.lockenv("lock")

    found = versions(user)
    assert (found["torch"], found["torchvision"]) == ("2.11.0+cu128", "0.26.0+cu128")


def test_each_target_may_have_its_own_index(
    user: User, index: IndexServer, vendor: IndexServer
) -> None:
    with serve_index() as cpu:
        cpu.publish(wheel("torch", "2.11.0+cpu", tag=LINUX))
        text = manifest(index, vendor, "torch", cuda="{ driver = '535' }").replace(
            "torch = { index = 'vendor' }\n",
            "torch = [{ index = 'vendor', target = 'gpu' }, { index = 'cpu', target = 'ci' }]\n",
        )
        text += f"""[tool.lockenv.target.ci]
platform = 'linux-x86_64'
cuda = false
[[tool.lockenv.index]]
name = 'cpu'
url = '{cpu.url}'
explicit = true
"""
        user.write("pyproject.toml", text.replace('targets = ["gpu"]', 'targets = ["gpu", "ci"]'))

        user.lockenv("lock")

    assert versions(user)["torch"] == "2.11.0+cu128"
    assert versions(user, "ci")["torch"] == "2.11.0+cpu"
    user.lockenv("check")


def test_a_cpu_build_where_gpus_are_declared_is_le701(
    user: User, index: IndexServer, vendor: IndexServer
) -> None:
    text = manifest(index, vendor, "torch==2.11.0+cpu", cuda="{ gpus = ['A100'] }")
    user.write("pyproject.toml", text)
    refused = user.lockenv("lock", status=3)
    assert "torch 2.11.0+cpu: needs a target without GPU: it is a CPU build, LE701" in refused.err
    user.write("pyproject.toml", text.replace("{ gpus = ['A100'] }", "false"))
    user.lockenv("lock")

    user.write("pyproject.toml", text)

    found = user.lockenv("check", status=1)
    assert "LE107" in found.out + found.err
