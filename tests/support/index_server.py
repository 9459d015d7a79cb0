"""A real Python index on 127.0.0.1, with every habit and every trouble that indexes have.

    with serve_index() as index:
        index.publish(wheel("demo", "1.0"), upload_time="2026-01-02T03:04:05Z")
        index.answers = "html"                       # "json" (default) or "html"
        index.faults["/simple/demo/"] = [Fault(status=503)] * 2
        … ask index.url …
        assert index.asked("GET", "/simple/demo/") == 3

Paths: ``/simple/NAME/`` are the pages, ``/files/FILENAME`` the files, ``/files/FILENAME.metadata``
the metadata files (only if ``core_metadata``), ``/flat/`` one page with links to all files.
``pages`` holds further answers by path. Everything can be switched while it runs; every request is
in ``log``. One fault is used up by each request to its path; ``Fault(lasting=True)`` stays.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.wheels import Built

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which an answer goes wrong.

    ``status``: answer with it, an empty body and ``headers``. ``delay``: seconds before the answer.
    ``cut``: break the connection after so many bytes of the body; ``reset`` does so with a TCP
    reset. ``drip``: seconds between the bytes of the body. ``body`` and ``content_type`` replace
    those of a good answer. ``redirect`` is where to go instead.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    cut: int | None = None
    reset: bool = False
    drip: float = 0.0
    body: bytes | None = None
    content_type: str | None = None
    redirect: str | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Published:
    """A file of the index with what the index says of it."""

    built: Built
    upload_time: str | None
    requires_python: str | None
    yanked: str | None
    metadata: bytes | None


@dataclass(slots=True)
class IndexServer:
    """The switches and the log. ``hashes`` names the algorithm that pages give, or is None.

    ``core_metadata`` is True (offered with its hash), "unhashed", "lying" (another hash than the
    file's) or False. ``credentials`` are the user and password that every request must bring.
    ``headers`` go with every page; with ``etags`` pages are revalidated. ``page_gzip`` compresses
    pages. ``relative`` makes file addresses relative. ``files_at`` is another server for files.
    """

    port: int = 0
    answers: str = "json"
    core_metadata: bool | str = True
    upload_times: bool = True
    sizes: bool = True
    hashes: str | None = "sha256"
    ranges: bool = True
    suffix_ranges: bool = True
    etags: bool = False
    page_gzip: bool = False
    relative: bool = False
    files_at: str = ""
    credentials: tuple[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    published: dict[str, Published] = field(default_factory=dict)
    status: dict[str, tuple[str, str]] = field(default_factory=dict)
    log: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def root(self) -> str:
        """The server's address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address of the index."""
        return f"{self.root}/simple/"

    @property
    def flat_url(self) -> str:
        """The address of the one page with links to all files."""
        return f"{self.root}/flat/"

    def publish(
        self,
        *built: Built,
        upload_time: str | None = "2026-01-01T00:00:00Z",
        requires_python: str | None = None,
        yanked: str | None = None,
    ) -> None:
        """Add files."""
        for one in built:
            self.published[one.filename] = Published(
                built=one,
                upload_time=upload_time,
                requires_python=requires_python,
                yanked=yanked,
                metadata=one.metadata if one.filename.endswith(".whl") else None,
            )

    def asked(self, method: str, path: str) -> int:
        """How many requests of a method the path has had."""
        with self.lock:
            return sum(one.method == method and one.path == path for one in self.log)

    def forget(self) -> None:
        """Empty the log."""
        with self.lock:
            self.log.clear()

    # -- pages -------------------------------------------------------------------------------------

    def page(self, path: str) -> tuple[str, bytes] | None:
        """The content type and body at a path that is no file, or None."""
        if path in self.pages:
            return self.pages[path]
        if path == "/flat/":
            return HTML, self._html("files", list(self.published.values()))
        match = re.fullmatch(r"/simple/([^/]+)/", path)
        if match is None:
            return None
        name = match[1]
        files = [one for one in self.published.values() if _name_of(one.built.filename) == name]
        if not files and name not in self.status:
            return None
        if self.answers == "json":
            return JSON, self._json(name, files)
        return HTML, self._html(name, files)

    def _url(self, one: Published) -> str:
        if self.relative:
            return f"../../files/{one.built.filename}"
        return f"{self.files_at or self.root}/files/{one.built.filename}"

    def _hash(self, data: bytes) -> str:
        return hashlib.new(self.hashes or "sha256", data).hexdigest()

    def _json(self, name: str, files: list[Published]) -> bytes:
        document: dict[str, object] = {"meta": {"api-version": "1.4"}, "name": name}
        document["files"] = [self._json_file(one) for one in files]
        if name in self.status:
            document["project-status"] = dict(
                zip(("status", "reason"), self.status[name], strict=True)
            )
        return json.dumps(document).encode()

    def _json_file(self, one: Published) -> dict[str, object]:
        file: dict[str, object] = {"filename": one.built.filename, "url": self._url(one)}
        file["hashes"] = {self.hashes: self._hash(one.built.data)} if self.hashes else {}
        if self.sizes:
            file["size"] = len(one.built.data)
        if self.upload_times and one.upload_time:
            file["upload-time"] = one.upload_time
        if one.requires_python:
            file["requires-python"] = one.requires_python
        if one.yanked is not None:
            file["yanked"] = one.yanked or True
        offered = self._offered(one)
        if offered is not None:
            file["core-metadata"] = {"sha256": offered} if offered else True
        return file

    def _offered(self, one: Published) -> str | None:
        if one.metadata is None or not self.core_metadata:
            return None
        if self.core_metadata == "unhashed":
            return ""
        lie = b"lie" if self.core_metadata == "lying" else b""
        return hashlib.sha256(one.metadata + lie).hexdigest()

    def _html(self, name: str, files: list[Published]) -> bytes:
        lines = ["<!DOCTYPE html>", f"<html><head><title>Links for {name}</title>"]
        lines += ['<meta name="pypi:repository-version" content="1.4">']
        if name in self.status:
            status, reason = self.status[name]
            lines.append(f'<meta name="pypi:project-status" content="{status}">')
            lines.append(f'<meta name="pypi:project-status-reason" content="{reason}">')
        lines.append(f"</head><body><h1>Links for {name}</h1>")
        lines += [self._html_file(one) for one in files]
        return "\n".join([*lines, "</body></html>"]).encode()

    def _html_file(self, one: Published) -> str:
        fragment = f"#{self.hashes}={self._hash(one.built.data)}" if self.hashes else ""
        attributes = {"href": self._url(one) + fragment}
        if one.requires_python:
            attributes["data-requires-python"] = one.requires_python
        if one.yanked is not None:
            attributes["data-yanked"] = one.yanked
        if self.upload_times and one.upload_time:
            attributes["data-upload-time"] = one.upload_time
        offered = self._offered(one)
        if offered is not None:
            attributes["data-core-metadata"] = f"sha256={offered}" if offered else "true"
        written = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
        return f"<a {written}>{one.built.filename}</a><br/>"

    def file(self, path: str) -> bytes | None:
        """The bytes of a file at a path, or None."""
        name = unquote(path.removeprefix("/files/")) if path.startswith("/files/") else ""
        owner = self.published.get(name.removesuffix(".metadata"))
        if owner is None:
            return None
        if name.endswith(".metadata"):
            return owner.metadata if self.core_metadata else None
        return owner.built.data


def _name_of(filename: str) -> str:
    stem = filename.removesuffix(".tar.gz").removesuffix(".zip")
    return canonicalize_name(stem.rpartition("-")[0] if stem != filename else stem.split("-")[0])


class _Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    index: IndexServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Print nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.index.lock:
            request = Request(method=self.command, path=path, headers=headers)
            self.index.log.append(request)
            waiting = self.index.faults.get(path, [])
            fault = waiting[0] if waiting else Fault()
            if waiting and not fault.lasting:
                waiting.pop(0)
        time.sleep(fault.delay)
        with suppress(ConnectionError):
            self._send(request, fault)

    def _send(self, request: Request, fault: Fault) -> None:
        if self.index.credentials is not None and not self._is_known(request):
            self._head(401, {"WWW-Authenticate": "Basic", "Content-Length": "0"})
            return
        if fault.redirect is not None:
            self._head(302, {"Location": fault.redirect, "Content-Length": "0"})
            return
        if fault.status is not None:
            body = fault.body or b""
            self._head(fault.status, {**dict(fault.headers), "Content-Length": str(len(body))})
            self.wfile.write(body)
            return
        data = self.index.file(request.path)
        if data is not None:
            self._send_file(request, fault, data)
            return
        page = self.index.page(request.path)
        if page is None and fault.body is None:
            self._head(404, {"Content-Length": "0"})
            return
        self._send_page(request, fault, page or (HTML, b""))

    def _is_known(self, request: Request) -> bool:
        user, password = self.index.credentials or ("", "")
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {token}"

    def _send_page(self, request: Request, fault: Fault, page: tuple[str, bytes]) -> None:
        kind, body = page
        if fault.body is not None:
            body = fault.body
        headers = {"Content-Type": fault.content_type or kind, **self.index.headers}
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.index.etags:
            headers["ETag"] = etag
            if request.headers.get("if-none-match") == etag:
                self._head(304, {**headers, "Content-Length": "0"})
                return
        if self.index.page_gzip and "gzip" in request.headers.get("accept-encoding", ""):
            import gzip  # noqa: PLC0415 - for this switch alone

            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        self._head(200, {**headers, "Content-Length": str(len(body))})
        self._body(body, fault)

    def _send_file(self, request: Request, fault: Fault, data: bytes) -> None:
        if fault.body is not None:
            data = fault.body
        headers = {"Content-Type": "application/octet-stream"}
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if self.index.etags:
            headers["ETag"] = etag
        asked = request.headers.get("range", "")
        if self.index.ranges and asked and request.headers.get("if-range", etag) == etag:
            piece = self._piece(asked, len(data))
            if piece is None:
                self._head(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"})
                return
            start, end = piece
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
            headers["Content-Length"] = str(end - start)
            self._head(206, headers)
            self._body(data[start:end], fault)
            return
        self._head(200, {**headers, "Content-Length": str(len(data))})
        self._body(data, fault)

    def _piece(self, asked: str, size: int) -> tuple[int, int] | None:
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
        if match is None or (not match[1] and not self.index.suffix_ranges):
            return None
        if not match[1]:
            return max(size - int(match[2]), 0), size
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
        return (start, end) if start < end else None

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, body: bytes, fault: Fault) -> None:
        if self.command == "HEAD":
            return
        if fault.drip:
            with suppress(OSError):  # who asks has gone
                for at in range(len(body)):
                    self.wfile.write(body[at : at + 1])
                    time.sleep(fault.drip)
            return
        if fault.cut is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: fault.cut])
        self.wfile.flush()
        self.close_connection = True
        if fault.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


class _Quiet(ThreadingHTTPServer):
    """Clients that hang up are part of the tales."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing."""


@contextmanager
def serve_index() -> Iterator[IndexServer]:
    """An empty index on a free port; gone with the block."""
    index = IndexServer()
    with _serve(type("Answering", (_Answering,), {"index": index})) as port:
        index.port = port
        yield index


@contextmanager
def _serve(answering: Callable[..., BaseHTTPRequestHandler]) -> Iterator[int]:
    server = _Quiet(("127.0.0.1", 0), answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
