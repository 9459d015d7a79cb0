from __future__ import annotations

import io

import pytest

from lockenv.sources.cuda import CandidateFacts, Desk, WheelFile, facts_of_file, read_wheel_facts
from lockenv.sources.cuda.facts import (
    code_for,
    facts_from_range,
    facts_from_requirements,
    facts_from_version,
    plain_soname,
)
from lockenv.tables.cuda import WheelLibrary, wheels
from tests.support.cuda_worlds import CudaWorld, zipped
from tests.support.elves import elf, fatbin


@pytest.mark.parametrize(
    ("version", "majors", "toolkit"),
    [
        ("2.7.1+cu128", (12,), "12.8"),
        ("2.7.1+cu118", (11,), "11.8"),
        ("0.3.1+cu12torch2.4", (12,), None),
        ("1.0+cu12.6", (12,), "12.6"),
    ],
)
def test_a_local_version_names_the_cuda(
    version: str, majors: tuple[int, ...], toolkit: str | None
) -> None:
    facts = facts_from_version(version)

    assert facts is not None
    assert (facts.majors, facts.toolkit) == (majors, toolkit)


def test_a_local_version_names_a_cpu_build() -> None:
    facts = facts_from_version("2.7.1+cpu")

    assert facts is not None
    assert facts.is_cpu_build
    assert facts_from_version("2.7.1") is None
    assert facts_from_version("1.0+ubuntu1") is None


@pytest.mark.parametrize(
    ("lines", "major", "toolkit"),
    [
        (["nvidia-cuda-runtime-cu12==12.8.90", "nvidia-cudnn-cu12==9.10.2.21"], 12, "12.8"),
        (["cuda-toolkit[cublas,cudart]==13.0.2", "nvidia-cudnn-cu13==9.15"], 13, "13.0"),
        (["cuda-toolkit==12.*"], 12, None),
        (["nvidia-nccl-cu13"], 13, None),
        (["nvidia-cublas>=13.0.0.19"], 13, None),
        (["jax-cuda12-plugin==0.7"], 12, None),
    ],
)
def test_pins_in_metadata_name_the_cuda(lines: list[str], major: int, toolkit: str | None) -> None:
    facts = facts_from_requirements(lines)

    assert facts is not None
    assert (facts.major, facts.toolkit) == (major, toolkit)


def test_a_suffix_outside_the_runtime_families_is_no_evidence() -> None:
    assert facts_from_requirements(["nvidia-cutlass-dsl-libs-cu12==4.3", "numpy>=2"]) is None


def test_the_broadest_own_library_speaks_for_a_package() -> None:
    main = WheelLibrary(path="x/_C.so", base=("7.5", "8.0", "9.0"), ptx=("9.0",), cubins=30)
    side = WheelLibrary(path="x/_fa3.so", base=("9.0",), cubins=600)
    bundled = WheelLibrary(
        path="x.libs/libnvjpeg.so.12", base=("5.0", "6.0", "7.0", "8.0"), cubins=9
    )

    assert code_for([side, main, bundled]) == (("7.5", "8.0", "9.0"), ("9.0",))


def test_a_single_entry_is_no_evidence() -> None:
    assert code_for([WheelLibrary(path="libcufft.so.11", base=("5.2",), cubins=1)]) == ((), ())


def test_a_library_for_each_release_serves_each_major() -> None:
    desk = Desk(None)
    row = next(w for w in wheels().wheels if w.package == "bitsandbytes" and w.version == "0.50.2")
    file = WheelFile(package="bitsandbytes", version="0.50.2", file=row.file, sha256=row.sha256)

    facts = desk.facts(file, ["torch<3,>=2.4"])

    assert facts.majors == (11, 12, 13)
    assert "libcudart.so.12" in facts.for_major(12).needs
    assert "libcudart.so.13" not in facts.for_major(12).needs
    assert "6.0" not in facts.for_major(13).archs


