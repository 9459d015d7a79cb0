from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import GaveUpError
from lockenv.sources.cuda import (
    NoCudaSolutionError,
    collision_error,
    driver_note,
    explain,
    lock_facts,
    needed_facts,
    read_fleet,
    resolve_with_cuda,
    unprovided_lines,
)
from tests.support.cuda_worlds import CudaWorld, declared
from tests.support.elves import elf, fatbin

from lockenv.model import PLATFORMS  # isort: skip

if TYPE_CHECKING:
    from lockenv.resolve import Resolution


def runtime(world: CudaWorld) -> None:
    """The CUDA runtimes, NCCL and nvJitLink of majors 12 and 13, as their wheels are laid out."""
    for major, version in ((12, "12.8.90"), (13, "13.0.96")):
        name = f"nvidia-cuda-runtime{'-cu12' if major == 12 else ''}"
        library = elf(soname=f"libcudart.so.{major}")
        world.publish(name, version, files={f"nvidia/{major}/lib/libcudart.so.{major}": library})
        world.publish(
            f"nvidia-nccl-cu{major}",
            "2.27.5",
            files={"nvidia/nccl/lib/libnccl.so.2": f"nccl of {major}".encode()},
        )
    for version in ("12.8.93", "12.9.86"):
        world.publish("nvidia-nvjitlink-cu12", version, files={"nvidia/j.so": version.encode()})


def torches(world: CudaWorld) -> None:
    runtime(world)
    world.publish("torch", "2.11.0", "nvidia-cuda-runtime==13.0.96", "nvidia-nccl-cu13==2.27.5")
    world.publish(
        "torch",
        "2.10.0",
        "nvidia-cuda-runtime-cu12==12.8.90",
        "nvidia-nccl-cu12==2.27.5",
        "nvidia-nvjitlink-cu12",
    )


@pytest.mark.parametrize(
    ("keys", "version"),
    [
        ({}, "2.11.0"),
        ({"driver": "580"}, "2.11.0"),
        ({"driver": "535"}, "2.10.0"),
        ({"driver": "580", "toolkit": "<13"}, "2.10.0"),
    ],
)
def test_the_driver_decides_the_version(keys: dict[str, str], version: str) -> None:
    world = CudaWorld()
    torches(world)

    assert world.resolve("torch", **keys).versions["torch"] == version


def test_versions_that_were_not_taken_have_their_reason() -> None:
    world = CudaWorld()
    torches(world)

    answer = world.resolve("torch", driver="535")

    (row,) = answer.rejected["torch"]
    assert row.version == "2.11.0"
    assert "driver >= 580.65.06" in row.reason
    assert "CUDA 13" in row.reason


def test_open_components_follow_the_release_of_the_runtime() -> None:
    world = CudaWorld()
    torches(world)

    # 12.9.86 is the newest; the runtime is that of 12.8.1, whose nvJitLink is 12.8.93.
    assert world.resolve("torch<2.11").versions["nvidia-nvjitlink-cu12"] == "12.8.93"


def test_packages_of_two_majors_are_brought_to_one() -> None:
    world = CudaWorld()
    torches(world)
    world.publish("xgboost", "3.4.0", "nvidia-nccl-cu13")
    world.publish("xgboost", "3.3.0", "nvidia-nccl-cu12")

    answer = world.resolve("torch<2.11", "xgboost")

    assert (answer.world.major, answer.versions["xgboost"]) == (12, "3.3.0")
    assert answer.verdict.collisions == ()


def test_what_a_wheel_links_counts_though_its_metadata_is_silent() -> None:
    world = CudaWorld()
    torches(world)
    for version, major in (("2.11.0", 13), ("2.10.0", 12)):
        library = elf(needed=[f"libcudart.so.{major}"])
        world.publish("quiet", version, files={"quiet/_cuda.so": library})

    answer = world.resolve("torch<2.11", "quiet")

    assert answer.versions["quiet"] == "2.10.0"
    assert answer.facts["quiet"].majors == (12,)


