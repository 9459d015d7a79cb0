"""Interpreter archives: both layouts are unpacked, hostile ones refused whole."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from lockenv.errors import IntegrityError
from lockenv.materialize import InterpreterArchive, materialize_interpreter
from lockenv.model import sha256
from tests.support.archives import TarEntry, tar_of

if TYPE_CHECKING:
    from pathlib import Path

FULL = "cpython-3.13.0+20241016-x86_64-unknown-linux-gnu-freethreaded+pgo+lto-full.tar.zst"
INSTALL_ONLY = "cpython-3.13.0+20241016-x86_64-unknown-linux-gnu-install_only.tar.gz"


def installation(prefix: str, suffix: str = "") -> list[TarEntry]:
    name = f"python3.13{suffix}"
    return [
        TarEntry(f"{prefix}/bin", kind=tarfile.DIRTYPE, mode=0o755),
        TarEntry(f"{prefix}/bin/{name}", b"#!/bin/sh\necho python\n", mode=0o755),
        TarEntry(f"{prefix}/bin/python3", kind=tarfile.SYMTYPE, link=name),
        TarEntry(f"{prefix}/lib/libpython.so.1", b"library"),
        TarEntry(f"{prefix}/lib/libpython.so", kind=tarfile.SYMTYPE, link="libpython.so.1"),
        TarEntry(f"{prefix}/share/up", kind=tarfile.SYMTYPE, link="../lib/libpython.so"),
        TarEntry(f"{prefix}/lib/hard", kind=tarfile.LNKTYPE, link=f"{prefix}/lib/libpython.so.1"),
    ]


def archive(
    folder: Path, filename: str, entries: list[TarEntry], *, freethreaded: bool = False
) -> InterpreterArchive:
    raw = tar_of(entries)
    data = zstandard.compress(raw) if filename.endswith(".zst") else gzip.compress(raw, 1)
    return written(folder, filename, data, freethreaded=freethreaded)


def written(
    folder: Path, filename: str, data: bytes, *, freethreaded: bool = False
) -> InterpreterArchive:
    digest = sha256(hashlib.sha256(data).hexdigest())
    path = folder / digest.hex
    path.write_bytes(data)
    return InterpreterArchive(
        path=path, filename=filename, digest=digest, version="3.13.0", freethreaded=freethreaded
    )


def test_the_install_only_layout_is_unpacked_once(tmp_path: Path) -> None:
    made = archive(tmp_path, INSTALL_ONLY, installation("python"))
    folder = tmp_path / "interpreters"

    executable = materialize_interpreter(made, folder)

    assert executable == folder / made.digest.hex / "python" / "bin" / "python3.13"
    assert executable.stat().st_mode & 0o777 == 0o755
    lib = folder / made.digest.hex / "python" / "lib"
    assert (lib / "libpython.so").read_bytes() == b"library"
    assert (lib / "hard").samefile(lib / "libpython.so.1")
    made.path.unlink()
    assert materialize_interpreter(made, folder) == executable
    assert [path.name for path in folder.iterdir()] == [made.digest.hex]


def test_the_full_layout_gives_its_installation_and_nothing_else(tmp_path: Path) -> None:
    entries = [
        TarEntry("python/PYTHON.json", b"{}"),
        TarEntry("python/build/core.o", b"x"),
        *installation("python/install", "t"),
    ]
    made = archive(tmp_path, FULL, entries, freethreaded=True)

    executable = materialize_interpreter(made, tmp_path / "interpreters")

    assert executable.name == "python3.13t"
    assert sorted(path.name for path in executable.parents[1].iterdir()) == ["bin", "lib", "share"]


def test_damaged_remains_are_replaced(tmp_path: Path) -> None:
    made = archive(tmp_path, INSTALL_ONLY, installation("python"))
    executable = materialize_interpreter(made, tmp_path / "interpreters")
    executable.unlink()
    executable.with_name("python3").unlink()

    assert materialize_interpreter(made, tmp_path / "interpreters").is_file()


@pytest.mark.parametrize(
    "hostile",
    [
        TarEntry("/etc/evil", b"x"),
        TarEntry("../evil", b"x"),
        TarEntry("python/../../evil", b"x"),
        TarEntry("python/bin/../../../evil", b"x"),
        TarEntry("other/evil", b"x"),
        TarEntry("python/lib/x", kind=tarfile.SYMTYPE, link="/etc"),
        TarEntry("python/lib/x", kind=tarfile.SYMTYPE, link="../../etc"),
        TarEntry("python/lib/x", kind=tarfile.SYMTYPE, link="a/../../.."),
        TarEntry("python/lib/x", kind=tarfile.LNKTYPE, link="../../evil"),
        TarEntry("python/lib/x", kind=tarfile.LNKTYPE, link="/etc/passwd"),
        TarEntry("python/lib/x", kind=tarfile.LNKTYPE, link="python/lib/libpython.so"),
        TarEntry("python/lib/libpython.so/evil", b"x"),
        TarEntry("python/lib/dev", kind=tarfile.CHRTYPE),
        TarEntry("python/lib/fifo", kind=tarfile.FIFOTYPE),
        TarEntry("python/lib/a\nb", b"x"),
        TarEntry("python/bin/python3.13", b"another"),
        TarEntry("python/bin", b"no folder"),
        TarEntry("python/lib/libpython.so.1", kind=tarfile.DIRTYPE),
        TarEntry("python/lib/libpython.so.1/evil", b"x"),
        TarEntry("python/lib/x", kind=tarfile.LNKTYPE, link="python/lib/nothing"),
        TarEntry("python/lib/x", b"x", mtime=1 << 80),
    ],
)
def test_a_hostile_archive_is_refused_whole(tmp_path: Path, hostile: TarEntry) -> None:
    made = archive(tmp_path, INSTALL_ONLY, [*installation("python"), hostile])
    folder = tmp_path / "deep" / "interpreters"

    with pytest.raises(IntegrityError) as caught:
        materialize_interpreter(made, folder)

    assert caught.value.slug == "hostile-archive"
    assert list(folder.iterdir()) == []
    assert not any(path.name == "evil" for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("filename", [INSTALL_ONLY, FULL])
def test_a_broken_archive_is_refused(tmp_path: Path, filename: str) -> None:
    whole = archive(tmp_path, filename, installation("python")).path.read_bytes()

    for data in (b"", b"nothing of the kind", whole[: len(whole) // 2]):
        with pytest.raises(IntegrityError):
            materialize_interpreter(written(tmp_path, filename, data), tmp_path / "interpreters")
    assert list((tmp_path / "interpreters").iterdir()) == []


def test_an_archive_without_the_interpreter_is_refused(tmp_path: Path) -> None:
    made = archive(tmp_path, INSTALL_ONLY, [TarEntry("python/lib/x", b"x")])

    with pytest.raises(IntegrityError, match=r"has no Python 3\.13\.0"):
        materialize_interpreter(made, tmp_path / "interpreters")
