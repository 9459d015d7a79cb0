from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError, NetworkError, UnavailableError
from lockenv.fetch import FetchOptions, Patience, open_fetcher
from lockenv.model import Digest, Wanted, sha256
from tests.support.index_server import Fault, IndexServer, serve_index
from tests.support.wheels import Built, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = FetchOptions(patience=Patience(attempts=3, first=0.01, read=0.5))
BUILT = wheel("demo", "1.0", padding=300_000)


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serve_index() as index:
        index.publish(BUILT)
        yield index


def wanted(*servers: IndexServer, built: Built = BUILT, size: int | None = None) -> Wanted:
    urls = tuple(f"{server.root}/files/{built.filename}" for server in servers)
    return Wanted(name=built.filename, digest=sha256(built.sha256), urls=urls, size=size)


def leftovers(store: Path) -> list[str]:
    return [path.name for path in (store / "blobs" / "arriving").iterdir()]


def test_a_blob_lies_where_its_digest_says(server: IndexServer, tmp_path: Path) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher:
        path = fetcher.blob(wanted(server))
        again = fetcher.blob(wanted(server))

    digits = BUILT.sha256
    assert path == again == tmp_path / "blobs" / "sha256" / digits[:2] / digits
    assert path.read_bytes() == BUILT.data
    assert len(server.log) == 1
    assert leftovers(tmp_path) == []


def test_other_bytes_are_never_accepted(server: IndexServer, tmp_path: Path) -> None:
    path = f"/files/{BUILT.filename}"
    server.faults[path] = [Fault(body=b"other bytes", lasting=True)]
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(IntegrityError) as caught:
        fetcher.blob(wanted(server))

    assert caught.value.slug == "digest-mismatch"
    assert BUILT.sha256 in str(caught.value)
    assert server.asked("GET", path) == 1
    assert leftovers(tmp_path) == []
    assert fetcher.has_blob(sha256(BUILT.sha256)) is None


def test_a_mirror_with_other_bytes_is_passed_over(server: IndexServer, tmp_path: Path) -> None:
    with serve_index() as lying:
        lying.publish(BUILT)
        lying.faults[f"/files/{BUILT.filename}"] = [Fault(body=b"other", lasting=True)]
        with open_fetcher(tmp_path, QUICK) as fetcher:
            assert fetcher.blob(wanted(lying, server)).read_bytes() == BUILT.data


def test_a_host_that_cannot_be_reached_is_asked_last_from_then_on(
    server: IndexServer, tmp_path: Path
) -> None:
    gone = f"http://127.0.0.1:9/files/{BUILT.filename}"
    other = wheel("other", "1.0")
    server.publish(other)
    one = wanted(server)
    two = wanted(server, built=other)
    pauses = FetchOptions(patience=Patience(attempts=2, first=0.3))
    with open_fetcher(tmp_path, pauses) as fetcher:
        fetcher.blob(replace(one, urls=(gone, *one.urls)))
        before = time.monotonic()
        fetcher.blob(replace(two, urls=(gone, *two.urls)))

    assert time.monotonic() - before < 0.3


@pytest.mark.parametrize("size", [len(BUILT.data) - 1, len(BUILT.data) + 1])
def test_another_size_is_another_file(server: IndexServer, tmp_path: Path, size: int) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(IntegrityError):
        fetcher.blob(wanted(server, size=size))


@pytest.mark.parametrize("etags", [False, True])
def test_a_broken_download_goes_on_where_it_broke(
    server: IndexServer, tmp_path: Path, *, etags: bool
) -> None:
    server.etags = etags
    server.faults[f"/files/{BUILT.filename}"] = [Fault(cut=200_000), Fault(cut=50_000)]
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.blob(wanted(server)).read_bytes() == BUILT.data

    ranges = [one.headers.get("range", "") for one in server.log]
    assert ranges[0] == ""
    assert all(one.startswith("bytes=") for one in ranges[1:])
    assert [one.headers.get("if-range") is not None for one in server.log[1:]] == [etags] * 2


