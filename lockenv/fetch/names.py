"""Connections whose hosts are looked up once, however many are opened at a time.

Sixteen look-ups of one host side by side are more than some networks bear: an answer is lost, and
the resolver of the system waits five seconds before it asks again.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpcore

from lockenv.fetch.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx


class NamedConnections(httpcore.SyncBackend):
    """Opens connections as httpcore does; only the addresses of a host are remembered."""

    def __init__(self, look_up: Callable[[str, int], tuple[str, ...]] | None = None) -> None:
        self._look_up = look_up or _addresses
        self._known: Memo[tuple[str, ...]] = Memo()
        self._working: dict[str, str] = {}

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of the host that answers; the last one that did first.

        The name in a certificate is checked against the host, whichever address answers.
        """
        try:
            known = self._known.once(f"{host} {port}", lambda: self._look_up(host, port))
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        first = self._working.get(host)
        trouble: Exception | None = None
        for address in sorted(known, key=lambda one: one != first):
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = trouble or error
            else:
                self._working[host] = address
                return stream
        raise trouble or httpcore.ConnectError(f"{host} has no address")


def _addresses(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


def look_up_once(client: httpx.Client) -> None:
    """Make the direct connections of a client look each host up once.

    httpx has no option for it, and its other ways to get there switch off the proxies that
    variables name. Where its inside has changed, nothing happens but more look-ups.
    """
    pool = getattr(getattr(client, "_transport", None), "_pool", None)
    if type(pool) is httpcore.ConnectionPool and hasattr(pool, "_network_backend"):
        pool._network_backend = NamedConnections()  # noqa: SLF001 - see above; a test holds it
