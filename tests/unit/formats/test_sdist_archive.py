"""Source archives from strangers: what is read, and what never leads out of its folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.sdist import SourceMember, read_source_members

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _file(path: str, content: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = len(content), mode, 1_600_000_000
    return entry, content


def _special(path: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(path)
    entry.type, entry.linkname = kind, target
    return entry, b""


def _tar(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in members:
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def _read(data: bytes) -> list[tuple[SourceMember, bytes]]:
    members = read_source_members(io.BytesIO(data), "demo-1.0.tar.gz")
    return [(member, b"".join(member.content())) for member in members]


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, bytes], ids=lambda one: one.__name__
)
def test_every_usual_compression_is_read(compress: Callable[[bytes], bytes]) -> None:
    data = compress(_tar([_file("demo/setup.py", b"print()", 0o755), _file("./demo//a.py")]))

    [(first, content), (second, _)] = _read(data)

    assert (first.path, first.executable, content) == ("demo/setup.py", True, b"print()")
    assert first.mtime == 1_600_000_000
    assert (second.path, second.executable) == ("demo/a.py", False)


def test_a_zip_file_is_read_too() -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("demo/", (2020, 1, 1, 0, 0, 0)), b"")
        archive.writestr(zipfile.ZipInfo("demo/a.py", (2020, 1, 1, 0, 0, 0)), b"code")

    [(folder, _), (file, content)] = _read(raw.getvalue())

    assert (folder.path, folder.kind) == ("demo", "directory")
    assert (file.path, content, file.mtime) == ("demo/a.py", b"code", 1_577_836_800)


def test_links_inside_are_kept() -> None:
    data = _tar(
        [
            _file("demo/docs/readme"),
            _special("demo/src/readme", tarfile.SYMTYPE, "../docs/readme"),
            _special("demo/copy", tarfile.LNKTYPE, "demo/docs/readme"),
        ]
    )

    found = {member.path: (member.kind, member.target) for member, _ in _read(data)}

    assert found["demo/src/readme"] == ("symlink", "../docs/readme")
    assert found["demo/copy"] == ("hardlink", "demo/docs/readme")


@pytest.mark.parametrize(
    "members",
    [
        [_file("../outside")],
        [_file("demo/../../outside")],
        [_file("demo/with\nline")],
        [_file("demo/C:\\windows")],
        [_special("demo/link", tarfile.SYMTYPE, "/etc/passwd")],
        [_special("demo/link", tarfile.SYMTYPE, "../../outside")],
        [_special("demo/link", tarfile.SYMTYPE, "inner/../../../outside")],
        [
            _special(
                "demo/link",
                tarfile.SYMTYPE,
                "..",
            ),
            _file("demo/link/file"),
        ],
        [_special("demo/Link", tarfile.SYMTYPE, "docs"), _file("demo/link/file")],
        [_special("demo/hard", tarfile.LNKTYPE, "demo/nothing")],
        [
            _special("demo/link", tarfile.SYMTYPE, "docs"),
            _special("demo/hard", tarfile.LNKTYPE, "demo/link"),
        ],
        [_file("demo/a"), _file("demo/a/b")],
        [_special("demo/pipe", tarfile.FIFOTYPE)],
        [_special("demo/device", tarfile.CHRTYPE)],
    ],
    ids=lambda members: members[-1][0].name[:20].encode("unicode_escape").decode(),
)
def test_what_leads_out_is_refused(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with pytest.raises(IntegrityError) as caught:
        _read(gzip.compress(_tar(members)))

    assert caught.value.slug in {"unsafe-path", "broken-archive"}


@pytest.mark.parametrize(
    "data",
    [
        b"no archive",
        gzip.compress(b"no archive" * 100),
        gzip.compress(_tar([_file("demo/a", b"x" * 100_000)]))[:90],
        b"PK\x03\x04 and nothing more",
        b"\x1f\x8b broken",
    ],
    ids=["text", "compressed text", "cut", "zip", "gzip"],
)
def test_what_is_no_archive_is_said(data: bytes) -> None:
    with pytest.raises(IntegrityError) as caught:
        _read(data)

    assert caught.value.slug == "broken-archive"
