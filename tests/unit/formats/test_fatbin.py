from __future__ import annotations

import shutil
import subprocess
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.elf import section_range
from lockenv.formats.fatbin import FatbinScanner, fatbin_entries, summarize
from tests.support.elves import elf, fatbin


def test_entries_say_kind_architecture_and_ptx_version() -> None:
    data = fatbin(("cubin", 80), ("cubin", 90, "a"), ("ptx", 90, "8.5"))

    entries = list(fatbin_entries(data))

    assert [(e.kind, e.capability, e.specific, e.isa) for e in entries] == [
        ("cubin", "8.0", False, ""),
        ("cubin", "9.0", True, ""),
        ("ptx", "9.0", False, "8.5"),
    ]


def test_an_architecture_that_few_kernels_carry_is_no_base() -> None:
    codes = [("cubin", 80)] * 4 + [("cubin", 90)] * 2 + [("cubin", 89)]

    summary = summarize(fatbin_entries(fatbin(*codes)))

    assert summary.base == ("8.0", "9.0")
    assert summary.few == ("8.9",)
    assert summary.cubins == 7


def test_architecture_specific_code_is_told_apart() -> None:
    summary = summarize(fatbin_entries(fatbin(("cubin", 90, "a"), ("ptx", 80, "7.8"))))

    assert summary.base == ()
    assert summary.specific == ("9.0",)
    assert (summary.ptx, summary.isa) == (("8.0",), "7.8")


def test_a_mapped_file_has_the_same_entries_and_stays_out_of_memory(tmp_path: Path) -> None:
    part = fatbin(("cubin", 75), ("ptx", 120, "9.0"))
    file = tmp_path / "large"
    with file.open("wb") as written:
        for place in (8, (16 << 20) - 8, 40 << 20):
            written.seek(place)
            written.write(part)
        written.truncate(200 << 20)

    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as data:
        found = list(fatbin_entries(data))
        mapped = next(
            int(line.split()[1])
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("RssFile:")
        )

    assert found == list(fatbin_entries(part)) * 3
    assert mapped < 100 << 10


@given(st.lists(st.integers(1, 400), max_size=20), st.integers(0, 3))
def test_a_stream_in_any_pieces_has_the_same_entries(sizes: list[int], containers: int) -> None:
    part = fatbin(("cubin", 75), ("ptx", 120, "9.0"), ("cubin", 120))
    data = elf(needed=["libcudart.so.13"], fatbin=(part + bytes(24)) * containers)
    scanner = FatbinScanner()

    at = 0
    for size in [*sizes, len(data)]:
        scanner.feed(data[at : at + size])
        at += size

    assert scanner.entries == list(fatbin_entries(data))
    assert len(scanner.entries) == 3 * containers


@given(st.binary(max_size=300))
def test_noise_behind_the_magic_is_passed_over(noise: bytes) -> None:
    data = b"\x50\xed\x55\xba" + noise
    scanner = FatbinScanner()
    scanner.feed(data)

    assert scanner.entries == list(fatbin_entries(data))


def test_what_nvcc_embeds_is_read(tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("needs nvcc")
    (tmp_path / "k.cu").write_text("__global__ void k(float *a) { a[0] = 1; }\n")
    codes = ["arch=compute_80,code=sm_80", "arch=compute_90,code=[sm_90,compute_90]"]
    codes.append("arch=compute_90a,code=sm_90a")
    flags = [word for code in codes for word in ("-gencode", code)]
    command = ["nvcc", "-shared", "-Xcompiler", "-fPIC", *flags, "-o", "k.so", "k.cu"]
    subprocess.run(command, cwd=tmp_path, check=True)

    data = (tmp_path / "k.so").read_bytes()
    section = section_range(data, ".nv_fatbin")
    assert section is not None
    summary = summarize(fatbin_entries(data, section[0], sum(section)))

    assert summary.base == ("8.0", "9.0")
    assert summary.specific == ("9.0",)
    assert summary.ptx == ("9.0",)
    assert summary.isa