def test_bundled_copies_have_the_name_of_what_they_copy() -> None:
    assert plain_soname("libcudart.faf08d9a.so.13") == "libcudart.so.13"
    assert plain_soname("libnvjpeg-1a359ba7.so.13") == "libnvjpeg.so.13"


def gpu_wheel() -> dict[str, bytes]:
    library = elf(
        needed=["libcudart.so.13", "libc.so.6"],
        fatbin=fatbin(("cubin", 80), ("cubin", 90), ("ptx", 90, "9.0")),
    )
    return {"thing/_cuda.so": library, "thing/__init__.py": b"", "thing/plain.so": elf()}


def test_a_wheel_is_read_by_ranges_and_remembered() -> None:
    world = CudaWorld()
    world.publish("thing", "1.0", files=gpu_wheel())
    file = world.describe(next(world.candidates(world.asked("thing")[0].identifier, [])))

    first = read_wheel_facts(file, world)
    read = world.read
    again = read_wheel_facts(file, world)

    assert first is not None
    assert (first.majors, first.archs, first.ptx, first.ptx_isa) == (
        (13,),
        ("8.0", "9.0"),
        ("9.0",),
        "9.0",
    )
    assert first.needs == ("libcudart.so.13",)
    assert again == first
    assert world.read == read


def test_what_a_downloaded_wheel_holds_is_read_likewise() -> None:
    facts = facts_of_file(io.BytesIO(zipped(gpu_wheel())), "thing-1.0-py3-none-any.whl")

    assert (facts.majors, facts.needs) == ((13,), ("libcudart.so.13",))


def test_a_wheel_beyond_the_limit_is_not_fetched() -> None:
    world = CudaWorld()
    world.publish("thing", "1.0", files=gpu_wheel())
    file = world.describe(next(world.candidates(world.asked("thing")[0].identifier, [])))

    assert read_wheel_facts(file, world, limit=10) is None
    assert world.read == 0


def test_a_damaged_wheel_says_nothing() -> None:
    world = CudaWorld()
    world.publish("thing", "1.0")
    world.packages["thing"]["1.0"].wheel = b"no zip at all"
    file = world.describe(next(world.candidates(world.asked("thing")[0].identifier, [])))

    facts = read_wheel_facts(file, world)

    assert facts is not None
    assert facts.is_partial
    assert not facts.says_something


def test_machine_code_serves_newer_minors_and_ptx_newer_majors() -> None:
    facts = CandidateFacts(archs=("8.0",), ptx=("9.0",))

    assert facts.runs_on("8.6") is True
    assert facts.runs_on("9.0") is False
    assert facts.can_compile_for("12.0")
    assert CandidateFacts().runs_on("8.0") is None


def test_what_linux_wheels_hold_says_nothing_of_windows() -> None:
    name = "torch-2.16.0-cp312-cp312-{}.whl"
    found = {
        tag: facts_from_range(
            WheelFile(package="torch", version="2.14.7", file=name.format(tag), sha256=None)
        )
        for tag in ("manylinux_2_28_x86_64", "win_amd64")
    }

    linux = found["manylinux_2_28_x86_64"]
    assert linux is not None
    assert linux.majors == (13,)
    assert found["win_amd64"] is None


@pytest.mark.parametrize(
    ("version", "majors"), [("2.13.0", (13,)), ("2.13.0+cpu", ()), ("2.13.0+cu126", (12,))]
)
def test_another_build_of_a_release_says_nothing_of_this_one(
    version: str, majors: tuple[int, ...]
) -> None:
    name = f"torch-{version}-cp311-cp311-manylinux_2_28_x86_64.whl"
    wheel = WheelFile(package="torch", version=version, file=name, sha256="0" * 64)

    facts = Desk(None).facts(wheel, ())

    assert facts.majors == majors
    assert ("libcudart.so.13" in facts.needs) is (majors == (13,))
    assert facts.is_cpu_build is version.endswith("+cpu")
