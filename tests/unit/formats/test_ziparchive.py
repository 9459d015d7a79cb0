"""The quick reader of zip directories sees what zipfile sees, or nothing."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.ziparchive import (
    END,
    Member,
    directory_place,
    parse_directory,
    unpack_member,
)

NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_characters="\\/"), min_size=1
)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as writing:
        for name, data in members.items():
            writing.writestr(name, data)
    return raw.getvalue()


def read(data: bytes) -> list[Member] | None:
    place = directory_place(data[-END:], len(data))
    return None if place is None else parse_directory(data[place[0] : sum(place)])


@given(
    st.dictionaries(NAMES, st.binary(max_size=200), max_size=6),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_it_agrees_with_zipfile(members: dict[str, bytes], method: int) -> None:
    data = archive(members, method)

    found = read(data)

    with zipfile.ZipFile(io.BytesIO(data)) as known:
        expected = [(one.filename, one.file_size, one.CRC) for one in known.infolist()]
    assert found is not None
    assert [(one.name, one.size, one.crc) for one in found] == expected
    for one in found:
        whole = data[one.offset : one.offset + one.reach]
        assert unpack_member(one, whole) == members[one.name]
        assert unpack_member(one, whole[: one.packed]) is None or not one.packed


@given(st.binary(max_size=300))
def test_noise_is_nothing(noise: bytes) -> None:
    assert read(noise) is None
    assert parse_directory(noise) is None or not noise


@given(st.integers(min_value=0), st.integers(0, 255))
def test_a_damaged_archive_never_gives_other_content(place: int, value: int) -> None:
    data = bytearray(archive({"a/METADATA": b"Name: a\n" * 20, "b": b"x"}))
    data[place % len(data)] = value

    for one in read(bytes(data)) or ():
        body = unpack_member(one, bytes(data[one.offset : one.offset + one.reach]))
        # CRC-32 tells any one byte.
        assert body in {None, b"Name: a\n" * 20, b"x"}


def test_what_is_unusual_is_left_to_another_reader() -> None:
    plain = archive({"a": b"1"})
    commented = io.BytesIO()
    with zipfile.ZipFile(commented, "w") as writing:
        writing.writestr("a", b"1")
        writing.comment = b"said"

    assert read(b"#!/bin/sh\n" + plain) is None
    assert read(commented.getvalue()) is None
    assert read(archive({"a": b"1"}, zipfile.ZIP_LZMA)) is not None
    assert read(plain[:-END] + plain[-END:-12] + struct.pack("<H2LH", 0xFFFF, 1, 1, 0)) is None


def test_a_member_of_another_method_is_not_unpacked() -> None:
    data = archive({"a": b"1" * 50}, zipfile.ZIP_BZIP2)
    member = (read(data) or [])[0]

    assert unpack_member(member, data[member.offset :]) is None


@pytest.mark.parametrize("size", [0, 10])
def test_a_member_that_unpacks_to_another_size_is_not_taken(size: int) -> None:
    data = archive({"a": b"1" * 50})
    member = (read(data) or [])[0]

    assert unpack_member(member._replace(size=size), data[member.offset :]) is None


def test_two_members_of_one_name_are_both_told() -> None:
    raw = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(raw, "w") as writing:
        warnings.simplefilter("ignore")
        writing.writestr("a", b"1")
        writing.writestr("a", b"2")

    assert [one.name for one in read(raw.getvalue()) or ()] == ["a", "a"]
