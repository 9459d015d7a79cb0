"""The real index, as it was on a day: what runs where, known by hand from the wheels' metadata."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import User

pytestmark = [pytest.mark.network, pytest.mark.slow]


def manifest(cuda: str, *dependencies: str) -> str:
    asked = ", ".join(f"'{one}'" for one in dependencies)
    lines = ["requires-python = '>=3.12'", "python = '3.12'", f"dependencies = [{asked}]"]
    lines += ["as-of = '2026-11-22'", "[target.gpu]", "platform = 'linux-x86_64'"]
    return "\n".join([*lines, f"cuda = {cuda}" if cuda else "", ""])


def versions(user: User) -> dict[str, str]:
    found = tomllib.loads(user.read("lockenv.lock"))["packages"]
    return {one["name"]: one["version"] for one in found if "version" in one}


def test_an_old_driver_gets_the_last_torch_of_cuda_12(user: User) -> None:
    user.write("lockenv.toml", manifest("{ driver = '535', gpus = ['V100'] }", "torch"))

    user.lockenv("lock")

    found = versions(user)
    assert found["torch"] == "2.10.0"
    assert found["nvidia-cudnn-cu12"] == "9.10.2.21"
    assert found["nvidia-nvjitlink-cu12"] == "12.8.93"


def test_a_package_that_declares_nothing_follows_what_it_links(user: User) -> None:
    user.write("lockenv.toml", manifest("", "torch<2.11", "torchaudio"))

    user.lockenv("lock")

    assert versions(user)["torchaudio"] == "2.10.0"


def test_a_torch_that_the_fleet_cannot_run_is_refused_with_ways_out(user: User) -> None:
    user.write("lockenv.toml", manifest("{ driver = '550' }", "torch==2.12.*"))

    answer = user.lockenv("lock", status=3)

    assert "no torch fits driver 550" in answer.err
    assert "torch<=2.10.0: 2.10.0 is CUDA 12 and was checked to work" in answer.err


def test_debians_toolkit_decides_the_major_of_torch(user: User) -> None:
    system = """[system]
distribution = 'debian'
suite = 'trixie'
components = ['main', 'contrib', 'non-free']
packages = ['nvidia-cuda-toolkit']
"""
    # An archive's live state knows no time: as-of would need the snapshot service.
    plain = manifest("", "torch<2.16").replace("as-of = '2026-11-22'\n", "")
    user.write("lockenv.toml", plain + system)

    user.lockenv("lock")

    assert versions(user)["torch"] == "2.10.0"