def test_a_gpu_without_code_in_a_wheel_rules_it_out() -> None:
    world = CudaWorld()
    for version, archs in (("2.0", (80, 90)), ("1.0", (70, 80))):
        code = fatbin(*(("cubin", arch) for arch in archs))
        library = elf(needed=["libcudart.so.12"], fatbin=code)
        world.publish("cuda-thing", version, "nvidia-cuda-runtime-cu12", files={"t/_c.so": library})
    runtime(world)

    answer = world.resolve("cuda-thing", driver="550", gpus=("V100",))

    assert answer.versions["cuda-thing"] == "1.0"


def test_ptx_serves_a_gpu_where_the_driver_can_compile_it() -> None:
    world = CudaWorld()
    runtime(world)
    code = fatbin(("cubin", 80), ("cubin", 90), ("ptx", 90, "8.4"))
    library = elf(needed=["libcudart.so.12"], fatbin=code)
    world.publish("cuda-thing", "1.0", "nvidia-cuda-runtime-cu12", files={"t/_c.so": library})

    answer = world.resolve("cuda-thing", driver="580", gpus=("RTX 5090",))

    assert needed_facts(
        answer.facts,
        answer.versions,
        read_fleet(declared(driver="580", gpus=("RTX 5090",)), PLATFORMS["linux-x86_64"]),
    )["ptx"] == ("9.0",)
    with pytest.raises(NoCudaSolutionError):
        world.resolve("cuda-thing", driver="580", gpus=("RTX 5090",), ptx="deny")


def test_extras_of_two_majors_are_refused_with_the_reason_of_each_attempt() -> None:
    world = CudaWorld()
    runtime(world)
    for major in (12, 13):
        world.publish(f"jax-cuda{major}-plugin", "0.7")
    world.publish("jax", "0.7", extras={f"cuda{m}": (f"jax-cuda{m}-plugin",) for m in (12, 13)})
    world.publish("tensorflow", "2.20", extras={"and-cuda": ("nvidia-cuda-runtime-cu12==12.8.90",)})

    with pytest.raises(NoCudaSolutionError) as caught:
        world.resolve("jax[cuda13]", "tensorflow[and-cuda]")
    text = str(explain(caught.value, world.means(), str))

    assert "on CUDA 13: nothing answers tensorflow" in text
    assert "on CUDA 12: nothing answers jax" in text


def test_the_message_names_driver_reason_and_ways_that_were_checked() -> None:
    world = CudaWorld()
    torches(world)

    with pytest.raises(NoCudaSolutionError) as caught:
        world.resolve("torch>=2.11", driver="550")
    error = explain(caught.value, world.means(), lambda origin: f"lockenv.toml: {origin}")

    assert error.what == "no torch fits driver 550"
    assert any('driver = "550"' in line for line in error.why)
    assert any(line.startswith("torch<=2.10.0") for line in error.fix)
    assert any(line.startswith('driver = "580"') for line in error.fix)


def test_a_target_without_cuda_refuses_cuda_builds() -> None:
    world = CudaWorld()
    torches(world)
    world.publish("torch", "2.10.0+cpu")

    answer = world.refuse("torch")

    assert answer.versions == {"torch": "2.10.0+cpu"}


def test_a_gpu_target_refuses_a_cpu_build() -> None:
    world = CudaWorld()
    torches(world)
    world.publish("torch", "2.12.0+cpu")

    assert world.resolve("torch", driver="580").versions["torch"] == "2.11.0"


def test_a_release_that_nobody_read_is_judged_by_its_metadata() -> None:
    world = CudaWorld()
    torches(world)
    world.publish("torch", "2.99.0", "nvidia-cuda-runtime==13.0.96")

    new = world.resolve("torch", driver="580")
    old = world.resolve("torch", driver="535")

    assert new.versions["torch"] == "2.99.0"
    assert "driver >= 580" in old.rejected["torch"][0].reason


def test_a_gpu_target_does_not_take_a_build_without_cuda_for_one() -> None:
    world = CudaWorld()
    torches(world)
    world.publish("torch", "2.99.0")

    answer = world.resolve("torch", driver="580")

    assert answer.versions["torch"] == "2.11.0"
    assert "CPU build" in answer.rejected["torch"][0].reason


def test_constraints_on_cudnn_bind_what_somebody_else_asks_for() -> None:
    world = CudaWorld()
    runtime(world)
    for version in ("9.10.2.21", "9.15.0.57"):
        world.publish("nvidia-cudnn-cu12", version)
    world.publish("cuda-thing", "1.0", "nvidia-cudnn-cu12")

    answer = world.resolve("cuda-thing", driver="550", cudnn=">=9.1,<9.11")

    assert answer.versions["nvidia-cudnn-cu12"] == "9.10.2.21"


