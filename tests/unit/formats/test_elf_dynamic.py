from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.elf import ElfError, parse_dynamic, section_range, sonames_in_prefix
from tests.support.elves import elf, fatbin

if TYPE_CHECKING:
    from pathlib import Path


def test_the_dynamic_section_says_what_a_library_needs_and_is_called() -> None:
    data = elf(
        needed=["libcudart.so.13", "libc.so.6"],
        soname="libx.so.1",
        runpath="$ORIGIN:$ORIGIN/../lib",
    )

    facts = parse_dynamic(data)

    assert facts.needed == ("libcudart.so.13", "libc.so.6")
    assert facts.soname == "libx.so.1"
    assert facts.runpath == ("$ORIGIN", "$ORIGIN/../lib")
    assert facts.machine == "x86_64"


def test_a_library_that_gcc_built_reads_as_it_was_linked(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    (tmp_path / "a.c").write_text("#include <math.h>\ndouble f(double x) { return cos(x); }\n")
    command = ["gcc", "-shared", "-fPIC", "-o", "liba.so", "a.c", "-lm", "-Wl,-soname,liba.so.7"]
    subprocess.run([*command, "-Wl,--no-as-needed"], cwd=tmp_path, check=True)

    data = (tmp_path / "liba.so").read_bytes()
    facts = parse_dynamic(data)

    assert facts.soname == "liba.so.7"
    assert "libm.so.6" in facts.needed
    assert any(library == "libm.so.6" for library, _ in facts.versions)
    assert section_range(data, ".dynamic") is not None
    assert section_range(data, ".nv_fatbin") is None
    assert "libm.so.6" in sonames_in_prefix(data[:4096])


def test_what_is_no_elf_file_is_refused() -> None:
    with pytest.raises(ElfError):
        parse_dynamic(b"PK\x03\x04" + bytes(200))


def test_an_offset_outside_the_file_is_refused() -> None:
    data = bytearray(elf(needed=["libc.so.6"]))
    data[32:40] = (2**63).to_bytes(8, "little")

    with pytest.raises(ElfError):
        parse_dynamic(bytes(data))


@given(st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(elf(needed=["libcudart.so.12"], fatbin=fatbin(("cubin", 80))))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))

    try:
        parse_dynamic(bytes(whole))
        section_range(bytes(whole), ".nv_fatbin")
    except ElfError:
        pass