def test_what_was_got_is_kept_for_the_next_run(server: IndexServer, tmp_path: Path) -> None:
    path = f"/files/{BUILT.filename}"
    server.faults[path] = [Fault(cut=200_000), *[Fault(status=503)] * 2]
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(NetworkError):
        fetcher.blob(wanted(server))
    server.forget()

    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.blob(wanted(server)).read_bytes() == BUILT.data

    assert [one.headers["range"] for one in server.log] == ["bytes=200000-"]


def test_a_server_that_sends_a_byte_now_and_then_is_left(
    server: IndexServer, tmp_path: Path
) -> None:
    path = f"/files/{BUILT.filename}"
    server.faults[path] = [Fault(drip=0.1, lasting=True)]
    patience = Patience(attempts=2, first=0.01, read=0.2)
    start = time.monotonic()

    with (
        open_fetcher(tmp_path, replace(QUICK, patience=patience)) as fetcher,
        pytest.raises(NetworkError),
    ):
        fetcher.blob(wanted(server))

    assert time.monotonic() - start < 20


def test_rotten_leftovers_are_thrown_away(server: IndexServer, tmp_path: Path) -> None:
    partial = tmp_path / "blobs" / "partial" / f"sha256-{BUILT.sha256}"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"rotten" * 1000)
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.blob(wanted(server)).read_bytes() == BUILT.data

    assert not partial.exists()


def test_a_server_without_ranges_sends_it_again_whole(server: IndexServer, tmp_path: Path) -> None:
    server.ranges = False
    server.faults[f"/files/{BUILT.filename}"] = [Fault(cut=200_000)]
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.blob(wanted(server)).read_bytes() == BUILT.data


def test_an_absent_file_is_unavailable(server: IndexServer, tmp_path: Path) -> None:
    gone = wheel("gone", "1.0")
    with open_fetcher(tmp_path, QUICK) as fetcher:
        with pytest.raises(UnavailableError) as caught:
            fetcher.blob(wanted(server, built=gone))
        with pytest.raises(UnavailableError) as nowhere:
            fetcher.blob(wanted(built=gone))

    assert caught.value.slug == "gone"
    assert nowhere.value.slug == "no-address"


def test_a_weak_digest_is_not_enough(server: IndexServer, tmp_path: Path) -> None:
    weak = Digest("md5", hashlib.md5(BUILT.data, usedforsecurity=False).hexdigest())
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(IntegrityError):
        fetcher.blob(replace(wanted(server), digest=weak))


def test_a_strong_digest_of_another_kind_is_enough(server: IndexServer, tmp_path: Path) -> None:
    strong = Digest("sha512", hashlib.sha512(BUILT.data).hexdigest())
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.blob(replace(wanted(server), digest=strong)).read_bytes() == BUILT.data


def test_many_come_as_they_are_ready(server: IndexServer, tmp_path: Path) -> None:
    all_built = [wheel("demo", f"2.{number}") for number in range(20)]
    server.publish(*all_built)
    server.faults[f"/files/{all_built[0].filename}"] = [Fault(delay=1.0)]
    with open_fetcher(tmp_path, QUICK) as fetcher:
        asked = [wanted(server, built=one) for one in all_built]
        come = [one.name for one, _ in fetcher.blobs(asked)]
        server.forget()
        warm = [one.name for one, _ in fetcher.blobs(asked)]

    assert sorted(come) == sorted(warm) == sorted(one.filename for one in all_built)
    # How many are quicker hangs on the machine; that none waits for the first does not.
    assert come[0] != all_built[0].filename
    assert server.log == []


def test_offline_a_blob_comes_from_the_store_or_this_machine(tmp_path: Path) -> None:
    path = BUILT.write(tmp_path / "here")
    one = Wanted(name="demo", digest=sha256(BUILT.sha256), urls=("https://example.com/demo",))
    with open_fetcher(tmp_path / "store", replace(QUICK, offline=True)) as fetcher:
        with pytest.raises(UnavailableError) as caught:
            fetcher.blob(one)
        local = fetcher.blob(replace(one, urls=(*one.urls, path.as_uri())))
        again = fetcher.blob(one)

    assert caught.value.slug == "offline"
    assert local.read_bytes() == again.read_bytes() == BUILT.data
    assert path.exists()


