from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.metadata import (
    LIMIT,
    MetadataError,
    expand_tags,
    parse_core,
    parse_core_metadata,
    parse_wheel_name,
    render_core,
)


def test_the_fields_of_resolving_are_read() -> None:
    metadata = parse_core_metadata(
        b"Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0\nSummary: x\n"
        b"Requires-Dist: b>=1\nRequires-Dist: a ; extra == 'x'\n"
        b"Provides-Extra: Long_Name\nProvides-Extra: x\nRequires-Python: >=3.8\n"
        b"\nName: this is the description\n"
    )

    assert (metadata.name, metadata.version) == ("Demo.Pkg", "1.0")
    assert metadata.requires_dist == ("b>=1", "a ; extra == 'x'")
    assert metadata.provides_extra == ("long-name", "x")
    assert metadata.requires_python == ">=3.8"
    assert parse_core(render_core(metadata)) == metadata


@pytest.mark.parametrize(
    "body",
    [
        b"name: demo\nVERSION: 1\nrequires-dist: a\n",
        b"\xef\xbb\xbfName: demo\r\nVersion: 1\r\nRequires-Dist: a\r\n\r\ntext",
        (
            b"Description: a\n        |Name: other\n\tVersion: 9\nName: demo\nVersion: 1\n"
            b"Requires-Dist: a\nRequires-Python: UNKNOWN\n"
        ),
        b"Name: demo\nVersion: 1\nAuthor: \xff\xfe\nRequires-Dist:\n a\n",
        b"Name: demo\nName: other\nVersion: 1\nno colon\nRequires-Dist: a\n",
    ],
    ids=["case", "windows", "continued", "bytes", "doubled"],
)
def test_old_spellings_are_borne(body: bytes) -> None:
    metadata = parse_core_metadata(body)

    assert (metadata.name, metadata.version) == ("demo", "1")
    assert metadata.requires_python is None
    assert [one for one in metadata.requires_dist if one] in ([], ["a"])


@pytest.mark.parametrize(
    "body", [b"", b"Name: x\n\nVersion: 1\n", b"Version: 1\n", b"<html>", b"x" * (LIMIT + 1)]
)
def test_without_name_or_version_there_are_no_metadata(body: bytes) -> None:
    with pytest.raises(MetadataError):
        parse_core_metadata(body)


@pytest.mark.parametrize(
    ("head", "static"),
    [
        (b"Metadata-Version: 2.1\n", False),
        (b"Metadata-Version: 2.2\n", True),
        (b"Metadata-Version: 2.4\nDynamic: License-File\n", True),
        (b"Metadata-Version: 2.2\nDynamic: requires-dist\n", False),
        (b"Metadata-Version: 2.2\nDynamic: Version\n", False),
        (b"Metadata-Version: 10.0\n", True),
        (b"Metadata-Version: old\n", False),
        (b"", False),
    ],
)
def test_static_metadata_bind_every_build(head: bytes, *, static: bool) -> None:
    assert parse_core_metadata(head + b"Name: a\nVersion: 1\n").is_static is static


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        metadata = parse_core_metadata(body)
    except MetadataError:
        return
    assert parse_core(render_core(metadata)).name


def test_wheel_names_have_five_or_six_parts() -> None:
    plain = parse_wheel_name("Demo_Pkg-1.0-py2.py3-none-any.whl")
    built = parse_wheel_name("demo-1.0-12a-cp311-cp311-Linux_x86_64.whl")

    assert (plain.name, plain.version, plain.build) == ("Demo_Pkg", "1.0", (-1, ""))
    assert plain.expanded() == {"py2-none-any", "py3-none-any"}
    assert (built.build, built.tags) == ((12, "a"), "cp311-cp311-linux_x86_64")


@pytest.mark.parametrize(
    "name",
    [
        "demo-1.0.tar.gz",
        "demo-1.0-py3-none.whl",
        "demo-1.0-x1-py3-none-any.whl",
        "demo-1.0-1-py3-none-any-variant.whl",
        f"demo-1.0-{'9' * 5000}-py3-none-any.whl",
    ],
)
def test_other_names_are_no_wheels(name: str) -> None:
    with pytest.raises(ValueError, match="demo"):
        parse_wheel_name(name)


def test_a_tag_set_that_stands_for_millions_stands_for_none() -> None:
    many = ".".join(f"t{number}" for number in range(200))

    assert expand_tags(f"{many}-{many}-{many}") == frozenset()
