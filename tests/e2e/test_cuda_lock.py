"""Stories of locks with CUDA: a framework with a build for each major, on a local index."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from lockenv.tables.addresses import NVIDIA_REDISTRIBUTABLES
from tests.support.projects import MINOR, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

GPU = "[tool.lockenv.target.gpu]\nplatform = 'linux-x86_64'\n"


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    """A framework: 1.0 is CUDA 12, 2.0 is CUDA 13; its helpers follow."""
    index.publish(
        wheel("frame", "1.0", requires=["nvidia-cuda-runtime-cu12==12.8.90"]),
        wheel("frame", "2.0", requires=["nvidia-cuda-runtime==13.0.96"]),
        wheel("nvidia-cuda-runtime-cu12", "12.8.90", files={"nvidia/cu12/libcudart.so.12": "12"}),
        wheel("nvidia-cuda-runtime", "13.0.96", files={"nvidia/cu13/libcudart.so.13": "13"}),
        wheel("cupy-cuda12x", "14.0"),
        wheel("cupy-cuda13x", "14.0"),
        wheel("plain", "1.0"),
    )
    return index


def versions(user: User) -> dict[str, str]:
    found = tomllib.loads(user.read("lockenv.lock"))["packages"]
    return {one["name"]: one["version"] for one in found if "version" in one}


def target(user: User, name: str) -> dict[str, object]:
    found: list[dict[str, object]] = tomllib.loads(user.read("lockenv.lock"))["targets"]
    return next(one for one in found if one["name"] == name)


def test_the_fleets_driver_decides_the_version(user: User, world: IndexServer) -> None:
    manifest = pyproject(
        world, dependencies=["frame", "plain"], targets=["gpu"], tables=f"{GPU}cuda.driver = '535'"
    )
    user.write("pyproject.toml", manifest)

    user.lockenv("lock")

    assert versions(user)["frame"] == "1.0"
    facts = target(user, "gpu")
    assert facts["declared"] == {"driver": "535"}
    assert facts["needs"] == {"driver": "525.60.13", "major": "12", "toolkit": "12.8.2"}
    user.lockenv("check")
    assert "not taken: frame 2.0: needs driver >= 580.65.06" in user.lockenv("why", "frame").out
    before = user.read("lockenv.lock")
    user.lock_path.unlink()
    user.lockenv("lock", "--offline")
    assert user.read("lockenv.lock") == before


def test_what_was_needed_is_said_where_nothing_was_declared(user: User, world: IndexServer) -> None:
    user.write(
        "pyproject.toml", pyproject(world, dependencies=["frame"], targets=["gpu"], tables=GPU)
    )

    answer = user.lockenv("lock")

    assert "gpu now needs driver >= 580: set cuda.driver to your fleet's" in answer.err
    assert versions(user)["frame"] == "2.0"
    assert target(user, "gpu")["needs"] == {
        "driver": "580.65.06",
        "major": "13",
        "toolkit": "13.0.3",
    }


def test_a_name_may_follow_the_major(user: User, world: IndexServer) -> None:
    tables = f"{GPU}cuda.driver = '535'\ndependencies = ['cupy-cuda{{cuda.major}}x']"
    user.write(
        "pyproject.toml", pyproject(world, dependencies=["frame"], targets=["gpu"], tables=tables)
    )

    user.lockenv("lock")

    assert versions(user).keys() == {"cupy-cuda12x", "frame", "nvidia-cuda-runtime-cu12"}
    user.lockenv("check")


def test_no_answer_names_the_reason_and_a_way_out(user: User, world: IndexServer) -> None:
    manifest = pyproject(
        world, dependencies=["frame==2.0"], targets=["gpu"], tables=f"{GPU}cuda.driver = '550'"
    )
    user.write("pyproject.toml", manifest)

    answer = user.lockenv("lock", status=3)

    assert "error[no-solution]: no frame fits driver 550" in answer.err
    assert "needs driver >= 580.65.06 for CUDA 13" in answer.err
    assert 'driver = "580"' in answer.err
    assert not user.lock_path.exists()


def test_a_target_may_refuse_cuda(user: User, world: IndexServer) -> None:
    manifest = pyproject(
        world, dependencies=["frame"], targets=["gpu"], tables=f"{GPU}cuda = false"
    )
    user.write("pyproject.toml", manifest)

    answer = user.lockenv("lock", status=3)

    assert "the target says cuda = false" in answer.err


def test_a_contradiction_is_refused_before_anybody_is_asked(user: User, world: IndexServer) -> None:
    tables = f"{GPU}cuda = {{ driver = '535', gpus = ['RTX 5090'] }}"
    manifest = pyproject(world, dependencies=["frame"], targets=["gpu"], tables=tables)
    user.write("pyproject.toml", manifest)
    line = manifest[: manifest.index("cuda = {")].count("\n") + 1

    answer = user.lockenv("lock", status=2)

    assert f"pyproject.toml:{line}: no driver of branch 535 drives RTX 5090" in answer.err
    assert not world.log


def test_targets_agree_on_a_version_where_they_can(user: User, world: IndexServer) -> None:
    tables = f"{GPU}cuda.driver = '535'\n[tool.lockenv.target.laptop]\nplatform = 'macos-arm64'"
    manifest = pyproject(
        world, dependencies=["frame"], targets=["laptop", "gpu"], tables=tables
    ).replace('"frame"', '"frame; sys_platform == \'linux\'", "plain"')
    user.write("pyproject.toml", manifest)

    user.lockenv("lock")

    assert versions(user)["frame"] == "1.0"
    assert "needs" not in target(user, "laptop")


def test_parts_of_the_toolkit_may_be_redistributables(user: User, world: IndexServer) -> None:
    archive = {"relative_path": "cuda_nvcc/a.tar.xz", "sha256": "ab" * 32, "md5": "", "size": "9"}
    listed = {"name": "NVCC", "license": "x", "version": "12.8.93", "linux-x86_64": archive}
    document = {"release_date": "2025-03-04", "cuda_nvcc": listed, "cuda_cudart": listed}
    page = ("application/json", json.dumps(document).encode())
    world.pages["/nvidia/cuda/redist/redistrib_12.8.1.json"] = page
    user.configure(f'[mirrors]\n"{NVIDIA_REDISTRIBUTABLES}" = ["{world.root}/nvidia/"]\n')
    cuda = (
        "{ driver = '535', toolkit = '12.8.1', components = ['nvcc'], source = 'redistributable' }"
    )
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["frame"], targets=["gpu"], tables=f"{GPU}cuda = {cuda}\n"),
    )

    user.lockenv("lock")

    found = tomllib.loads(user.read("lockenv.lock"))["cuda-components"]
    assert [(one["name"], one["version"], one["targets"]) for one in found] == [
        ("cuda_cudart", "12.8.93", ["gpu"]),
        ("cuda_nvcc", "12.8.93", ["gpu"]),
    ]
    user.lockenv("check")
    before = user.read("lockenv.lock")
    user.lockenv("lock", "-P", "frame", "--offline")
    assert user.read("lockenv.lock") == before


def test_what_debian_is_to_bring_must_be_asked_of_it(user: User, world: IndexServer) -> None:
    cuda = "{ driver = '535', components = ['nvcc'], sources = { nvcc = 'debian' } }"
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["frame"], targets=["gpu"], tables=f"{GPU}cuda = {cuda}\n"),
    )

    answer = user.lockenv("lock", status=2)

    assert "nvcc is to come from Debian" in answer.err
    assert "nvidia-cuda-toolkit" in answer.err


def overlapping(index: IndexServer) -> None:
    for name in ("one", "two"):
        stray = {f"{name}.py": "", "tests/__init__.py": name}
        index.publish(
            wheel(f"{name}-stray", "1.0", files=stray),
            wheel(f"{name}-engine", "1.0", files={"engine/core.py": name}),
        )
    index.publish(wheel("maker", "1.0", requires=["one-engine", "two-engine"]))


@pytest.mark.parametrize("offers_metadata", [True, False])
def test_wheels_that_break_each_other_are_refused(
    user: User, index: IndexServer, *, offers_metadata: bool
) -> None:
    index.core_metadata = offers_metadata
    overlapping(index)
    manifest = pyproject(index, dependencies=["one-engine", "two-engine"])
    user.write("pyproject.toml", manifest)

    answer = user.lockenv("lock", status=3)

    assert "error[LE704]: two wheels write the same file" in answer.err
    assert "engine/core.py would be of whichever is installed last" in answer.err
    way = 'exclude = ["two-engine"]'
    assert f"{way} was checked to work: one-engine 1.0 stays, if it can stand for it" in answer.err

    asked = ["one-engine", "two-engine"]
    user.write("pyproject.toml", pyproject(index, dependencies=asked, tool=way))
    user.lockenv("lock")
    assert 'name = "one-engine"' in user.read("lockenv.lock")
    assert 'name = "two-engine"' not in user.read("lockenv.lock")
    user.write("pyproject.toml", manifest)

    word = '[tool.lockenv.policy]\nfindings = { LE704 = "warn" }'
    user.write("pyproject.toml", f"{manifest}\n{word}\n")
    told = user.lockenv("lock")
    assert "one-engine 1.0 and two-engine 1.0 both write engine/core.py" in told.err
    user.lockenv("sync")
    assert (user.site / "engine" / "core.py").read_text() == "two"
    user.lockenv("check", "--env")
    user.write("pyproject.toml", manifest)
    user.lockenv("sync", "--frozen", "--venv", "other")


def test_what_one_package_asks_for_together_is_told(user: User, index: IndexServer) -> None:
    overlapping(index)
    user.write("pyproject.toml", pyproject(index, dependencies=["maker"]))

    answer = user.lockenv("lock")

    assert "two-engine 1.0's stands" in answer.err
    user.lockenv("sync")


def test_stray_files_are_let_be(user: User, index: IndexServer) -> None:
    overlapping(index)
    user.write("pyproject.toml", pyproject(index, dependencies=["one-stray", "two-stray"]))

    answer = user.lockenv("lock")

    assert "tests/__init__.py" not in answer.err
    user.lockenv("sync")
    user.lockenv("check", "--env")
    assert MINOR in str(user.site)


def test_the_lists_of_files_cost_no_request_of_their_own(user: User, index: IndexServer) -> None:
    index.core_metadata = False
    overlapping(index)
    user.write("pyproject.toml", pyproject(index, dependencies=["one-stray", "two-stray"]))

    user.lockenv("lock")

    for name in ("one", "two"):
        assert index.asked("GET", f"/files/{name}_stray-1.0-py3-none-any.whl") == 1