def test_names_follow_the_major_that_is_chosen() -> None:
    world = CudaWorld()
    torches(world)
    for major in (12, 13):
        world.publish(f"cupy-cuda{major}x", "14.0")

    old = world.resolve("torch", "cupy-cuda{cuda.major}x", driver="535")
    new = world.resolve("torch", "cupy-cuda{cuda.major}x", driver="580")

    assert "cupy-cuda12x" in old.versions
    assert "cupy-cuda13x" in new.versions


def test_wheels_that_write_one_path_are_an_error_naming_both() -> None:
    world = CudaWorld()
    world.publish("one", "1.0", files={"shared/x.py": b"1"})
    world.publish("two", "1.0", files={"shared/x.py": b"2"})
    world.publish("top", "1.0", "two")

    answer = world.resolve("one", "top")
    error = collision_error(answer.verdict.collisions, answer.resolution)

    assert error is not None
    text = str(error)
    assert "one 1.0  asked for by you" in text
    assert "two 1.0  from top 1.0" in text
    assert "shared/x.py" in text


def test_a_library_that_nothing_provides_is_said() -> None:
    world = CudaWorld()
    library = elf(needed=["libcublas.so.12"])
    world.publish("cuda-thing", "1.0", files={"t/_c.so": library})

    answer = world.resolve("cuda-thing")

    (line,) = unprovided_lines(answer.verdict.unprovided)
    assert "libcublas.so.12" in line
    assert world.resolve("cuda-thing").verdict.majors == (12,)


def test_the_lock_tells_promise_and_need_apart() -> None:
    world = CudaWorld()
    torches(world)
    cuda = declared(driver="535", gpus=("A100",))
    answer = world.resolve("torch", driver="535", gpus=("A100",))

    needs = needed_facts(answer.facts, answer.versions, read_fleet(cuda, PLATFORMS["linux-x86_64"]))
    facts = lock_facts(cuda, needs)

    assert facts is not None
    assert facts.declared == {"driver": "535", "gpus": ("A100",)}
    assert facts.needs["driver"] == "525.60.13"
    assert facts.needs["toolkit"].startswith("12.8")  # type: ignore[union-attr] # one text
    assert facts.needs["nccl"] == "2.27.5"
    assert driver_note("gpu", {"driver": "580.65.06"}) == (
        "gpu now needs driver >= 580: set cuda.driver to your fleet's"
    )


def test_packages_without_cuda_are_one_attempt_and_say_nothing() -> None:
    world = CudaWorld()
    world.publish("plain", "1.0", platform="any")

    answer = world.resolve("plain", driver="535")

    assert answer.versions == {"plain": "1.0"}
    assert answer.closed == ()
    assert (
        needed_facts(
            answer.facts,
            answer.versions,
            read_fleet(declared(driver="535"), PLATFORMS["linux-x86_64"]),
        )
        == {}
    )


def test_stray_files_that_two_wheels_write_are_no_reason_to_search_again() -> None:
    world = CudaWorld()
    for name in ("one", "other"):
        files = {f"{name}/__init__.py": b"", "test/__init__.py": name.encode()}
        world.publish(name, "1.0", platform="any", files=files)
    plain = world.means().solve(
        {"pypi": world}, [*world.roots("one", ""), *world.roots("other", "")]
    )
    searched: list[object] = []

    def solve(sources: object, roots: object) -> Resolution:
        searched.append((sources, roots))
        return plain

    found = resolve_with_cuda(
        replace(world.ask("one", "other"), plain=plain), replace(world.means(), solve=solve)
    )

    assert found.verdict.collisions
    assert searched == []


def test_a_bound_that_was_hit_is_never_called_no_solution() -> None:
    world = CudaWorld()
    torches(world)
    means = world.means()

    def gives_up(*_: object) -> None:
        raise GaveUpError("gave-up", "the search was given up")

    object.__setattr__(means, "solve", gives_up)

    from lockenv.sources.cuda import resolve_with_cuda  # noqa: PLC0415 - beside its use

    with pytest.raises(GaveUpError):
        resolve_with_cuda(world.ask("torch", driver="580"), means)
