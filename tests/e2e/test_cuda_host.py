"""Stories of machines: which driver and GPUs there are, and whether they serve the lock.

The driver is a stand-in that is built with gcc. It is found as a real one is: libraries by the
loader's own search (``LD_LIBRARY_PATH``), ``nvidia-smi`` by ``PATH``, the kernel module's files
below ``/sys`` and ``/proc``, which a mount namespace of the test's own covers.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.elves import elf, fatbin
from tests.support.fake_driver import FakeDriver, build_libcuda, build_nvml, build_smi
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

LINUX = "py3-none-manylinux_2_17_x86_64"
UNSHARE = shutil.which("unshare")


def has_namespaces() -> bool:
    if UNSHARE is None:
        return False
    words = [UNSHARE, *([] if os.geteuid() == 0 else ["-r"]), "-m", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A lock that needs driver 580.65.06 and code for 8.0 and 9.0, and a CPU target beside it."""
    user = User(tmp_path_factory.mktemp("host"))
    with serve_index() as index:
        _publish(user, index)
        yield user


def _publish(user: User, index: IndexServer) -> None:
    code = fatbin(*[("cubin", arch) for arch in (80, 90)] * 2)
    runtime = {"nvidia/cu13/lib/libcudart.so.13": elf(soname="libcudart.so.13")}
    index.publish(
        wheel("nvidia-cuda-runtime", "13.0.96", files=runtime, tag=LINUX),
        wheel(
            "frame-cuda",
            "2.0",
            requires=["nvidia-cuda-runtime==13.0.96"],
            files={"frame/_c.so": elf(needed=["libcudart.so.13"], fatbin=code)},
            tag=LINUX,
        ),
        wheel("plain", "1.0"),
    )
    tables = """[tool.lockenv.target.gpu]
platform = 'linux-x86_64'
dependencies = ['frame-cuda']
[tool.lockenv.target.cpu]
platform = 'linux-x86_64'
cuda = false
"""
    text = pyproject(index, dependencies=["plain"], targets=["gpu", "cpu"], tables=tables)
    user.write("pyproject.toml", text)
    user.lockenv("lock")


def driver(folder: Path, fake: FakeDriver, *, kind: str = "nvml") -> dict[str, str]:
    """The variables of a user whose loader finds a stand-in."""
    folder.mkdir(exist_ok=True)
    (build_nvml if kind == "nvml" else build_libcuda)(folder, fake)
    return {"LD_LIBRARY_PATH": str(folder)}


def test_a_machine_without_a_driver_is_told_once(project: User) -> None:
    assert "NVIDIA driver" in project.lockenv("doctor").out
    found = project.lockenv("check", "--host", "--target", "gpu", status=6)
    assert "LE601" in found.out + found.err

    answer = project.lockenv("sync", "--target", "gpu")

    assert answer.err.count("LE601") == 1
    refused = project.lockenv("sync", "--target", "gpu", "--require-host", status=6)
    assert "error[LE601]: this machine has no NVIDIA driver" in refused.err
    project.lockenv("check", "--host", "--target", "cpu")


@pytest.mark.parametrize(
    ("fake", "code", "words"),
    [
        (FakeDriver(driver="580.95.05", cuda=13000), "", ""),
        (FakeDriver(driver="535.183.01"), "LE601", "driver 535.183.01 is older than 580.65.06"),
        (
            FakeDriver(driver="580.95.05", cuda=13000, name="Tesla T4", capability=(7, 5)),
            "LE604",
            "Tesla T4 (compute capability 7.5) has no code in the lock: it has 8.0, 9.0",
        ),
    ],
)
def test_what_nvml_says_is_held_against_the_lock(
    project: User, tmp_path: Path, fake: FakeDriver, code: str, words: str
) -> None:
    variables = driver(tmp_path / "driver", fake)

    doctor = project.lockenv("doctor", variables=variables)
    other = f"other-{code}"
    status = 6 if code else 0
    found = project.lockenv(
        "check", "--host", "--target", "gpu", variables=variables, status=status
    )
    told = project.lockenv("sync", "--target", "gpu", variables=variables)

    assert f"{fake.driver} (from NVML)" in doctor.out
    assert f"{fake.name} (compute capability" in doctor.out
    assert words in found.out + found.err
    assert words in told.err
    assert ("LE6" in told.err) is bool(code)
    project.lockenv(
        *("sync", "--target", "gpu", "--require-host", "--venv", other),
        variables=variables,
        status=status,
    )
    assert (project.folder / other).exists() is not bool(code)


