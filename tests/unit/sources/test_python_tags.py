from __future__ import annotations

import pytest

from lockenv.model import DEFAULT_LEVELS, PLATFORMS, Target
from lockenv.sources.python.tags import TagRanks


def ranks(platform: str) -> TagRanks:
    kind = PLATFORMS[platform]
    return TagRanks(
        Target(name="t", platform=kind, python="3.11.7", level=DEFAULT_LEVELS[kind.libc])
    )


@pytest.mark.parametrize(
    ("platform", "tags", "expected"),
    [
        ("linux-x86_64", "cp38-abi3-manylinux_2_31_x86_64", ("glibc", "2.31")),
        (
            "linux-x86_64",
            "cp311-cp311-manylinux_2_39_x86_64.manylinux_2_34_x86_64",
            ("glibc", "2.34"),
        ),
        ("linux-x86_64", "cp312-cp312-manylinux_2_31_x86_64", None),
        ("linux-x86_64", "cp311-cp311-manylinux_2_31_aarch64", None),
        ("linux-x86_64", "cp311-cp311-win_amd64", None),
        ("macos-arm64", "cp311-cp311-macosx_26_0_arm64", ("macos", "26.0")),
    ],
)
def test_a_level_that_would_let_a_wheel_in_is_named(
    platform: str, tags: str, expected: tuple[str, str] | None
) -> None:
    assert ranks(platform).missing_level(tags) == expected
