"""Wheels' libraries, read whole or by ranges, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.errors import SourceError
from lockenv.fetch import FetchOptions, open_fetcher
from lockenv.model import Wanted, sha256
from lockenv.sources.native import EMPTY, read_libraries
from tests.support.elves import elf
from tests.support.index_server import serve_index
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from tests.support.index_server import IndexServer
    from tests.support.wheels import Built

TAG = "cp311-cp311-manylinux_2_28_x86_64"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        yield server


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[StoreFetcher]:
    with open_fetcher(tmp_path, FetchOptions()) as opened:
        yield opened


def _wanted(index: IndexServer, built: Built) -> Wanted:
    index.publish(built)
    url = f"{index.root}/files/{built.filename}"
    return Wanted(name=built.filename, digest=sha256(built.sha256), urls=(url,))


def _cv(padding: int = 0) -> Built:
    return wheel(
        "cv",
        "1.0",
        tag=TAG,
        padding=padding,
        files={
            "cv/cv.abi3.so": elf(needed=["libgui-1a.so.5", "libc.so.6"]),
            "cv.libs/libgui-1a.so.5": elf(needed=["libGL.so.1"], soname="libgui.so.5"),
            "cv.libs/libopenblas-77.so.0": elf(needed=["libm.so.6"]),
            "cv/notes.so": b"INPUT(libgui.so)",
            "cv/__init__.py": "",
        },
    )


@pytest.mark.parametrize("padding", [0, 300_000], ids=["whole", "by ranges"])
def test_every_library_is_read_but_those_that_compute(
    index: IndexServer, fetcher: StoreFetcher, padding: int
) -> None:
    found = read_libraries(_wanted(index, _cv(padding)), fetcher)

    assert [(one.path, one.soname, one.needed) for one in found.libraries] == [
        ("cv.libs/libgui-1a.so.5", "libgui.so.5", ("libGL.so.1",)),
        ("cv/cv.abi3.so", None, ("libgui-1a.so.5", "libc.so.6")),
    ]
    assert found.unread == ("cv.libs/libopenblas-77.so.0",)


def test_what_was_learned_is_never_asked_again(index: IndexServer, fetcher: StoreFetcher) -> None:
    wanted = _wanted(index, _cv(300_000))
    first = read_libraries(wanted, fetcher)
    index.forget()

    assert read_libraries(wanted, fetcher) == first
    assert index.log == []


def test_a_pure_wheel_costs_no_request(index: IndexServer, fetcher: StoreFetcher) -> None:
    wanted = _wanted(index, wheel("pure", "1.0"))
    index.forget()

    assert read_libraries(wanted, fetcher) == EMPTY
    assert index.log == []


def test_a_server_without_ranges_gives_the_whole_wheel(
    index: IndexServer, fetcher: StoreFetcher
) -> None:
    index.ranges = False

    found = read_libraries(_wanted(index, _cv(300_000)), fetcher)

    assert [one.name for one in found.libraries] == ["libgui-1a.so.5", "cv.abi3.so"]


def test_the_store_and_the_server_tell_the_same(index: IndexServer, tmp_path: Path) -> None:
    wanted = _wanted(index, _cv(300_000))
    with open_fetcher(tmp_path / "a", FetchOptions()) as fetcher:
        by_ranges = read_libraries(wanted, fetcher)
    with open_fetcher(tmp_path / "b", FetchOptions()) as fetcher:
        fetcher.blob(wanted)
        assert read_libraries(wanted, fetcher) == by_ranges


def test_a_wheel_of_nvidias_is_listed_and_not_read(
    index: IndexServer, fetcher: StoreFetcher
) -> None:
    built = wheel("nvidia-x", "1.0", tag=TAG, files={"nvidia/x/libx.so.1": elf(needed=["liby.so"])})

    found = read_libraries(_wanted(index, built), fetcher)

    assert (found.libraries, found.unread) == ((), ("nvidia/x/libx.so.1",))


def test_a_wheel_that_cannot_be_reached_is_told(index: IndexServer, fetcher: StoreFetcher) -> None:
    built = _cv()
    url = f"{index.root}/files/{built.filename}"
    wanted = Wanted(name=built.filename, digest=sha256(built.sha256), urls=(url,))

    with pytest.raises(SourceError):
        read_libraries(wanted, fetcher)
