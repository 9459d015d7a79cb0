from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import NetworkError, UnavailableError
from lockenv.fetch import FetchOptions, Page, Patience, open_fetcher
from lockenv.fetch.store import Store, StoredPage
from tests.support.index_server import Fault, IndexServer, serve_index

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = FetchOptions(patience=Patience(attempts=3, first=0.01, longest=0.2, read=0.5, connect=1.0))


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Elsewhere:
    """Mirrors that send one address prefix to others."""

    def __init__(self, prefix: str, *others: str) -> None:
        self.prefix, self.others = prefix, others

    def candidates(self, url: str) -> tuple[str, ...]:
        if not url.startswith(self.prefix):
            return (url,)
        return tuple(other + url.removeprefix(self.prefix) for other in self.others)

    def canonical(self, url: str) -> str:
        return url


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serve_index() as index:
        index.pages["/page"] = ("text/plain; charset=utf-8", b"hello")
        yield index


def test_a_page_comes_with_its_type_and_place(server: IndexServer, tmp_path: Path) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher:
        page = fetcher.page(f"{server.root}/page")

    assert page == Page(
        asked=f"{server.root}/page",
        url=f"{server.root}/page",
        content_type="text/plain; charset=utf-8",
        body=b"hello",
    )


@pytest.mark.parametrize("status", [404, 410])
def test_an_absent_page_is_none_and_that_is_kept(
    server: IndexServer, tmp_path: Path, status: int
) -> None:
    server.faults["/none"] = [Fault(status=status)]
    with open_fetcher(tmp_path, QUICK) as fetcher:
        assert fetcher.page(f"{server.root}/none") is None
        assert fetcher.page(f"{server.root}/none") is None

    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 600), ({"Cache-Control": "max-age=60"}, 60), ({"Cache-Control": "no-cache"}, 0)],
)
def test_a_page_is_used_as_long_as_it_is_fresh(
    server: IndexServer, tmp_path: Path, headers: dict[str, str], seconds: int
) -> None:
    server.headers = headers
    clock = Clock()
    options = replace(QUICK, clock=clock)

    def requests_after(pause: float) -> int:
        clock.now += pause
        server.forget()
        with open_fetcher(tmp_path, options) as fetcher:
            assert fetcher.page(f"{server.root}/page") is not None
        return len(server.log)

    assert requests_after(0) == 1
    assert requests_after(max(seconds - 1, 0)) == (0 if seconds else 1)
    assert requests_after(2) == 1


def test_a_stale_page_is_revalidated(server: IndexServer, tmp_path: Path) -> None:
    server.etags = True
    clock = Clock()
    with open_fetcher(tmp_path, replace(QUICK, clock=clock)) as fetcher:
        first = fetcher.page(f"{server.root}/page")
        clock.now += 700
        assert fetcher.page(f"{server.root}/page") == first
        assert server.log[-1].headers["if-none-match"]
        assert fetcher.page(f"{server.root}/page") == first
        assert len(server.log) == 2

        server.pages["/page"] = ("text/plain", b"new")
        clock.now += 700
        changed = fetcher.page(f"{server.root}/page")

    assert changed is not None
    assert changed.body == b"new"


def test_refresh_asks_once_again_whatever_is_stored(server: IndexServer, tmp_path: Path) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher:
        fetcher.page(f"{server.root}/page")
    with open_fetcher(tmp_path, replace(QUICK, refresh=True)) as fetcher:
        fetcher.page(f"{server.root}/page")
        fetcher.page(f"{server.root}/page")

    assert len(server.log) == 2


def test_a_page_from_the_future_is_not_believed(server: IndexServer, tmp_path: Path) -> None:
    clock = Clock()
    with open_fetcher(tmp_path, replace(QUICK, clock=clock)) as fetcher:
        fetcher.page(f"{server.root}/page")
        clock.now -= 10_000_000
        fetcher.page(f"{server.root}/page")

    assert len(server.log) == 2


def test_offline_uses_the_store_alone(server: IndexServer, tmp_path: Path) -> None:
    clock = Clock()
    with open_fetcher(tmp_path, replace(QUICK, clock=clock)) as fetcher:
        fetcher.page(f"{server.root}/page")
    clock.now += 1_000_000
    with open_fetcher(tmp_path, replace(QUICK, clock=clock, offline=True)) as fetcher:
        page = fetcher.page(f"{server.root}/page")
        with pytest.raises(UnavailableError) as caught:
            fetcher.page(f"{server.root}/other")

    assert page is not None
    assert caught.value.slug == "offline"
    assert len(server.log) == 1


def test_rot_in_the_store_is_found_and_mended(server: IndexServer, tmp_path: Path) -> None:
    with open_fetcher(tmp_path, QUICK) as fetcher:
        fetcher.page(f"{server.root}/page")
        (stored,) = [path for path in (tmp_path / "pages").rglob("*") if path.is_file()]
        data = bytearray(stored.read_bytes())
        data[-1] ^= 1
        stored.write_bytes(bytes(data))

        page = fetcher.page(f"{server.root}/page")

    assert page is not None
    assert page.body == b"hello"
    assert len(server.log) == 2


