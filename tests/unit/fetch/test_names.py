"""Hosts are looked up once, and the first of their addresses that answers is kept."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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


def test_an_address_that_is_a_hole_costs_a_moment(index: IndexServer) -> None:
    """As IPv6 that leads nowhere: who connects there hears nothing, not even a refusal."""
    with socket.socket() as hole, socket.socket() as filling, socket.socket() as more:
        hole.bind(("127.0.0.8", index.port))
        hole.listen(0)
        for one in (filling, more):  # with its queue full the system drops who comes
            one.settimeout(0)
            one.connect_ex(("127.0.0.8", index.port))
        backend = NamedConnections(lambda *_: ("127.0.0.8", "127.0.0.1"))
        began = time.monotonic()

        first = backend.connect_tcp("index.example", index.port, timeout=30)
        between = time.monotonic()
        second = backend.connect_tcp("index.example", index.port, timeout=30)

    assert between - began < 5
    assert first.get_extra_info("server_addr")[0] == "127.0.0.1"
    assert second.get_extra_info("server_addr")[0] == "127.0.0.1"
    first.close()
    second.close()


def test_headers_that_drip_are_given_up() -> None:
    def drip(server: socket.socket) -> None:
        with suppress(OSError), server.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"a")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        with httpx.Client(timeout=10) as client:
            look_up_once(client, 0.3)

            with pytest.raises(httpx.ReadTimeout):
                client.get(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()


def test_the_way_to_a_proxy_is_looked_up_once_too() -> None:
    with httpx.Client(proxy="http://127.0.0.1:1") as client:
        look_up_once(client, 60)

        pools = [one._pool for one in client._mounts.values() if one]  # type: ignore[attr-defined]
        assert pools
        assert all(isinstance(one._network_backend, NamedConnections) for one in pools)


def test_httpx_takes_them() -> None:
    with httpx.Client() as client:
        look_up_once(client, 60)

        pool = client._transport._pool  # type: ignore[attr-defined]
        assert isinstance(pool._network_backend, NamedConnections)