def test_the_first_target_that_the_machine_serves_is_taken(project: User, tmp_path: Path) -> None:
    old = driver(tmp_path / "old", FakeDriver())
    new = driver(tmp_path / "new", FakeDriver(driver="580.95.05", cuda=13000))

    for variables, name in ((old, "cpu"), (new, "gpu")):
        project.lockenv("sync", "--target", "auto", variables=variables)
        assert project.site.joinpath("frame").exists() is (name == "gpu")


def test_a_jetson_has_libcuda_alone(project: User, tmp_path: Path) -> None:
    fake = FakeDriver(name="Orin", capability=(8, 7), cuda=13000)
    variables = driver(tmp_path / "driver", fake, kind="libcuda")

    doctor = project.lockenv("doctor", variables=variables)

    assert "Orin (compute capability 8.7)" in doctor.out


@pytest.mark.parametrize("mood", ["crashes", "hangs"])
def test_a_sick_driver_takes_nobody_along(project: User, tmp_path: Path, mood: str) -> None:
    variables = driver(tmp_path / "driver", FakeDriver(mood=mood))

    assert "NVIDIA driver" in project.lockenv("doctor", variables=variables).out
    project.lockenv("sync", "--target", "gpu", variables=variables)


def test_nvidia_smi_answers_where_nothing_else_does(project: User, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    build_smi(tmp_path / "bin", "NVIDIA H100 80GB HBM3, 570.124.06, 9.0")
    path = f"{tmp_path / 'bin'}{os.pathsep}{project.environment()['PATH']}"

    doctor = project.lockenv("doctor", variables={"PATH": path})

    assert "570.124.06 (from nvidia-smi)" in doctor.out
    assert "NVIDIA H100 80GB HBM3 (compute capability 9.0)" in doctor.out


@pytest.mark.tools
@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces here")
@pytest.mark.parametrize("place", ["/sys/module", "/proc/driver"])
def test_the_kernel_modules_own_files_come_first(project: User, tmp_path: Path, place: str) -> None:
    line = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  590.44.01  Release Build\n"
    version = "590.44.01\n" if place == "/sys/module" else line
    (tmp_path / "version").write_text(version)
    variables = driver(tmp_path / "driver", FakeDriver(driver="580.95.05", cuda=13000))
    words = " && ".join(
        [
            f"mount -t tmpfs none {place}",
            f"mkdir {place}/nvidia",
            f"cp {shlex.quote(str(tmp_path / 'version'))} {place}/nvidia/version",
            f"exec {shlex.quote(project.python)} -m lockenv doctor",
        ]
    )
    user = [] if os.geteuid() == 0 else ["-r"]

    done = subprocess.run(
        [UNSHARE or "unshare", *user, "-m", "sh", "-c", words],
        env=project.environment(variables),
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"590.44.01 (from {place}/nvidia/version)" in done.stdout


def test_the_nodes_of_a_cluster_are_told_apart(project: User) -> None:
    def node(name: str, arch: str = "amd64", **labels: str) -> dict[str, object]:
        own = {f"nvidia.com/{key.replace('__', '.')}": text for key, text in labels.items()}
        common = {"kubernetes.io/arch": arch, "kubernetes.io/os": "linux"}
        return {"metadata": {"name": name, "labels": {**common, **own}}}

    good = {
        "cuda.driver-version.full": "580.95.05",
        "gpu.compute.major": "9",
        "gpu.compute.minor": "0",
        "gpu.product": "NVIDIA-H100-80GB-HBM3",
    }
    nodes = [
        node("good", **good),
        node("old", **{**good, "cuda.driver-version.full": "535.183.01"}),
        node("t4", **{**good, "gpu.compute.major": "7", "gpu.compute.minor": "5"}),
        node("arm", "arm64", **good),
        node("plain"),
    ]
    project.write("nodes.json", json.dumps({"kind": "List", "items": nodes}))

    answer = project.lockenv("doctor", "--cluster", "nodes.json")

    assert "gpu: good fits" in answer.out
    assert "gpu: old driver 535.183.01 is older than 580.65.06" in answer.out
    assert "gpu: t4" in answer.out
    assert "gpu: arm its machine is aarch64" in answer.out
    assert "gpu: plain it has no GPU" in answer.out
    assert "cpu: plain fits" in answer.out
    document = json.loads(
        project.lockenv("doctor", "--cluster", "nodes.json", "--format", "json").out
    )
    assert [one["node"] for one in document["nodes"] if one["fits"] and one["target"] == "gpu"] == [
        "good"
    ]
    project.write("nodes.json", json.dumps({"items": nodes[1:]}))
    project.lockenv("doctor", "--cluster", "nodes.json", status=6)
    project.write("nodes.json", "no json")
    refused = project.lockenv("doctor", "--cluster", "nodes.json", status=2)
    assert "error[invalid-nodes]" in refused.err
