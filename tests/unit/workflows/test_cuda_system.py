from __future__ import annotations

import pytest

from lockenv.model import LockedSystemPackage, sha256
from lockenv.workflows.locking.cuda_system import admits_majors, system_cuda


def package(name: str, version: str) -> LockedSystemPackage:
    return LockedSystemPackage(
        name=name,
        version=version,
        architecture="amd64",
        source=name,
        path=f"{name}.deb",
        archive="debian",
        digest=sha256("0" * 64),
        size=1,
    )


@pytest.mark.parametrize(
    ("packages", "toolkit"),
    [
        ({"nvidia-cuda-toolkit": "11.8.89~11.8.0-5~deb12u1"}, "11.8.0"),
        ({"nvidia-cuda-toolkit": "12.4.131~12.4.1-2"}, "12.4.1"),
        ({"cuda-toolkit-13-1": "13.1.1-0ubuntu1"}, "13.1.1"),
        ({"cuda-nvcc-12-9": "12.9.86-1", "cuda-nvcc-12-8": "12.8.93-1"}, "12.9.86"),
        ({"cuda-nvcc-12-9": "12.9.86-1", "cuda-nvcc-13-1": "13.1.115-1"}, ""),
        ({"libcudart12": "12.4.127~12.4.1-2"}, ""),
    ],
)
def test_a_compiler_among_system_packages_is_known_by_its_release(
    packages: dict[str, str], toolkit: str
) -> None:
    assert system_cuda(package(*one) for one in packages.items()).toolkit == toolkit


def test_libraries_of_system_packages_are_provided() -> None:
    debian = system_cuda([package("libcudart12", "12.4"), package("libcublaslt12", "12.4")])
    nvidia = system_cuda([package("cuda-cudart-12-9", "12.9.79-1"), package("libnccl2", "2.3-1")])

    assert debian.sonames == ("libcublasLt.so.12", "libcudart.so.12")
    assert nvidia.sonames == ("libcudart.so.12", "libnccl.so.2")


def test_a_release_in_a_version_must_be_of_a_major() -> None:
    admits = admits_majors([12])

    assert admits("libnccl2", "2.32.3-1+cuda12.9")
    assert admits("libc6", "2.36-9")
    assert not admits("libnccl2", "2.32.3-1+cuda13.5")
