"""The table of libraries that wheels may take from outside."""

from __future__ import annotations

import pytest

from lockenv.tables.native import native_libraries


@pytest.mark.parametrize(
    "soname",
    ["libc.so.6", "libm.so.6", "libcuda.so.1", "libnvidia-ml.so.1", "libpython3.11.so.1.0"],
)
def test_glibc_the_driver_and_the_interpreter_are_never_the_systems_to_bring(soname: str) -> None:
    assert native_libraries().is_elsewhere(soname)


@pytest.mark.parametrize(
    "soname", ["libGL.so.1", "libstdc++.so.6", "libgomp.so.1", "libcudart.so.12"]
)
def test_all_else_is_looked_for(soname: str) -> None:
    assert not native_libraries().is_elsewhere(soname)


@pytest.mark.parametrize(
    ("tag", "soname", "is_allowed"),
    [
        ("manylinux1_x86_64", "libGL.so.1", True),
        ("manylinux1_x86_64", "libexpat.so.1", False),
        ("manylinux2014_x86_64", "libexpat.so.1", True),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", "libexpat.so.1", True),
        ("manylinux_2_28_x86_64", "libgomp.so.1", False),
        ("manylinux_2_99_aarch64", "libz.so.1", True),
        ("musllinux_1_2_x86_64", "libz.so.1", True),
        ("musllinux_1_2_x86_64", "libGL.so.1", False),
        ("linux_x86_64", "libz.so.1", False),
    ],
)
def test_a_tag_allows_what_its_policy_lists(tag: str, soname: str, is_allowed: bool) -> None:  # noqa: FBT001 - a row of the table
    allowed = native_libraries().allowed(f"demo-1.0-cp311-cp311-{tag}.whl")

    assert (soname in allowed) is is_allowed