def test_what_is_made_of_a_page_is_kept_instead_of_it(server: IndexServer, tmp_path: Path) -> None:
    made: list[bytes] = []

    def shout(page: Page) -> bytes:
        made.append(page.body)
        return page.body.upper()

    with open_fetcher(tmp_path, QUICK) as fetcher:
        url = f"{server.root}/page"
        assert fetcher.would_ask(url, "shout-1")
        assert fetcher.distilled(url, "shout-1", shout) == b"HELLO"
        assert fetcher.distilled(url, "shout-1", shout) == b"HELLO"
        assert not fetcher.would_ask(url, "shout-1")
        assert fetcher.distilled(url, "shout-2", shout) == b"HELLO"
        assert fetcher.distilled(f"{server.root}/none", "shout-1", shout) is None

    assert made == [b"hello"] * 2


def test_many_askers_make_one_request(server: IndexServer, tmp_path: Path) -> None:
    server.faults["/page"] = [Fault(delay=0.1)]
    with open_fetcher(tmp_path, QUICK) as fetcher:
        soon = [fetcher.page_soon(f"{server.root}/page") for _ in range(5)]
        here = fetcher.page(f"{server.root}/page")

        assert all(one.result() == here for one in soon)
    assert len(server.log) == 1


def test_passing_trouble_is_borne(server: IndexServer, tmp_path: Path) -> None:
    server.faults["/page"] = [Fault(status=503), Fault(cut=2)]
    with open_fetcher(tmp_path, QUICK) as fetcher:
        page = fetcher.page(f"{server.root}/page")

    assert page is not None
    assert page.body == b"hello"
    assert len(server.log) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=429, headers=(("Retry-After", "0"),)),
        Fault(delay=1.0),
        Fault(cut=2),
        Fault(cut=0, reset=True),
    ],
    ids=["500", "429", "slow", "truncated", "reset"],
)
def test_trouble_that_stays_is_a_network_error(
    server: IndexServer, tmp_path: Path, fault: Fault
) -> None:
    server.faults["/page"] = [replace(fault, lasting=True)]
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(NetworkError):
        fetcher.page(f"{server.root}/page")

    assert server.asked("GET", "/page") == 3


def test_retry_after_is_honoured_within_bounds(server: IndexServer, tmp_path: Path) -> None:
    server.faults["/page"] = [Fault(status=429, headers=(("Retry-After", "3600"),))]
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(NetworkError) as caught:
        fetcher.page(f"{server.root}/page")

    assert "asks to wait 3600 seconds" in str(caught.value)
    assert len(server.log) == 1


def test_nobody_there_is_a_network_error(server: IndexServer, tmp_path: Path) -> None:
    url = f"{server.root}/page"
    with open_fetcher(tmp_path / "warm", QUICK) as fetcher:
        fetcher.page(url)
    with (
        serve_index() as gone,
        open_fetcher(tmp_path, QUICK) as fetcher,
    ):
        address = f"{gone.root}/page"
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(NetworkError):
        fetcher.page(address)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_access_says_how_to_be_known(
    server: IndexServer, tmp_path: Path, status: int
) -> None:
    server.faults["/page"] = [Fault(status=status, lasting=True)]
    options = replace(QUICK, credentials=lambda _: ("me", "geheim"))
    with open_fetcher(tmp_path, options) as fetcher, pytest.raises(UnavailableError) as caught:
        fetcher.page(f"{server.root}/page")

    assert caught.value.slug == "access-refused"
    assert "LOCKENV_INDEX_<NAME>_USERNAME" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert len(server.log) == 1


def test_credentials_are_sent_where_they_belong(server: IndexServer, tmp_path: Path) -> None:
    server.credentials = ("me", "geheim")
    options = replace(QUICK, credentials=lambda url: ("me", "geheim") if "/page" in url else None)
    with open_fetcher(tmp_path, options) as fetcher:
        assert fetcher.page(f"{server.root}/page") is not None
        with pytest.raises(UnavailableError):
            fetcher.page(f"{server.root}/other")


def test_a_redirect_takes_no_credentials_to_another_server(
    server: IndexServer, tmp_path: Path
) -> None:
    with serve_index() as other:
        other.pages["/there"] = ("text/plain", b"moved")
        server.faults["/page"] = [Fault(redirect=f"{other.root}/there")]
        options = replace(
            QUICK, credentials=lambda url: ("me", "x") if url.startswith(server.root) else None
        )
        with open_fetcher(tmp_path, options) as fetcher:
            page = fetcher.page(f"{server.root}/page")

        assert page is not None
        assert (page.body, page.url) == (b"moved", f"{other.root}/there")
        assert "authorization" in server.log[0].headers
        assert "authorization" not in other.log[0].headers


@pytest.mark.parametrize(
    ("there", "slug"),
    [
        ("/page", "redirect-loop"),
        ("file:///etc/hostname", "bad-redirect"),
        ("http://me:x@127.0.0.1/", "bad-redirect"),
    ],
)
def test_bad_redirects_are_refused(
    server: IndexServer, tmp_path: Path, there: str, slug: str
) -> None:
    server.faults["/page"] = [Fault(redirect=there, lasting=True)]
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(UnavailableError) as caught:
        fetcher.page(f"{server.root}/page")

    assert caught.value.slug == slug


