"""The folders of builds: the same wherever and under whatever umask they are made."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

from lockenv.sandbox import build_place, copy_source, unpack_source
from tests.support.wheels import sdist

if TYPE_CHECKING:
    from pathlib import Path


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode & 0o777,
            int(path.stat().st_mtime),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_place_has_the_same_name_for_the_same_build() -> None:
    with build_place("a" * 64) as first:
        (first / "left").mkdir()
    with build_place("a" * 64) as second:
        assert list(second.iterdir()) == []

    assert first == second
    assert not first.exists()


def test_two_builds_of_the_same_do_not_meet() -> None:
    with build_place("b" * 64) as first, build_place("b" * 64) as second:
        assert first != second
        assert list(second.iterdir()) == []


def test_what_a_killed_build_left_is_taken_over() -> None:
    with build_place("c" * 64) as place:
        pass
    place.mkdir(mode=0o700)
    (place / "rest").write_text("old")

    with build_place("c" * 64) as again:
        assert again == place
        assert list(again.iterdir()) == []


def test_a_place_that_others_may_write_to_is_not_taken() -> None:
    with build_place("d" * 64) as place:
        pass
    place.mkdir()
    place.chmod(0o777)
    try:
        with build_place("d" * 64) as other:
            assert other != place
    finally:
        place.rmdir()


def test_an_archive_unpacks_alike_under_every_umask(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, mode in (("demo-1/setup.py", 0o775), ("demo-1/sub/a.py", 0o600)):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime = mode, 1_600_000_000
            archive.addfile(entry)
    file = tmp_path / "demo-1.tar.gz"
    file.write_bytes(raw.getvalue())
    states = []
    for mask in (0o022, 0o077):
        into = tmp_path / f"{mask:o}"
        into.mkdir()
        former = os.umask(mask)
        try:
            top = unpack_source(file, file.name, into)
        finally:
            os.umask(former)
        assert top == into / "demo-1"
        states.append(_state(top))

    assert (
        states[0]
        == states[1]
        == {
            "setup.py": (0o755, 1_600_000_000),
            "sub/a.py": (0o644, 1_600_000_000),
        }
    )


def test_a_checkout_is_copied_alike_under_every_umask(tmp_path: Path) -> None:
    states = []
    for mask in (0o022, 0o077):
        former = os.umask(mask)
        try:
            source = tmp_path / f"source{mask:o}"
            (source / "inner").mkdir(parents=True)
            (source / "inner" / "a.py").write_text("code")
            (source / "run").write_text("#!/bin/sh\n")
            (source / "run").chmod(0o700)
            (source / "link").symlink_to("inner")
            into = tmp_path / f"into{mask:o}"
            into.mkdir()
            copied = copy_source(source, into)
        finally:
            os.umask(former)
        assert (copied / "link").is_symlink()
        states.append(_state(copied))

    assert states[0] == states[1]
    assert states[0]["run"][0] == 0o755


def test_a_member_may_stand_twice_and_the_last_one_counts(tmp_path: Path) -> None:
    built = sdist("demo", "1.0", files={"a.py": "first"})
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for text in (b"first", b"second"):
            entry = tarfile.TarInfo("demo-1.0/a.py")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    file = tmp_path / built.filename
    file.write_bytes(raw.getvalue())
    into = tmp_path / "into"
    into.mkdir()

    top = unpack_source(file, file.name, into)

    assert (top / "a.py").read_text() == "second"
