from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import (
    CudaFacts,
    Digest,
    Lock,
    LockedBaseImage,
    LockedPackage,
    LockedTarget,
)
from lockenv.workflows.cuda_check import coherence_findings, unloadable_notes

if TYPE_CHECKING:
    from pathlib import Path


def lock(
    *names: str,
    needs: dict[str, str | tuple[str, ...]] | None = None,
    declared: dict[str, str | tuple[str, ...]] | None = None,
    image: str | None = None,
) -> Lock:
    cuda = CudaFacts(declared=declared or {}, needs=needs or {})
    packages = (text.partition("==") for text in names)
    base = LockedBaseImage(
        reference=image or "",
        platform="linux-x86_64",
        digest=Digest("sha256", "0" * 64),
        size=1,
        targets=("gpu",),
    )
    return Lock(
        targets=(LockedTarget(name="gpu", platform="linux-x86_64", python="3.12.1", cuda=cuda),),
        packages=tuple(
            LockedPackage(name=name, version=version, targets=("gpu",))
            for name, _, version in packages
        ),
        base_images=(base,) if image else (),
    )


def codes(found: Lock) -> list[str]:
    return [finding.code for finding in coherence_findings(found)]


def test_one_major_on_a_plain_base_goes_together() -> None:
    assert not codes(
        lock(
            "torch==2.10.0",
            "nvidia-cuda-runtime-cu12==12.8.90",
            needs={"major": "12", "driver": "525.60.13"},
            declared={"driver": "535"},
            image="registry.example.com/library/debian:bookworm",
        )
    )


def test_a_cpu_build_on_declared_gpus_is_le701() -> None:
    assert codes(lock("torch==2.10.0+cpu", declared={"gpus": ("A100",)})) == ["LE701"]
    assert codes(lock("torch==2.10.0", declared={"driver": "535"})) == ["LE701"]
    assert not codes(lock("torch==2.10.0+cpu"))


def test_two_majors_are_le702_unless_many_are_declared() -> None:
    names = ("nvidia-cublas-cu12==12.8.4.1", "nvidia-cuda-runtime==13.0.96")

    assert codes(lock(*names, needs={"major": ("12", "13")})) == ["LE702"]
    assert not codes(lock(*names, declared={"majors": "many"}))


def test_cuda_in_the_base_and_in_wheels_is_le703() -> None:
    found = lock(
        "nvidia-cuda-runtime-cu12==12.8.90",
        needs={"major": "12"},
        image="registry.example.com/nvidia/cuda:12.8.1-runtime-ubuntu24.04",
    )

    assert codes(found) == ["LE703"]


def test_a_library_of_two_majors_is_le704_too() -> None:
    found = lock("nvidia-nccl-cu12==2.27.5", "nvidia-nccl-cu13==2.32.3", needs={"major": "13"})

    assert codes(found) == ["LE702", "LE704"]


def test_a_library_that_does_not_load_is_named(tmp_path: Path) -> None:
    target = lock(needs={"major": "12"}).targets[0]
    assert unloadable_notes(tmp_path, target) == []
    broken = tmp_path / "nvidia" / "cuda_runtime" / "lib" / "libcudart.so.12"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no library")

    (note,) = unloadable_notes(tmp_path, target)

    assert "libcudart.so.12" in note
