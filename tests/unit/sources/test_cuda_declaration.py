from __future__ import annotations

import pytest

from lockenv.fields import render_path
from lockenv.model import PLATFORMS, Cuda
from lockenv.sources.cuda import (
    can_have_cuda,
    check_declaration,
    component_requirements,
    merge,
    read_fleet,
)
from tests.support.cuda_worlds import declared


def places(cuda: Cuda) -> list[tuple[str, str]]:
    return [(render_path(fault.path), fault.slug) for fault in check_declaration(cuda)]


def test_a_target_is_merged_over_the_top_key_by_key() -> None:
    top = declared(driver="535", gpus=("A100",), ptx="deny")

    merged = merge(top, declared(driver="580", archs=("9.0",)))

    assert isinstance(merged, Cuda)
    assert (merged.driver, merged.gpus, merged.archs, merged.ptx) == ("580", None, ("9.0",), "deny")
    assert merge(top, None) is top
    assert merge(top, target=True) is top
    assert merge(top, target=False) is False
    assert merge(None, None) is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"driver": "535", "gpus": ("A100", "T4")}, []),
        ({"driver": "latest"}, [("cuda.driver", "cuda-driver")]),
        ({"driver": "390"}, [("cuda.driver", "cuda-driver")]),
        ({"gpus": ("A100", "Z9000")}, [("cuda.gpus[1]", "unknown-gpu")]),
        ({"archs": ("4.2",)}, [("cuda.archs[0]", "unknown-gpu")]),
        ({"driver": "535", "gpus": ("RTX 5090",)}, [("cuda.gpus[0]", "cuda-contradiction")]),
        ({"driver": "595", "gpus": ("V100",)}, [("cuda.gpus[0]", "cuda-contradiction")]),
        ({"driver": "535", "toolkit": ">=13"}, [("cuda.toolkit", "cuda-contradiction")]),
        ({"toolkit": "12.7"}, [("cuda.toolkit", "cuda-toolkit")]),
        ({"toolkit": "new"}, [("cuda.toolkit", "cuda-toolkit")]),
        ({"driver": "535", "components": ("nvcc",)}, [("cuda.components[0]", "cuda-nvcc")]),
        ({"driver": "580", "components": ("nvcc",)}, []),
        ({"driver": "535", "components": ("nvcc",), "sources": {"nvcc": "debian"}}, []),
        ({"components": ("cublass",)}, [("cuda.components[0]", "unknown-component")]),
        ({"source": "conda"}, [("cuda.source", "unknown-value")]),
        ({"cudnn": "newest"}, [("cuda.cudnn", "invalid-specifier")]),
        ({"majors": "two"}, [("cuda.majors", "unknown-value")]),
    ],
)
def test_faults_are_found_without_any_network(
    keys: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert places(declared(**keys)) == expected


def test_all_faults_are_found_in_one_pass_with_the_nearest_names() -> None:
    faults = check_declaration(declared(driver="x", gpus=("V1000",), components=("cublass",)))

    assert len(faults) == 3
    assert '"V100"' in faults[1].fix
    assert "cublas" in faults[2].fix


@pytest.mark.parametrize(
    ("keys", "majors"),
    [
        ({"driver": "580"}, (13, 12, 11)),
        ({"driver": "550"}, (12, 11)),
        ({"driver": "580", "gpus": ("V100",)}, (12, 11)),
        ({"toolkit": ">=12.4,<13"}, (12,)),
        ({"driver": "535", "forward_compat": True}, (13, 12, 11)),
    ],
)
def test_driver_gpus_and_toolkit_leave_some_majors(
    keys: dict[str, object], majors: tuple[int, ...]
) -> None:
    assert read_fleet(declared(**keys), PLATFORMS["linux-x86_64"]).majors() == majors


def test_components_ask_for_extras_of_the_metapackage() -> None:
    fleet = read_fleet(
        declared(components=("nvcc", "cublas-dev", "cudnn"), sources={"cublas": "debian"}),
        PLATFORMS["linux-x86_64"],
    )

    assert component_requirements(fleet, 13) == ("cuda-toolkit[nvcc]==13.*", "nvidia-cudnn-cu13")


def test_cuda_exists_for_glibc_and_windows() -> None:
    able = [name for name, platform in PLATFORMS.items() if can_have_cuda(platform)]

    assert sorted(able) == ["linux-aarch64", "linux-x86_64", "windows-x86_64"]
