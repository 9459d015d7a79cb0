"""The table of interpreter builds: what it holds, and which build answers a manifest's python."""

from __future__ import annotations

import re

import pytest
from packaging.specifiers import SpecifierSet

from lockenv.model import PLATFORMS, parse_digest
from lockenv.tables.builds import (
    Build,
    interpreter_builds,
    known_minors,
    matching_builds,
    newest_build,
    version_key,
)


def build(version: str, variant: str = "default", release: str = "20260101") -> Build:
    name = f"cpython-{version}+{release}-x86_64-unknown-linux-gnu-install_only.tar.gz"
    return Build(
        version=version,
        platform="linux-x86_64",
        variant=variant,
        build=release,
        filename=name,
        url=f"https://example.com/{release}/{name}",
        sha256="0" * 64,
    )


def test_every_build_has_a_known_platform_a_digest_and_an_archive_of_a_known_layout() -> None:
    builds = interpreter_builds()

    assert len(builds) > 1000
    assert {one.platform for one in builds} == set(PLATFORMS)
    for one in builds:
        parse_digest(f"sha256:{one.sha256}")
        assert one.filename.endswith((".tar.gz", ".tar.zst"))
        assert one.url.endswith(one.filename.replace("+", "%2B"))
        assert re.fullmatch(r"\d{8}", one.build)
        assert one.filename.startswith(f"cpython-{one.version}")


def test_there_is_one_build_of_each_version_platform_and_variant() -> None:
    cells = [(one.version, one.platform, one.variant) for one in interpreter_builds()]

    assert len(cells) == len(set(cells))


def test_the_table_is_sorted_so_that_refreshing_it_makes_a_small_difference() -> None:
    keys = [(version_key(one.version), one.platform, one.variant) for one in interpreter_builds()]

    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("3.11", "3.11.10"),
        ("3.11.*", "3.11.10"),
        ("3.11.7", "3.11.7"),
        ("3.1", None),
        ("3.13", "3.13.0"),
        ("3.14.0rc1", "3.14.0rc1"),
        ("3.14", None),
        ("3", "3.13.0"),
        ("", "3.13.0"),
        ("3.13t", "3.13.1"),
        ("3.12t", None),
    ],
)
def test_the_newest_stable_build_that_python_admits_is_chosen(
    spec: str, version: str | None
) -> None:
    world = [
        build("3.11.7"),
        build("3.11.10"),
        build("3.11.9"),
        build("3.13.0"),
        build("3.13.1", "freethreaded"),
        build("3.14.0rc1"),
    ]

    chosen = newest_build(spec, "linux-x86_64", builds=world)

    assert (chosen.version if chosen else None) == version


def test_requires_python_limits_the_choice() -> None:
    world = [build("3.11.7"), build("3.12.1"), build("3.13.0")]

    chosen = newest_build(
        "", "linux-x86_64", requires_python=SpecifierSet("<3.13,!=3.12.1"), builds=world
    )

    assert chosen == build("3.11.7")


def test_a_prerelease_is_chosen_when_prereleases_are_allowed() -> None:
    world = [build("3.13.0"), build("3.14.0b2"), build("3.14.0rc1")]

    chosen = newest_build("", "linux-x86_64", prereleases=True, builds=world)

    assert chosen == build("3.14.0rc1")


def test_other_platforms_are_never_offered() -> None:
    assert newest_build("3.11", "macos-arm64", builds=[build("3.11.7")]) is None


@pytest.mark.parametrize("spec", ["3.11.7.1", "python3", ">=3.11", "3.x", "3.13tt", "-1"])
def test_what_is_not_a_version_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        matching_builds(spec, "linux-x86_64")


def test_the_table_knows_the_minors_of_a_platform_in_order() -> None:
    minors = list(known_minors("linux-x86_64"))

    assert minors.index("3.9") < minors.index("3.10") < minors.index("3.13")
