from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.errors import IntegrityError
from lockenv.formats.tar import END, Entry, Reader, checked_path, padding, render_header
from tests.support.archives import TarEntry, tar_of


def _archive(*members: tuple[Entry, bytes]) -> bytes:
    parts = []
    for entry, content in members:
        parts += [render_header(entry), content, padding(len(content))]
    return b"".join([*parts, END])


def _read(data: bytes) -> list[tuple[Entry, bytes]]:
    reader = Reader(io.BytesIO(data), "test.tar")
    return [(entry, reader.text()) for entry in reader]


_NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60
).filter(lambda name: name not in {".", ".."})
_PATHS = st.lists(_NAMES, min_size=1, max_size=6).map("/".join)
_IDS = st.integers(0, 2**31)


@given(_PATHS, st.binary(max_size=2000), _IDS, _IDS, st.integers(0, 2**36))
def test_what_was_written_is_read_back(
    path: str, content: bytes, uid: int, gid: int, mtime: int
) -> None:
    entry = Entry(path=path, size=len(content), uid=uid, gid=gid, mtime=mtime, mode=0o640)

    assert _read(_archive((entry, content))) == [(entry, content)]


@given(_PATHS, _PATHS)
def test_the_standard_library_reads_the_same(path: str, target: str) -> None:
    entry = Entry(path=path, kind="symlink", mode=0o777, target=target, uid=3_000_000)

    with tarfile.open(fileobj=io.BytesIO(_archive((entry, b"")))) as archive:
        member = archive.getmembers()[0]

    assert (member.name, member.linkname, member.uid) == (path, target, 3_000_000)


def test_short_ascii_names_need_no_extended_header() -> None:
    assert len(render_header(Entry(path="usr/bin/" + "x" * 90))) == 512


def test_capabilities_survive() -> None:
    entry = Entry(path="ping", xattrs=(("security.capability", b"\x01\0\0\x02 \n\0"),))

    assert _read(_archive((entry, b""))) == [(entry, b"")]


def test_gnu_long_names_and_large_numbers_are_read() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo("d/" * 80 + "name")
        info.uid = 2**31
        archive.addfile(info)

    ((entry, _),) = _read(buffer.getvalue())

    assert entry.path == "d/" * 80 + "name"
    assert entry.uid == 2**31


@pytest.mark.parametrize(
    "entry",
    [
        TarEntry("a", uid=2**32),
        TarEntry("a", mtime=2**60),
        TarEntry("a", pax={"gid": "-1"}),
        TarEntry("a", pax={"SCHILY.xattr.trusted.overlay.opaque": "y"}),
    ],
)
def test_a_member_that_no_system_can_make_is_refused(entry: TarEntry) -> None:
    with pytest.raises(IntegrityError, match="not a tar archive that can be read"):
        _read(tar_of([entry]))


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "usr/../../x", "a\0b", "x/" * 2500, "x" * 256, "ä" * 128]
)
def test_a_path_that_leaves_the_root_is_refused(path: str) -> None:
    with pytest.raises(IntegrityError, match="leaves the root"):
        checked_path(path, "bad.tar")


def test_leading_slashes_and_dots_are_dropped() -> None:
    assert checked_path("/./usr//bin/", "some.tar") == "usr/bin"
    assert checked_path("./", "some.tar") == "."


@pytest.mark.parametrize("cut", [1, 300, 512, 700, 1023])
def test_a_truncated_archive_is_refused(cut: int) -> None:
    data = _archive((Entry(path="file", size=600), b"x" * 600))

    with pytest.raises(IntegrityError):
        _read(data[:cut])


def test_a_wrong_checksum_is_refused() -> None:
    data = bytearray(_archive((Entry(path="file"), b"")))
    data[0] ^= 1

    with pytest.raises(IntegrityError, match="can be read"):
        _read(bytes(data))


def test_more_content_than_the_limit_is_refused() -> None:
    data = _archive((Entry(path="file", size=600), b"x" * 600))

    with pytest.raises(IntegrityError):
        list(Reader(io.BytesIO(data), "bomb.tar", limit=599))
