"""What nvcc has a say in: the major of torch, where the compiler is from, the system's toolkit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockenv.sources.cuda import Fleet, NoCudaSolutionError, explain, resolve_with_cuda
from tests.support.cuda_worlds import CudaWorld


@pytest.fixture
def world() -> CudaWorld:
    """Torch for two majors, and a source that is compiled against it."""
    made = CudaWorld(sources=frozenset({"flash"}))
    made.publish("nvidia-cuda-runtime-cu12", "12.8.90")
    made.publish("nvidia-cuda-runtime", "13.0.96")
    made.publish("torch", "2.11.0", "nvidia-cuda-runtime==13.0.96")
    made.publish("torch", "2.10.0", "nvidia-cuda-runtime-cu12==12.8.90")
    made.publish("flash", "1.0", "torch")
    return made


def told(error: NoCudaSolutionError, world: CudaWorld) -> str:
    return str(explain(error, world.means(), str))


@pytest.mark.parametrize(
    ("toolkit", "version"), [("12.4.1", "2.10.0"), ("13.1.1", "2.11.0"), ("", "2.11.0")]
)
def test_the_systems_toolkit_decides_the_major(
    world: CudaWorld, toolkit: str, version: str
) -> None:
    ask = replace(world.ask("torch"), fleet=Fleet(system_toolkit=toolkit))

    assert resolve_with_cuda(ask, world.means()).versions["torch"] == version


def test_what_the_systems_toolkit_rules_out_is_said(world: CudaWorld) -> None:
    ask = replace(world.ask("torch==2.11.0"), fleet=Fleet(system_toolkit="12.4.1"))

    with pytest.raises(NoCudaSolutionError) as caught:
        resolve_with_cuda(ask, world.means())

    text = told(caught.value, world)
    assert "CUDA 13 is left out: the system packages bring the toolkit 12.4.1" in text
    assert "leave the toolkit out of [system]" in text
    assert "torch<=2.10.0: 2.10.0 is CUDA 12 and was checked to work" in text


def test_a_source_takes_the_compiler_of_its_torch(world: CudaWorld) -> None:
    answer = world.resolve("flash", driver="580")

    assert (answer.compiler, answer.compiled) == (13, ("flash",))


def test_wheels_hold_no_compiler_before_cuda_13(world: CudaWorld) -> None:
    with pytest.raises(NoCudaSolutionError) as caught:
        world.resolve("flash", "torch<2.11")

    text = told(caught.value, world)
    assert "flash 1.0: needs nvcc of CUDA 12 to be built with" in text
    assert 'sources = { nvcc = "redistributable" }' in text


@pytest.mark.parametrize("keys", [{"sources": {"nvcc": "redistributable"}}, {}])
def test_archives_or_the_system_have_one(world: CudaWorld, keys: dict[str, object]) -> None:
    ask = world.ask("flash", driver="535", **keys)
    if not keys and ask.fleet is not None:
        ask = replace(ask, fleet=replace(ask.fleet, system_toolkit="12.4.1"))

    answer = resolve_with_cuda(ask, world.means())

    assert (answer.versions["torch"], answer.compiler) == ("2.10.0", 12)


def test_what_is_built_without_cuda_needs_no_compiler(world: CudaWorld) -> None:
    world.publish("torch", "2.10.0", platform="manylinux_2_28_aarch64")
    world.publish("flash", "1.0")

    assert world.resolve("flash").compiler == 0


def test_a_declared_compiler_leaves_majors_out(world: CudaWorld) -> None:
    with pytest.raises(NoCudaSolutionError) as caught:
        world.resolve("torch<2.11", driver="580", components=("nvcc",))

    text = told(caught.value, world)
    assert "CUDA 12 is left out: nvcc is to come from wheels, which has none of CUDA 12" in text
