"""Zip archives from strangers: sound ones are read, all others are refused whole."""

from __future__ import annotations

import io
import os
import zipfile
import zlib

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.wheel import Limits, path_fault, read_member, read_members, stream_member
from tests.support.archives import Entry, zip_of


def contents(data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    file = io.BytesIO(data)
    members = read_members(file, "demo.whl", limits or Limits())
    return {member.path: read_member(file, member, "demo.whl") for member in members}


@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("zip64", [True, False])
@pytest.mark.parametrize("comment", [b"", b"a comment PK\5\6 with a signature"])
def test_a_sound_archive_gives_its_contents(deflate: bool, zip64: bool, comment: bytes) -> None:  # noqa: FBT001 - cases
    big = os.urandom(1 << 20) + b"\0" * (1 << 20)
    entries = [
        Entry("demo/", b"", mode=0o40755),
        Entry("demo/__init__.py", b"", deflate=deflate, zip64=zip64),
        Entry("demo/größe.bin", big, deflate=deflate, zip64=zip64),
        Entry("demo/tool", b"#!x", mode=0o100755, deflate=deflate, zip64=zip64),
    ]

    data = zip_of(entries, comment=comment, zip64=zip64)

    assert contents(data) == {
        "demo/__init__.py": b"",
        "demo/größe.bin": big,
        "demo/tool": b"#!x",
    }
    if b"PK" not in comment:  # the standard library takes the one in the comment for the end
        with zipfile.ZipFile(io.BytesIO(data)) as second_opinion:
            assert second_opinion.testzip() is None


def test_executable_files_are_told_from_others() -> None:
    data = zip_of([Entry("a", b"", mode=0o100755), Entry("b"), Entry("c", mode=0o755)])

    members = read_members(io.BytesIO(data), "demo.whl")

    assert {member.path: member.is_executable for member in members} == {
        "a": True,
        "b": False,
        "c": False,  # no kind of file: pip takes it for a plain one too
    }


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "a/../../evil",
        "a/..",
        "/etc/passwd",
        "//host/share",
        "C:/windows",
        "c:evil",
        "a\\..\\..\\evil",
        "a/./b",
        "a//b",
        "./a",
        "",
        ".",
        "a\nb",
        "a\x7fb",
        "a\x1b[2Jb",
        "a\x85b",
        "x" * 256,
        "/".join(["x" * 200] * 25),
    ],
)
def test_paths_that_leave_their_folder_or_hide_are_refused(path: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        contents(zip_of([Entry("fine"), Entry(path, b"x")]))

    assert caught.value.slug == "unsafe-path"
    assert caught.value.status == 4


def test_a_name_with_a_zero_byte_is_refused() -> None:
    with pytest.raises(IntegrityError, match="control character"):
        contents(zip_of([Entry("a\0.py", b"x")]))


def test_a_name_that_is_not_text_is_refused() -> None:
    with pytest.raises(IntegrityError) as caught:
        contents(zip_of([Entry("a", raw_name=b"\xff\xfe")]))

    assert caught.value.slug == "unsafe-path"


@pytest.mark.parametrize(
    ("entries", "slug"),
    [
        ([Entry("a", b"/etc/passwd", mode=0o120777)], "archive-link"),
        ([Entry("a", mode=0o020666)], "archive-device"),
        ([Entry("a", mode=0o060666)], "archive-device"),
        ([Entry("a", mode=0o010666)], "archive-device"),
        ([Entry("a", mode=0o140666)], "archive-device"),
        ([Entry("a", mode=0o040755)], "archive-device"),
        ([Entry("a", mode=0o104755)], "archive-set-id"),
        ([Entry("a", mode=0o102755)], "archive-set-id"),
        ([Entry("a"), Entry("a")], "archive-duplicate"),
        ([Entry("Demo/a"), Entry("demo/A")], "archive-duplicate"),
        ([Entry("stra\u00dfe"), Entry("STRASSE")], "archive-duplicate"),
        ([Entry("caf\u00e9"), Entry("cafe\u0301")], "archive-duplicate"),
        ([Entry("a"), Entry("a/b")], "archive-duplicate"),
        ([Entry("A/b"), Entry("a")], "archive-duplicate"),
        ([Entry("a", flags=1)], "archive-encrypted"),
        ([Entry("a", flags=0x2000)], "archive-encrypted"),
        ([Entry("a", method=12)], "archive-unsupported"),
        ([Entry("a", method=14)], "archive-unsupported"),
        ([Entry("a", b"abc", local_name=b"b")], "archive-damaged"),
        ([Entry("a", b"abc", crc=1)], "archive-damaged"),
        ([Entry("a", b"abc", packed=b"\xff\xff\xff")], "archive-damaged"),
        ([Entry("a", b"abc", packed=b"")], "archive-damaged"),
        ([Entry("a", b"abc", declared=2)], "archive-bomb"),
        ([Entry("a", b"abc", declared=4)], "archive-damaged"),
        ([Entry("a", b"abc", deflate=False, declared=2)], "archive-damaged"),
        ([Entry("a/", b"abc")], "archive-damaged"),
        ([Entry("a", b"x" * 99), Entry("b", b"x" * 99, offset=0)], "archive-overlap"),
        ([Entry("a", b"abc"), Entry("b", b"abc", offset=9)], "archive-overlap"),
    ],
)
def test_what_no_wheel_needs_is_refused(entries: list[Entry], slug: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        contents(zip_of(entries))

    assert caught.value.slug == slug


def test_a_stream_that_goes_on_behind_its_end_is_refused() -> None:
    packed = Entry("a", b"abc").packed_data + b"more"

    with pytest.raises(IntegrityError) as caught:
        contents(zip_of([Entry("a", b"abc", packed=packed)]))

    assert caught.value.slug == "archive-damaged"


@pytest.mark.parametrize("cut", [0, 1, 10, 40, 60, 80, 100, -1, -10, -22])
def test_a_truncated_archive_is_refused(cut: int) -> None:
    data = zip_of([Entry("a", b"abc"), Entry("b", b"def")])

    with pytest.raises(IntegrityError) as caught:
        contents(data[:cut])

    assert caught.value.slug == "archive-damaged"


def test_bytes_in_front_of_the_first_member_or_behind_the_archive_are_refused() -> None:
    data = zip_of([Entry("a", b"abc")])

    for hostile in (b"#!/bin/sh\n" + data, data + b"more"):
        with pytest.raises(IntegrityError) as caught:
            contents(hostile)
        assert caught.value.slug == "archive-damaged"


def test_a_bomb_is_refused_before_anything_is_unpacked() -> None:
    data = zip_of([Entry("zeros", packed=b"\0" * 1000, declared=300 << 20)])

    with pytest.raises(IntegrityError) as caught:
        read_members(io.BytesIO(data), "demo.whl")

    assert caught.value.slug == "archive-bomb"


def test_a_bomb_that_declares_little_stops_at_what_it_declared() -> None:
    entry = Entry("zeros", b"\0" * (8 << 20))
    data = zip_of([Entry("zeros", b"\0" * 10, packed=entry.packed_data)])
    file = io.BytesIO(data)
    (member,) = read_members(file, "demo.whl")

    with pytest.raises(IntegrityError) as caught:
        list(stream_member(file, member, "demo.whl"))

    assert caught.value.slug == "archive-bomb"


@pytest.mark.parametrize("limits", [Limits(members=1), Limits(directory=50), Limits(total=5)])
def test_limits_hold(limits: Limits) -> None:
    with pytest.raises(IntegrityError) as caught:
        contents(zip_of([Entry("a", b"abc"), Entry("b", b"def")]), limits)

    assert caught.value.slug == "archive-bomb"


def test_every_single_flipped_byte_is_refused_or_changes_no_content() -> None:
    data = zip_of([Entry("a.py", b"print('hello')\n" * 9), Entry("b.py", b"pass\n", deflate=False)])
    truth = contents(data)

    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x41
        try:
            found = contents(bytes(broken))
        except IntegrityError:
            continue
        assert sorted(found.values()) == sorted(truth.values()), place


def test_zlib_and_the_fast_library_agree_about_the_end_of_a_stream() -> None:
    text = b"hello " * 1000
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
    stored_blocks = compressor.compress(text) + compressor.flush(zlib.Z_FULL_FLUSH)
    stored_blocks += compressor.flush()

    assert contents(zip_of([Entry("a", text, packed=stored_blocks)])) == {"a": text}


def test_half_a_character_is_no_path() -> None:
    assert path_fault("a/\ud800b") == "is not text"
    assert path_fault(b"a/\xff".decode("utf-8", "surrogateescape")) is None
