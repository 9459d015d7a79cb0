from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from lockenv.tables.cuda import (
    TABLES,
    components,
    covers,
    drivers,
    parse_components,
    parse_driver,
    parse_drivers,
    parse_wheels,
    read_table,
    table_bytes,
    tables_digest,
    wheels,
)

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.mark.parametrize("name", TABLES)
def test_each_shipped_table_answers_its_schema(name: str) -> None:
    schema = json.loads((SCHEMAS / name.replace(".json", ".schema.json")).read_text())

    jsonschema.validate(json.loads(table_bytes(name)), schema)


def test_the_readers_have_no_complaint_about_the_shipped_tables() -> None:
    for name, parse in zip(TABLES, (parse_components, parse_drivers, parse_wheels), strict=True):
        table = read_table(name)
        parse(table)
        assert table.faults == []


def test_the_recorded_digest_is_that_of_the_shipped_tables() -> None:
    recorded = files("lockenv.tables").joinpath("data", "cuda-tables.sha256").read_text().strip()

    assert tables_digest() == recorded


@pytest.mark.parametrize(
    ("name", "version", "major", "minor"),
    [
        ("nvidia-cuda-runtime-cu12", "12.8.90", 12, "12.8"),
        ("nvidia-cublas", "13.1.0.3", 13, "13.0"),
        ("nvidia-cublas", "13.1.2.11", 13, "13.0"),
        ("nvidia-cuda-runtime", "13.9.1", 13, "13.9"),
        ("nvidia-nccl-cu13", "2.27.7", 13, None),
        ("cupy-cuda12x", "14.0", 12, None),
        ("cuda-toolkit", "13.0.3.0", 13, "13.0"),
        ("nvidia-cutlass-dsl-libs-cu12", "4.0", None, None),
        ("torch", "2.10.0", None, None),
    ],
)
def test_a_component_wheel_belongs_to_a_release(
    name: str, version: str, major: int | None, minor: str | None
) -> None:
    assert components().major_of(name, version) == major
    assert components().minor_of(name, version) == minor


def test_a_release_knows_its_pins_and_extras() -> None:
    release = components().releases["12.8.1"]

    assert release.pins["nvidia-cuda-runtime-cu12"] == "==12.8.90.*"
    assert "nvidia-cublas-cu12" in release.extras["cublas"]
    assert components().pinned_version("12.8.1", "nvidia-nvjitlink-cu12") == "12.8.93"


def test_drivers_compare_by_branch_or_in_full() -> None:
    assert parse_driver("525").meets(parse_driver("525.60.13"))
    assert not parse_driver("525.53").meets(parse_driver("525.60.13"))
    assert parse_driver("535.54").meets(parse_driver("525.60.13"))
    with pytest.raises(ValueError, match="not a driver"):
        parse_driver("latest")


@pytest.mark.parametrize(
    ("driver", "majors"), [("450", (11,)), ("535", (12, 11)), ("580.65.06", (13, 12, 11))]
)
def test_a_driver_runs_the_majors_of_its_floor(driver: str, majors: tuple[int, ...]) -> None:
    assert drivers().majors_for(parse_driver(driver)) == majors


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("A100", "8.0"),
        ("NVIDIA A100-SXM4-40GB", "8.0"),
        ("Tesla V100-PCIE-16GB", "7.0"),
        ("NVIDIA H100 80GB HBM3", "9.0"),
        ("NVIDIA GeForce RTX 5090 Laptop GPU", "12.0"),
        ("rtx 5090", "12.0"),
        ("NVIDIA RTX 6000 Ada Generation", "8.9"),
        ("Quadro RTX 6000", "7.5"),
        ("NVIDIA GB10", "12.1"),
        ("8.6", "8.6"),
        ("sm_75", "7.5"),
        ("A1000000", None),
    ],
)
def test_gpus_are_known_by_the_names_that_drivers_print(name: str, capability: str | None) -> None:
    assert drivers().capability_of(name) == capability


def test_an_unknown_gpu_has_near_names() -> None:
    assert "V100" in drivers().nearest_gpus("V1000")


def test_branches_drop_and_introduce_gpus() -> None:
    assert drivers().undrivable("7.0", parse_driver("580")) is None
    assert "580" in (drivers().undrivable("7.0", parse_driver("595")) or "")
    assert "570" in (drivers().undrivable("12.0", parse_driver("535")) or "")


def test_toolkits_know_their_compilers_drivers_and_compatibility() -> None:
    table = drivers()

    assert table.native_branch("12.8") == 570
    assert table.native_cuda(parse_driver("535.183.01")) == "12.2"
    compiler = table.host_compiler("12.4")
    assert compiler is not None
    assert compiler.gcc == 13
    assert table.forward_compatible(parse_driver("535"), "13.0") is True
    assert table.forward_compatible(parse_driver("595"), "12.9") is False
    assert table.forward_compatible(parse_driver("550"), "13.0") is None
    assert "7.5" in table.toolkit_archs["13.0"].capabilities
    assert "7.0" not in table.toolkit_archs["13.0"].capabilities


def test_machine_code_runs_on_newer_minors_of_its_major_only() -> None:
    assert covers("8.0", "8.6")
    assert not covers("8.6", "8.0")
    assert not covers("8.0", "9.0")


def test_wheel_facts_are_found_by_hash_by_release_and_by_range() -> None:
    table = wheels()
    row = next(w for w in table.wheels if w.package == "torchaudio" and w.version == "2.11.0")

    assert table.by_hash(row.sha256) is row
    assert table.same_release("torchaudio", "2.11.0", "manylinux_2_28_x86_64") is row
    assert table.same_release("torchaudio", "2.11.0", "macosx_11_0_arm64") is None
    assert row.libraries[0].needs == ("libcudart.so.13",)
    span = table.range_of("vllm", "0.40.1+local", "x86_64")
    assert span is not None
    assert span.major == 13
