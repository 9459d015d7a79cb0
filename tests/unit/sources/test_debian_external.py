"""``[external]`` of PEP 725 by the shipped mappings, for Debian 12 and 13."""

from __future__ import annotations

import pytest

from lockenv.errors import FaultsError, NoSolutionError
from lockenv.model import Digest, LockedSystemPackage, Origin, System, SystemPackage
from lockenv.sources.debian import check_external, external_packages
from lockenv.tables.external import ecosystem, mapping, parse_external

#: The central registry's own names (PEP 804) that Debian has, and those of machine learning.
NAMES = [
    *("clang", "cmake", "freetype", "gmp", "lcms2", "libffi", "libjpeg", "libpq", "libraqm"),
    *("libtiff", "libwebp", "libxcb", "libxml2", "libxslt", "libyaml", "llvm", "make", "ninja"),
    *("openblas", "openjpeg", "openssl", "pkg-config", "python", "tk", "zlib", "ffmpeg", "git"),
    *("libgl", "glib", "libsndfile", "libgomp", "graphviz", "tesseract", "poppler", "portaudio"),
    *("openmpi", "hdf5", "libaio", "tini", "ca-certificates", "tzdata", "locales"),
]


def _origin(key: str = "dependencies", number: int = 0) -> Origin:
    return Origin("pyproject.toml", ("external", key, number))


def _system(suite: str = "bookworm", *packages: str) -> System:
    asked = tuple(SystemPackage(relation=text, origin=_origin()) for text in packages)
    return System(suite=suite, packages=asked, origin=_origin())


def _packages(suite: str, text: str, key: str = "dependencies", role: str = "run") -> list[str]:
    found = external_packages([(text, _origin(key))], _system(suite), roles=(role,))
    return [package.relation for one in found for package in one.packages]


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("name", NAMES)
def test_every_common_name_has_a_package_to_run_with(suite: str, name: str) -> None:
    assert _packages(suite, f"dep:generic/{name}")


def test_names_follow_the_suite_and_the_role() -> None:
    assert _packages("bookworm", "dep:generic/glib") == ["libglib2.0-0"]
    assert _packages("trixie", "dep:generic/glib") == ["libglib2.0-0t64"]
    assert _packages("bookworm", "dep:generic/zlib", "host-requires", "host") == ["zlib1g-dev"]
    assert _packages("bookworm", "dep:virtual/compiler/c", "build-requires", "build") == [
        "gcc",
        "libc6-dev",
    ]
    assert _packages("bookworm", "dep:github/Kitware/CMake") == ["cmake"]
    assert _packages("bookworm", "pkg:deb/debian/hello") == ["hello"]


def test_what_only_a_build_needs_is_not_asked_for_at_run_time() -> None:
    assert _packages("bookworm", "dep:virtual/compiler/c", "build-requires") == []


def test_all_unmapped_names_are_told_with_the_nearest_and_the_line_to_add() -> None:
    asked = [("dep:generic/ffmpg", _origin()), ("dep:generic/arrow", _origin(number=1))]

    with pytest.raises(FaultsError) as caught:
        external_packages(asked, _system())

    first, second = caught.value.faults
    assert first.why == (
        "pyproject.toml: external.dependencies[0]",
        "the nearest that are known: dep:generic/ffmpeg",
    )
    assert first.fix == ('name it yourself: packages = ["ffmpg"] in [system]',)
    assert "debian+12 has no package for it" in second.why


def test_a_package_named_by_hand_answers_an_unmapped_name() -> None:
    asked = [("dep:generic/libfoo", _origin())]

    assert external_packages(asked, _system("bookworm", "libfoo2 (>= 1)")) == ()


def test_suites_without_a_table_say_so() -> None:
    with pytest.raises(FaultsError) as caught:
        external_packages([("dep:generic/git", _origin())], _system("sid"))
    assert "there is no table for debian sid" in caught.value.why


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        (">=2.39", True),
        (">=2.40", False),
        (">=2,<3", True),
        ("==2.39.*", True),
        ("==2.38.*", False),
        ("~=2.30", True),
        ("2.39.5", True),
        ("!=2.39.5", False),
        ("junk", False),
    ],
)
def test_versions_are_held_against_the_upstream_version(version: str, fits: bool) -> None:  # noqa: FBT001 - a table
    asked = external_packages([(f"dep:generic/git@{version}", _origin())], _system())
    locked = LockedSystemPackage(
        name="git",
        version="1:2.39.5-0+deb12u2",
        architecture="amd64",
        source="git",
        path="pool/git.deb",
        archive="debian",
        digest=Digest("sha256", "0" * 64),
        size=1,
    )

    if fits:
        check_external(asked, [locked])
    else:
        with pytest.raises(NoSolutionError, match="is not what this suite has"):
            check_external(asked, [locked])


@pytest.mark.parametrize("text", ["generic/x", "dep:x", "dep:", "dep:a/b@1@2#"])
def test_malformed_urls_are_refused(text: str) -> None:
    if text == "dep:a/b@1@2#":
        assert parse_external(text).version == "1@2"
        return
    with pytest.raises(ValueError, match="not an external dependency"):
        parse_external(text)


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_each_mapping_is_whole(suite: str) -> None:
    name = ecosystem("debian", suite)

    assert name is not None
    rows = mapping(name)
    assert len(rows) > 150
    for identifier, specs in rows.items():
        assert identifier.startswith("dep:")
        assert set(specs) == {"build", "host", "run"}