def test_a_page_that_is_too_large_is_refused(server: IndexServer, tmp_path: Path) -> None:
    server.pages["/page"] = ("text/plain", b"x" * 5000)
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(UnavailableError) as caught:
        fetcher.page(f"{server.root}/page", limit=4999)

    assert caught.value.slug == "too-large"


def test_compressed_pages_are_read_and_bombs_are_not(server: IndexServer, tmp_path: Path) -> None:
    server.page_gzip = True
    server.pages["/bomb"] = ("text/plain", bytes(8_000_000))
    with open_fetcher(tmp_path, QUICK) as fetcher:
        page = fetcher.page(f"{server.root}/page")
        with pytest.raises(UnavailableError) as caught:
            fetcher.page(f"{server.root}/bomb", limit=1 << 20)

    assert page is not None
    assert page.body == b"hello"
    assert caught.value.slug == "too-large"


def test_another_status_is_no_page(server: IndexServer, tmp_path: Path) -> None:
    server.faults["/page"] = [Fault(status=418)]
    with open_fetcher(tmp_path, QUICK) as fetcher, pytest.raises(UnavailableError) as caught:
        fetcher.page(f"{server.root}/page")

    assert caught.value.slug == "bad-answer"


def test_mirrors_are_asked_in_turn(server: IndexServer, tmp_path: Path) -> None:
    with serve_index() as empty:
        mirrors = Elsewhere("https://origin.example.com", empty.root, server.root)
        with open_fetcher(tmp_path, replace(QUICK, mirrors=mirrors)) as fetcher:
            page = fetcher.page("https://origin.example.com/page")

    assert page is not None
    assert page.mirrored
    assert page.asked == "https://origin.example.com/page"
    assert page.url == f"{server.root}/page"


def test_what_stands_after_the_origin_is_asked_where_that_cannot_be_reached(
    server: IndexServer, tmp_path: Path
) -> None:
    gone = "http://127.0.0.1:9"
    mirrors = Elsewhere(gone, gone, server.root)
    with open_fetcher(tmp_path, replace(QUICK, mirrors=mirrors)) as fetcher:
        page = fetcher.page(f"{gone}/page")
        with pytest.raises(NetworkError):  # the origin may have it: nobody knows
            fetcher.page(f"{gone}/none")

    assert page is not None
    assert page.body == b"hello"


def test_the_origin_alone_says_that_a_page_is_absent(server: IndexServer, tmp_path: Path) -> None:
    server.faults["/spare/none"] = [Fault(status=403, lasting=True)]
    for spare in ("http://127.0.0.1:9", f"{server.root}/spare"):
        mirrors = Elsewhere(server.root, server.root, spare)
        with open_fetcher(tmp_path / "store", replace(QUICK, mirrors=mirrors)) as fetcher:
            assert fetcher.page(f"{server.root}/none") is None


def test_a_mirror_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "page").write_bytes(b"from disk")
    mirrors = Elsewhere("https://origin.example.com", (tmp_path / "mirror").as_uri())
    with open_fetcher(tmp_path / "store", replace(QUICK, mirrors=mirrors)) as fetcher:
        page = fetcher.page("https://origin.example.com/page")
        absent = fetcher.page("https://origin.example.com/none")

    assert page is not None
    assert (page.body, page.mirrored) == (b"from disk", True)
    assert absent is None


def test_a_store_that_cannot_be_written_only_costs_time(
    server: IndexServer, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file stands where the folder should be")
    with open_fetcher(tmp_path / "store", QUICK) as fetcher:
        assert fetcher.page(f"{server.root}/page") is not None
        assert fetcher.page(f"{server.root}/page") is not None

    assert len(server.log) == 2


def test_closing_ends_all_threads(server: IndexServer, tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with open_fetcher(tmp_path, QUICK) as fetcher:
        fetcher.page_soon(f"{server.root}/page").result()
        assert fetcher.is_connected

    after = {thread.name for thread in threading.enumerate() if thread.name.startswith("pages")}
    assert after <= before
    assert fetcher.soon(lambda: 1).cancelled()


def test_the_network_is_not_loaded_before_it_is_used(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lockenv.fetch import open_fetcher\n"
        f"with open_fetcher(Path({str(tmp_path)!r})) as fetcher:\n"
        "    fetcher.recall('kind', 'key')\n"
        "print(sorted({'httpx', 'ssl', 'concurrent', 'http', 'email'} & set(sys.modules)))\n"
    )
    import subprocess  # noqa: PLC0415 - for this test alone

    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )

    assert done.stdout == "[]\n"


def test_a_kept_page_that_rotted_into_a_nest_of_brackets_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_page("key", StoredPage(status=200, asked="a", url="b"), b"body")
    (kept,) = (tmp_path / "pages").glob("*/*")
    kept.write_bytes(b"lockenv 1 0000000020000000" + b"[" * 100_000)

    assert store.read_page_head("key") is None
    assert store.read_page("key") is None
