"""A server that stands before another one and does to its answers what networks and liars do.

with troubled(index.port) as before:
    before.trouble["cut"] = r"GET /files/"      # requests whose line matches are treated so
    … ask http://127.0.0.1:{before.port}/ …
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORTAL = b"<html><body>Welcome to our hotel. Please accept our terms.</body></html>"
#: Answers of the server's own, by what is wrong with them.
_OWN = {
    "portal": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"
    % (len(_PORTAL), _PORTAL),
    "busy": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "too many": b"HTTP/1.1 429 Too Many\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n",
    "nonsense": b"SSH-2.0-OpenSSH_9.2\r\n",
    "silence": b"",
    "bomb": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nx",
}
#: All that can be done to an answer.
TROUBLES = (*_OWN, "reset", "cut", "flipped", "loop", "headers", "longer", "shorter")


@dataclass(slots=True)
class Before:
    """The server's port, which requests meet which trouble, and the lines of all requests."""

    behind: int
    port: int = 0
    trouble: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def kind_of(self, line: str) -> str:
        """What is to be done to the answer."""
        for kind, pattern in self.trouble.items():
            if re.search(pattern, line):
                return kind
        return ""


@contextmanager
def troubled(behind: int) -> Iterator[Before]:
    """Stand before the server at a port of this machine until the block ends."""
    before = Before(behind)
    with socket.create_server(("127.0.0.1", 0)) as server:
        before.port = server.getsockname()[1]

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=_served, args=(before, connection), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield before
        server.shutdown(socket.SHUT_RDWR)


def _served(before: Before, connection: socket.socket) -> None:
    with connection, suppress(OSError):
        connection.settimeout(30)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return
            head += piece
        line = head.partition(b"\r\n")[0].decode("latin-1")
        before.asked.append(line)
        _act(before, before.kind_of(line), line, head, connection)


def _act(before: Before, kind: str, line: str, head: bytes, connection: socket.socket) -> None:
    if kind in _OWN:
        connection.sendall(_OWN[kind])
    elif kind == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif kind == "loop":
        place = line.split(" ")[1].encode()
        connection.sendall(
            b"HTTP/1.1 302 There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % place
        )
    elif kind == "headers":
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: and more\r\n" * 1000)
    else:
        answer = _asked(before.behind, head)
        connection.sendall(_changed(kind, answer))


def _asked(port: int, head: bytes) -> bytes:
    """The whole answer of the server behind."""
    lines = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"connection:")]
    lines.insert(1, b"Connection: close")
    with socket.create_connection(("127.0.0.1", port)) as behind:
        behind.sendall(b"\r\n".join(lines))
        parts = []
        while piece := behind.recv(1 << 20):
            parts.append(piece)
    return b"".join(parts)


def _changed(kind: str, answer: bytes) -> bytes:
    head, gap, body = answer.partition(b"\r\n\r\n")
    if kind == "cut":
        body = body[: len(body) // 2]
    elif kind == "flipped" and body:
        middle = len(body) // 2
        body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
    elif kind in {"longer", "shorter"}:
        size = len(body) * 2 if kind == "longer" else len(body) // 2
        head = re.sub(rb"(?i)content-length: *\d+", b"Content-Length: %d" % size, head)
    return head + gap + body
