"""Stories of wheels that turn out to be something else when they are installed (LE705)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.elves import elf, fatbin
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

LINUX = "py3-none-manylinux_2_17_x86_64"
RUNTIME = wheel(
    "nvidia-cuda-runtime-cu12", "12.8.90", files={"nvidia/cu12/libcudart.so.12": elf()}, tag=LINUX
)
FRAME = wheel("frame", "1.0", requires=["nvidia-cuda-runtime-cu12==12.8.90"])


def secretive(soname: str, *codes: int) -> bytes:
    """A library that links one of CUDA's, with machine code for some GPUs."""
    code = fatbin(*(("cubin", one) for one in codes)) if codes else b""
    return elf(needed=[soname], fatbin=code)


def manifest(index: IndexServer, cuda: str, more: str = "") -> str:
    table = f"[tool.lockenv.target.gpu]\nplatform = 'linux-x86_64'\ncuda = {cuda}\n{more}"
    return pyproject(index, dependencies=["frame", "secret"], targets=["gpu"], tables=table)


@pytest.fixture
def blind(index: IndexServer) -> IndexServer:
    """An index without ranges: nothing of a wheel is read while locking but its metadata."""
    index.ranges = False
    index.publish(RUNTIME, FRAME)
    return index


def test_a_wheel_of_another_major_is_found_when_it_is_installed(
    user: User, blind: IndexServer
) -> None:
    files = {"secret/_gpu.so": secretive("libcudart.so.13")}
    blind.publish(wheel("secret", "1.0", files=files, tag=LINUX))
    user.write("pyproject.toml", manifest(blind, "{ driver = '535' }"))
    user.lockenv("lock")

    answer = user.lockenv("sync", status=1)

    assert "error[LE705]: secret 1.0 was locked as CUDA 12" in answer.err
    assert "needs driver >= 580.65.06 for CUDA 13" in answer.err
    assert 'constraints = ["secret!=1.0"]' in answer.err
    assert not user.venv.exists()

    word = "[tool.lockenv.policy]\nfindings = { LE705 = 'warn' }"
    user.write("pyproject.toml", manifest(blind, "{ driver = '535' }", word))
    user.lockenv("lock")
    assert "LE705: secret 1.0" in user.lockenv("sync").err
    found = user.lockenv("check", "--env")
    assert "LE705" in found.out + found.err
    user.write("pyproject.toml", manifest(blind, "{ driver = '535' }"))
    user.lockenv("lock")
    found = user.lockenv("check", "--env", status=1)
    assert "LE705" in found.out + found.err


def test_a_wheel_without_code_for_a_declared_gpu_is_found(user: User, blind: IndexServer) -> None:
    files = {"secret/_gpu.so": secretive("libcudart.so.12", 70, 80)}
    blind.publish(wheel("secret", "1.0", files=files, tag=LINUX))
    user.write("pyproject.toml", manifest(blind, "{ driver = '570', gpus = ['H100'] }"))
    user.lockenv("lock")

    answer = user.lockenv("sync", status=1)

    assert "error[LE705]: secret 1.0" in answer.err
    assert "a GPU with code in it (7.0, 8.0" in answer.err


def test_a_target_that_refuses_cuda_finds_it(user: User, index: IndexServer) -> None:
    index.ranges = False
    files = {"secret/_gpu.so": secretive("libcudart.so.12")}
    index.publish(wheel("secret", "1.0", files=files, tag=LINUX), wheel("frame", "1.0"))
    user.write("pyproject.toml", manifest(index, "false"))
    user.lockenv("lock")

    answer = user.lockenv("sync", status=1)

    assert "error[LE705]: secret 1.0 was locked as needing no CUDA" in answer.err


def test_what_agrees_with_the_lock_is_installed(user: User, blind: IndexServer) -> None:
    files = {"secret/_gpu.so": secretive("libcudart.so.12", 80, 90)}
    blind.publish(wheel("secret", "1.0", files=files, tag=LINUX))
    user.write("pyproject.toml", manifest(blind, "{ driver = '535', gpus = ['H100'] }"))
    user.lockenv("lock")

    user.lockenv("sync")

    user.lockenv("check", "--env")


def test_what_can_be_read_while_locking_is_no_surprise(user: User, index: IndexServer) -> None:
    lying = ["nvidia-cuda-runtime-cu12==12.8.90"]
    files = {"secret/_gpu.so": secretive("libcudart.so.13")}
    index.publish(
        RUNTIME,
        FRAME,
        wheel("secret", "1.0", requires=lying, tag=LINUX),  # an honest one
    )
    index.publish(wheel("secret", "2.0", requires=lying, files=files, tag=LINUX))
    user.write("pyproject.toml", manifest(index, "{ driver = '535' }"))

    user.lockenv("lock")

    assert 'version = "1.0"' in user.read("lockenv.lock").partition('name = "secret"')[2]
    assert "not taken: secret 2.0: needs driver >= 580.65.06" in user.lockenv("why", "secret").out
