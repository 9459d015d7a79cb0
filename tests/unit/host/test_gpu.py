from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lockenv.host.gpu import (
    Gpu,
    GpuHost,
    HostProbe,
    compare,
    detect_gpus,
    plausible_cuda,
    unloadable,
)
from lockenv.model import CudaFacts
from tests.support.fake_driver import (
    FakeDriver,
    build_libcuda,
    build_library,
    build_nvml,
    build_smi,
)

if TYPE_CHECKING:
    from pathlib import Path


def nowhere(folder: Path, **more: object) -> HostProbe:
    """A probe that finds nothing but what is given."""
    places: dict[str, object] = {
        "module_version": folder / "none",
        "proc_version": folder / "none",
        "nvml": (),
        "libcuda": (),
        "smi": None,
        **more,
    }
    return HostProbe(**places)  # type: ignore[arg-type] # the fields of HostProbe by name


def test_a_machine_without_a_driver_has_nothing(tmp_path: Path) -> None:
    assert detect_gpus(nowhere(tmp_path)) == GpuHost()


def test_the_kernel_module_says_the_driver(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("550.54.15\n")

    host = detect_gpus(nowhere(tmp_path, module_version=tmp_path / "version"))

    assert host.driver == "550.54.15"
    assert host.sources["driver"].endswith("version")


@pytest.mark.parametrize(
    "line",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.183.01  Release Build",
    ],
)
def test_both_kernel_modules_are_understood(tmp_path: Path, line: str) -> None:
    (tmp_path / "proc").write_text(f"{line}\nGCC version: gcc version 12.2.0\n")

    assert detect_gpus(nowhere(tmp_path, proc_version=tmp_path / "proc")).driver == "535.183.01"


def test_nvml_says_driver_cuda_and_gpus(tmp_path: Path) -> None:
    library = build_nvml(tmp_path, FakeDriver(count=2))

    host = detect_gpus(nowhere(tmp_path, nvml=("libnothing.so.9", library)))

    assert (host.driver, host.cuda) == ("535.183.01", "12.2")
    assert host.gpus == (Gpu(name="NVIDIA A100-SXM4-40GB", capability="8.0"),) * 2
    assert host.sources == {"driver": "NVML", "cuda": "NVML", "gpus": "NVML"}


def test_libcuda_answers_where_there_is_no_nvml(tmp_path: Path) -> None:
    library = build_libcuda(tmp_path, FakeDriver(name="Orin", capability=(8, 7), cuda=12060))

    host = detect_gpus(nowhere(tmp_path, libcuda=(library,)))

    assert host.cuda == "12.6"
    assert host.gpus == (Gpu(name="Orin", capability="8.7"),)
    assert host.sources["gpus"] == "libcuda"


def test_a_libcuda_newer_than_the_driver_is_forward_compatibility(tmp_path: Path) -> None:
    nvml = build_nvml(tmp_path, FakeDriver())
    libcuda = build_libcuda(tmp_path, FakeDriver(cuda=13000))

    host = detect_gpus(nowhere(tmp_path, nvml=(nvml,), libcuda=(libcuda,)))

    assert host.cuda == "13.0"
    assert "forward compatible" in host.notes[0]
    assert compare(host, CudaFacts(needs={"driver": "580.65.06", "major": "13"})) == ()


@pytest.mark.parametrize(("code", "word"), [(803, "match"), (804, "forward"), (100, "no device")])
def test_error_codes_are_said_in_words(tmp_path: Path, code: int, word: str) -> None:
    library = build_libcuda(tmp_path, FakeDriver(code=code))

    host = detect_gpus(nowhere(tmp_path, libcuda=(library,)))

    assert host.gpus == ()
    assert word in host.notes[0]


def test_a_crashing_driver_takes_nobody_along(tmp_path: Path) -> None:
    library = build_nvml(tmp_path, FakeDriver(mood="crashes"))
    (tmp_path / "version").write_text("550.54.15\n")

    host = detect_gpus(nowhere(tmp_path, module_version=tmp_path / "version", nvml=(library,)))

    assert host.driver == "550.54.15"
    assert host.gpus == ()


def test_a_hanging_driver_is_left_after_the_limit(tmp_path: Path) -> None:
    library = build_nvml(tmp_path, FakeDriver(mood="hangs"))

    began = time.monotonic()
    host = detect_gpus(nowhere(tmp_path, nvml=(library,), seconds=0.5))

    assert host == GpuHost()
    assert time.monotonic() - began < 5


def test_nvidia_smi_answers_last(tmp_path: Path) -> None:
    program = build_smi(tmp_path, "Tesla V100-PCIE-16GB, 470.82.01, [N/A]")

    host = detect_gpus(nowhere(tmp_path, smi=program))

    assert host.driver == "470.82.01"
    assert host.gpus == (Gpu(name="Tesla V100-PCIE-16GB", capability="7.0"),)
    assert host.sources["driver"] == "nvidia-smi"


def test_numbers_that_no_driver_has_are_not_believed() -> None:
    assert plausible_cuda(12040) == "12.4"
    assert plausible_cuda(999) is None
    assert plausible_cuda(2_000_000_000) is None


def test_a_driver_that_is_too_old_is_found() -> None:
    host = GpuHost(driver="535.183.01", sources={"driver": "NVML"})

    findings = compare(host, CudaFacts(needs={"driver": "580.65.06"}), target="gpu")

    assert [(f.code, f.target) for f in findings] == [("LE601", "gpu")]
    assert "535.183.01" in findings[0].message
    assert "580.65.06" in findings[0].message


@pytest.mark.parametrize(
    ("capability", "served"),
    [("8.0", True), ("8.6", True), ("7.0", False), ("9.0", False), ("10.3", True), ("12.0", True)],
)
def test_a_gpu_is_served_by_older_code_of_its_major_or_by_ptx(
    capability: str, *, served: bool
) -> None:
    host = GpuHost(driver="580.1", gpus=(Gpu(name="X", capability=capability),))
    facts = CudaFacts(needs={"archs": ("7.5", "8.0"), "jit": ("10.0",), "ptx": ("12.0",)})

    codes = [finding.code for finding in compare(host, facts)]

    assert codes == ([] if served else ["LE604"])


def test_libraries_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    good = build_library(tmp_path / "libgood.so")
    build_library(tmp_path / "libgone.so.12", "-Wl,-soname,libgone.so.12")
    bad = build_library(
        tmp_path / "libbad.so", "-Wl,--no-as-needed", str(tmp_path / "libgone.so.12")
    )
    (tmp_path / "libgone.so.12").unlink()

    refused = unloadable([good, bad])

    assert list(refused) == [bad]
    assert "libgone.so.12" in refused[bad]
