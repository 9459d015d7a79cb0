"""Connections whose hosts are looked up once, to the address that answers, and that do not drip.

Sixteen look-ups of one host side by side are more than some networks bear: an answer is lost, and
the resolver of the system waits five seconds before it asks again. Of several addresses the first
may be a hole (IPv6 that leads nowhere): the next is tried beside it soon (RFC 8305).
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore

from lockenv.fetch.memo import Memo

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence

    import httpx


#: RFC 8305, 8: how long one address is waited for before the next is tried as well.
_STAGGER = 0.25
#: Bytes a second: who brings fewer for as long as two time-outs is as good as silent. A line of a
#: modem that sixteen connections share has more.
SLOWEST = 100


class NamedConnections(httpcore.SyncBackend):
    """Opens connections as httpcore does; only the addresses of a host are remembered.

    ``seconds`` is how long a connection may be waited for while hardly anything comes.
    """

    def __init__(
        self,
        look_up: Callable[[str, int], tuple[str, ...]] | None = None,
        *,
        seconds: float = 60.0,
    ) -> None:
        self._look_up = look_up or _addresses
        self._seconds = seconds
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
        places = sorted(known, key=lambda one: one != first)

        def connect(address: str) -> httpcore.NetworkStream:
            return super(NamedConnections, self).connect_tcp(
                address, port, timeout, local_address, socket_options
            )

        if not places:
            raise httpcore.ConnectError(f"{host} has no address")
        address, stream = _first_to_answer(places, connect)
        self._working[host] = address
        return _Watched(stream, self._seconds)


def _first_to_answer(
    places: Sequence[str], connect: Callable[[str], httpcore.NetworkStream]
) -> tuple[str, httpcore.NetworkStream]:
    """The first connection of several that are tried one soon after the other."""
    if len(places) == 1:
        return places[0], connect(places[0])
    answers: queue.SimpleQueue[tuple[str, httpcore.NetworkStream | Exception]] = queue.SimpleQueue()
    done = threading.Event()

    def attempt(address: str) -> None:
        try:
            stream = connect(address)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
            answers.put((address, error))
        else:
            answers.put((address, stream))
            if done.is_set():
                stream.close()

    waiting, troubles = list(places), list[Exception]()
    while len(troubles) < len(places):
        if waiting:
            # It ends by itself, and nobody waits for it.
            threading.Thread(target=attempt, args=(waiting.pop(0),), daemon=True).start()
        try:
            address, answer = answers.get(timeout=_STAGGER if waiting else None)
        except queue.Empty:
            continue
        if not isinstance(answer, Exception):
            done.set()
            return address, answer
        troubles.append(answer)
    raise troubles[0]


class _Watched(httpcore.NetworkStream):
    """A connection that times out where hardly anything comes, though always before the time-out.

    Only what is waited for counts, from one request to the next: neither who reads slowly nor a
    connection that rests is blamed. What is too slow may be the headers of an answer.
    """

    def __init__(self, stream: httpcore.NetworkStream, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._waited, self._came = 0.0, 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes; `httpcore.ReadTimeout` where it is too little for too long."""
        began = time.monotonic()
        data = self._stream.read(max_bytes, timeout)
        self._waited += time.monotonic() - began
        self._came += len(data)
        if self._waited > self._seconds:
            if self._came < self._seconds * SLOWEST:
                raise httpcore.ReadTimeout(f"{self._came} bytes came in {self._waited:.0f} seconds")
            self._waited, self._came = 0.0, 0
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; what comes from now on is another answer."""
        self._waited, self._came = 0.0, 0
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """End the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection with TLS."""
        inner = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _Watched(inner, self._seconds)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        """What httpcore asks of a connection."""
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


def look_up_once(client: httpx.Client, seconds: float) -> None:
    """Make the connections of a client, and those to its proxies, look each host up once.

    httpx has no option for it, and its other ways to get there switch off the proxies that
    variables name. Where its inside has changed, nothing happens but more look-ups.
    """
    backend = NamedConnections(seconds=seconds)
    mounted = getattr(client, "_mounts", {})
    for transport in (getattr(client, "_transport", None), *mounted.values()):
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore.ConnectionPool) and hasattr(pool, "_network_backend"):
            pool._network_backend = backend  # noqa: SLF001 - see above; a test holds it