def test_an_unknown_file_is_hashed_as_it_comes(server: IndexServer, tmp_path: Path) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher:
        digest, size, path = fetcher.download(f"{server.root}/files/{BUILT.filename}")
        with pytest.raises(UnavailableError) as caught:
            fetcher.download(f"{server.root}/files/{BUILT.filename}", limit=1000)

    assert (digest.hex, size) == (BUILT.sha256, len(BUILT.data))
    assert path.read_bytes() == BUILT.data
    assert caught.value.slug == "too-large"


def test_a_pinned_page_is_kept_for_ever(server: IndexServer, tmp_path: Path) -> None:
    body = b"Package: demo\n"
    digest = sha256(hashlib.sha256(body).hexdigest())
    server.pages["/Packages"] = ("text/plain", body)
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.pinned_page(f"{server.root}/Packages", digest) == body
        stored = fetcher.has_blob(digest)
        assert stored is not None
        stored.write_bytes(b"rotten")
        assert fetcher.pinned_page(f"{server.root}/Packages", digest) == body
        assert fetcher.pinned_page(f"{server.root}/Packages", digest) == body
        server.pages["/Packages"] = ("text/plain", b"other")
        other = sha256(hashlib.sha256(b"what was signed").hexdigest())
        with pytest.raises(IntegrityError):
            fetcher.pinned_page(f"{server.root}/Packages", other)

    assert len(server.log) == 3


def test_many_fetchers_on_one_store_do_not_disturb_each_other(
    server: IndexServer, tmp_path: Path
) -> None:
    found: list[bytes] = []

    def fetch() -> None:
        with open_fetcher(tmp_path, QUICK) as fetcher:
            found.append(fetcher.blob(wanted(server)).read_bytes())

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [BUILT.data] * 8
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("suffix_ranges", [True, False])
def test_a_remote_file_is_read_by_pieces(
    server: IndexServer, tmp_path: Path, *, suffix_ranges: bool
) -> None:
    server.suffix_ranges = suffix_ranges
    data = BUILT.data
    with open_fetcher(tmp_path, QUICK) as fetcher:
        remote = fetcher.remote(f"{server.root}/files/{BUILT.filename}")
        assert remote is not None
        assert remote.size == len(data)
        assert remote.tail(100) == data[-100:]
        assert remote.at(10, 20) == data[10:30]
        assert remote.at(len(data) - 100_000, 100_000) == data[-100_000:]
        assert remote.tail(10**9) == data
        with pytest.raises(ValueError, match="no bytes"):
            remote.at(len(data), 1)

    small = [one for one in server.log if one.headers.get("range") == "bytes=-65558"]
    assert len(small) == 1


def test_without_ranges_there_is_no_remote_file_and_nobody_asks_twice(
    server: IndexServer, tmp_path: Path
) -> None:
    server.ranges = False
    other = wheel("other", "1.0")
    server.publish(other)
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.remote(f"{server.root}/files/{BUILT.filename}") is None
        assert fetcher.remote(f"{server.root}/files/{other.filename}") is None
        assert fetcher.head_size(f"{server.root}/files/{other.filename}") == len(other.data)

    assert server.asked("GET", f"/files/{other.filename}") == 0


def test_a_remote_file_that_changes_is_noticed(server: IndexServer, tmp_path: Path) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher:
        remote = fetcher.remote(f"{server.root}/files/{BUILT.filename}")
        server.publish(replace(BUILT, data=BUILT.data + b"more"))
        assert remote is not None
        with pytest.raises(NetworkError):
            remote.at(0, 10)


def test_facts_are_remembered_and_rot_is_forgotten(tmp_path: Path) -> None:
    with open_fetcher(tmp_path) as fetcher:
        assert fetcher.recall("kind", "key") is None
        fetcher.remember("kind", "key", b"\x00fact\n")
        assert fetcher.recall("kind", "key") == b"\x00fact\n"
        assert fetcher.recall("other", "key") is None
        (stored,) = [path for path in (tmp_path / "facts").rglob("*") if path.is_file()]
        stored.write_bytes(stored.read_bytes()[:-1])
        assert fetcher.recall("kind", "key") is None
