"""A team's shared store: a folder, a server that takes PUT, a registry; all of them strangers."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import IndexServer, serve_index
from tests.support.projects import pyproject
from tests.support.real_registry import needs_registry, serve_registry
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Putting(ThreadingHTTPServer):
    """A server that keeps what is put, and can be made to lie or to refuse."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.refuses = False

    @property
    def address(self) -> str:
        """Where it takes files."""
        return f"http://127.0.0.1:{self.server_address[1]}/team"


class _Handler(BaseHTTPRequestHandler):
    server: Putting

    def do_HEAD(self) -> None:
        self._answer(200 if self.path in self.server.files else 404)

    def do_GET(self) -> None:
        found = self.server.files.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.refuses:
            self.server.files[self.path] = body
        self._answer(403 if self.server.refuses else 201)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_puts() -> Iterator[Putting]:
    with Putting() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        server.publish(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0", padding=50_000))
        yield server


@pytest.fixture
def first(tmp_path: Path, index: IndexServer) -> User:
    """A user who has locked."""
    user = User(tmp_path / "first")
    user.write("pyproject.toml", pyproject(index, dependencies=["app"]))
    user.lockenv("lock")
    return user


def teammate(tmp_path: Path, first: User, place: str) -> User:
    """Another user with the same lock, an empty store of their own and the shared place."""
    user = User(tmp_path / "second")
    for name in ("pyproject.toml", "lockenv.lock"):
        user.write(name, first.read(name))
    user.configure(f'shared-store = "{place}"\n')
    return user


def test_a_folder_is_filled_and_read(tmp_path: Path, index: IndexServer, first: User) -> None:
    folder = tmp_path / "shared"

    answer = first.lockenv("fetch", "--push", str(folder))
    again = first.lockenv("fetch", "--push", str(folder))

    assert "2 of 2 files were new there" in answer.out
    assert "0 of 2 files were new there" in again.out
    index.published.clear()
    second = teammate(tmp_path, first, str(folder))
    second.lockenv("sync")
    assert second.versions() == {"app": "1.0", "lib": "1.0"}


def test_a_server_is_filled_and_read(tmp_path: Path, index: IndexServer, first: User) -> None:
    with serve_puts() as server:
        first.lockenv("fetch", "--push", server.address)
        index.published.clear()
        second = teammate(tmp_path, first, server.address)

        second.lockenv("sync")

        assert second.versions() == {"app": "1.0", "lib": "1.0"}


def test_a_server_that_takes_nothing_is_named(first: User) -> None:
    with serve_puts() as server:
        server.refuses = True

        answer = first.lockenv("fetch", "--push", server.address, status=8)

        assert answer.slug == "shelf-refused"


def test_a_lying_place_is_passed_over(tmp_path: Path, first: User) -> None:
    with serve_puts() as server:
        first.lockenv("fetch", "--push", server.address)
        server.files = {path: b"x" * len(body) for path, body in server.files.items()}
        second = teammate(tmp_path, first, server.address)

        second.lockenv("sync")

        second.lockenv("check", "--env")


@pytest.mark.tools
@needs_registry
def test_a_registry_is_filled_and_read(tmp_path: Path, index: IndexServer, first: User) -> None:
    (tmp_path / "registry").mkdir()
    with serve_registry(tmp_path / "registry") as address:
        first.lockenv("fetch", "--push", f"{address}/team/files:main")
        again = first.lockenv("fetch", "--push", f"oci://{address}/team/files:main")
        assert "0 of 2 files were new there" in again.out
        index.published.clear()
        second = teammate(tmp_path, first, f"oci://{address}/team/files")

        second.lockenv("sync")

        assert second.versions() == {"app": "1.0", "lib": "1.0"}


def test_a_place_with_a_password_in_its_address_is_refused(tmp_path: Path, first: User) -> None:
    second = teammate(tmp_path, first, "https://me:secret@files.example/")

    answer = second.lockenv("sync", status=2)

    assert "secret" not in answer.text


def test_who_shares_a_store_reads_what_another_user_unpacked(first: User) -> None:
    first.lockenv("sync")

    found = [*first.cache.glob("unpacked/**/*"), *first.cache.glob("blobs/**/*")]

    closed = [path for path in found if path.stat().st_mode & 0o444 != 0o444]
    assert found
    assert closed == [], "with the usual umask everybody may read"
