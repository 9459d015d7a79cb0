"""The script that refreshes the table, against a server with the layout of the release listing."""

from __future__ import annotations

import importlib.util
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT = Path(__file__).parents[3] / "scripts" / "refresh_python_builds.py"
A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def load_main() -> Callable[[list[str]], int]:
    spec = importlib.util.spec_from_file_location("refresh_python_builds", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[[list[str]], int] = module.main
    return main


class Releases:
    """Release listings as the API gives them: pages of releases, and the files beside them."""

    def __init__(self) -> None:
        self.address = ""
        self.releases: list[dict[str, object]] = []
        self.files: dict[str, bytes] = {}

    def publish(
        self, tag: str, names: dict[str, str | None], files: dict[str, bytes] | None = None
    ) -> None:
        """A release with archives (name to sha256 in the listing, or None) and small files."""
        assets: list[dict[str, object]] = []
        for name in [*names, *(files or {})]:
            url = f"{self.address}/download/{tag}/{name.replace('+', '%2B')}"
            digest = names.get(name)
            assets.append(
                {
                    "name": name,
                    "browser_download_url": url,
                    "digest": f"sha256:{digest}" if digest else None,
                }
            )
        for name, data in (files or {}).items():
            self.files[f"/download/{tag}/{name}"] = data
        self.releases.append({"tag_name": tag, "draft": False, "assets": assets})

    def answer(self, target: str) -> bytes | None:
        parts = urlsplit(target)
        if parts.path == "/releases":
            page = int(parse_qs(parts.query)["page"][0])
            return json.dumps(self.releases[page - 1 : page]).encode()
        return self.files.get(parts.path)


@contextmanager
def serving(releases: Releases) -> Iterator[None]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = releases.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    releases.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def releases() -> Iterator[Releases]:
    world = Releases()
    with serving(world):
        yield world


def refresh(releases: Releases, table: Path, *more: str) -> int:
    return load_main()(
        [
            "--listing",
            f"{releases.address}/releases",
            "--downloads",
            f"{releases.address}/download/",
            "--table",
            str(table),
            *more,
        ]
    )


def rows(table: Path) -> list[list[str]]:
    data: list[list[str]] = json.loads(table.read_text())["builds"]
    return data


def test_the_stripped_archive_of_the_newest_release_is_kept(
    releases: Releases, tmp_path: Path
) -> None:
    linux = "x86_64-unknown-linux-gnu"
    releases.publish(
        "20260202",
        {
            f"cpython-3.13.1+20260202-{linux}-install_only.tar.gz": A,
            f"cpython-3.13.1+20260202-{linux}-install_only_stripped.tar.gz": B,
            f"cpython-3.13.1+20260202-{linux}-debug-full.tar.zst": C,
            f"cpython-3.13.1+20260202-{linux}-pgo+lto-full.tar.zst": C,
            "cpython-3.13.1+20260202-s390x-unknown-linux-gnu-install_only.tar.gz": D,
        },
    )
    releases.publish(
        "20260101", {f"cpython-3.13.1+20260101-{linux}-install_only_stripped.tar.gz": D}
    )
    table = tmp_path / "builds.json"

    assert refresh(releases, table) == 0

    name = f"cpython-3.13.1%2B20260202-{linux}-install_only_stripped.tar.gz"
    assert rows(table) == [["3.13.1", "linux-x86_64", "default", "20260202", name, B]]


def test_digests_come_from_the_sums_or_from_the_file_beside_when_the_listing_has_none(
    releases: Releases, tmp_path: Path
) -> None:
    new = "cpython-3.12.1+20240101-aarch64-apple-darwin-install_only.tar.gz"
    old = "cpython-3.8.2-x86_64-apple-darwin-pgo-20200418T2238.tar.zst"
    releases.publish("20240101", {new: None}, {"SHA256SUMS": f"{A}  {new}\n".encode()})
    releases.publish("20200418", {old: None}, {f"{old}.sha256": f"{B}\n".encode()})
    table = tmp_path / "builds.json"

    assert refresh(releases, table) == 0

    assert [(row[0], row[1], row[5]) for row in rows(table)] == [
        ("3.8.2", "macos-x86_64", B),
        ("3.12.1", "macos-arm64", A),
    ]


def test_free_threaded_builds_stand_beside_the_ordinary_ones_in_the_full_layout(
    releases: Releases, tmp_path: Path
) -> None:
    start = "cpython-3.13.1+20260202-aarch64-unknown-linux-gnu"
    releases.publish(
        "20260202",
        {
            f"{start}-install_only.tar.gz": A,
            f"{start}-freethreaded+lto-full.tar.zst": B,
            f"{start}-freethreaded+pgo+lto-full.tar.zst": C,
            f"{start}-freethreaded+debug-full.tar.zst": D,
        },
    )
    table = tmp_path / "builds.json"

    assert refresh(releases, table) == 0

    assert [(row[2], row[5]) for row in rows(table)] == [("default", A), ("freethreaded", C)]


def test_builds_that_the_listing_no_longer_names_stay_and_check_writes_nothing(
    releases: Releases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linux = "x86_64-unknown-linux-gnu"
    releases.publish("20250101", {f"cpython-3.12.8+20250101-{linux}-install_only.tar.gz": A})
    table = tmp_path / "builds.json"
    refresh(releases, table)
    releases.releases.clear()
    releases.publish("20260101", {f"cpython-3.12.9+20260101-{linux}-install_only.tar.gz": B})
    before = table.read_bytes()

    assert refresh(releases, table, "--check") == 1
    assert table.read_bytes() == before
    assert refresh(releases, table) == 0
    assert [row[0] for row in rows(table)] == ["3.12.8", "3.12.9"]
    assert "added 3.12.9 linux-x86_64 default" in capsys.readouterr().out
    assert refresh(releases, table, "--check") == 0
