"""Hosts are looked up once, and the first of their addresses that answers is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest

from lockenv.fetch.names import NamedConnections, look_up_once
from tests.support.index_server import serve_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as serving:
        yield serving


def test_many_connections_at_a_time_look_a_host_up_once(index: IndexServer) -> None:
    asked = []

    def look_up(host: str, port: int) -> tuple[str, ...]:
        asked.append((host, port))
        return ("127.0.0.1",)

    backend = NamedConnections(look_up)
    with httpcore.ConnectionPool(network_backend=backend, max_connections=8) as pool:

        def ask(_: int) -> int:
            return pool.request("GET", f"http://index.example:{index.port}/simple/none/").status

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(ask, range(24)))

    assert set(answers) == {404}
    assert asked == [("index.example", index.port)]


def test_an_address_that_does_not_answer_is_passed_over(index: IndexServer) -> None:
    # Nothing listens on that address of this machine.
    backend = NamedConnections(lambda *_: ("127.0.0.9", "127.0.0.1"))

    stream = backend.connect_tcp("index.example", index.port, timeout=5)

    stream.close()


def test_a_host_without_any_address_that_answers_is_a_connection_error() -> None:
    backend = NamedConnections(lambda *_: ())

    with pytest.raises(httpcore.ConnectError):
        backend.connect_tcp("index.example", 1, timeout=5)


def test_a_failed_look_up_is_asked_again() -> None:
    asked = []

    def look_up(host: str, port: int) -> tuple[str, ...]:
        asked.append((host, port))
        raise OSError("no answer")

    backend = NamedConnections(look_up)
    for _ in range(2):
        with pytest.raises(httpcore.ConnectError):
            backend.connect_tcp("index.example", 1, timeout=5)

    assert len(asked) == 2


def test_httpx_takes_them() -> None:
    with httpx.Client() as client:
        look_up_once(client)

        pool = client._transport._pool  # type: ignore[attr-defined]
        assert isinstance(pool._network_backend, NamedConnections)
