"""A real registry on this machine: push, push again, pull back, and other tools' view of it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError, NetworkError, UnavailableError
from lockenv.fetch import FetchOptions, Patience
from lockenv.fetch.registry import Registry
from lockenv.formats.oci import (
    CONFIG_TYPE,
    MANIFEST_TYPE,
    Manifest,
    describe,
    layer_type,
    render_json,
    render_manifest,
)
from tests.support.real_registry import needs_registry, serve_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS = FetchOptions(patience=Patience(attempts=3, first=0.01, longest=0.05))
LARGE = bytes(range(256)) * (160 << 10)  # 40 MiB: three chunks


def nobody(_registry: str) -> None:
    return None


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry without authentication."""
    with serve_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _image(layer: bytes) -> tuple[bytes, bytes]:
    """A config and manifest of one uncompressed layer."""
    config = render_json(
        {
            "architecture": "amd64",
            "config": {},
            "os": "linux",
            "rootfs": {"diff_ids": [_digest(layer)], "type": "layers"},
        }
    )
    manifest = Manifest(
        config=describe(CONFIG_TYPE, config), layers=(describe(layer_type("none"), layer),)
    )
    return config, render_manifest(manifest)


@needs_registry
@pytest.mark.tools
def test_what_was_pushed_is_pulled_back(registry: str, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    layer.write_bytes(LARGE)
    config, manifest = _image(LARGE)
    client = Registry(registry, OPTIONS, nobody)

    sent = [
        client.push_blob("demo/one", _digest(LARGE), layer),
        client.push_blob("demo/one", _digest(config), config),
    ]
    client.push_manifest("demo/one", "v1", MANIFEST_TYPE, manifest)
    again = client.push_blob("demo/one", _digest(LARGE), layer)
    mounted = client.push_blob("demo/two", _digest(LARGE), layer, mount_from="demo/one")
    client.write_blob("demo/two", _digest(LARGE), len(LARGE), tmp_path / "back")
    found = client.manifest("demo/one", "v1")

    assert sent == [True, True]
    assert not again
    assert not mounted
    assert (tmp_path / "back").read_bytes() == LARGE
    assert found is not None
    assert found.body == manifest
    assert client.manifest("demo/one", "nonesuch") is None
    client.close()


@needs_registry
@pytest.mark.tools
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs the package skopeo")
def test_skopeo_sees_the_same_digest(registry: str) -> None:
    config, manifest = _image(b"")
    client = Registry(registry, OPTIONS, nobody)
    client.push_blob("demo/three", _digest(b""), b"")
    client.push_blob("demo/three", _digest(config), config)
    client.push_manifest("demo/three", "v1", MANIFEST_TYPE, manifest)
    client.close()

    answer = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", f"docker://{registry}/demo/three:v1"],
        capture_output=True,
        check=True,
    )

    assert json.loads(answer.stdout)["Digest"] == _digest(manifest)


class _Troubled(BaseHTTPRequestHandler):
    """A registry that wants a token, fails in the middle of an upload, and lies about blobs."""

    protocol_version = "HTTP/1.1"
    received = b""
    failures = 1
    #: How often what was received is said to be something else, and what is said to be kept.
    corrupted = 0
    kept = ""
    asked_scope: list[str]

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _is_allowed(self) -> bool:
        if self.headers.get("Authorization") == "Bearer good":
            return True
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        host = self.headers["Host"]
        challenge = f'Bearer realm="http://{host}/token",service="here"'
        self._answer(401, WWW_Authenticate=challenge)
        return False

    def do_GET(self) -> None:
        if self.path.startswith("/token"):
            type(self).asked_scope = [self.path]
            pair = base64.b64encode(b"me:secret").decode()
            if self.headers.get("Authorization") == f"Basic {pair}":
                self._answer(200, b'{"token": "good"}')
            else:
                self._answer(401)
        elif self._is_allowed():
            if "/blobs/uploads/" in self.path:
                end = len(type(self).received) - 1
                self._answer(204, Range=f"0-{max(end, 0)}", Location=self.path)
            else:
                self._answer(200, b"other bytes")

    def do_HEAD(self) -> None:
        if self._is_allowed():
            self._answer(404)

    def do_POST(self) -> None:
        if self._is_allowed():
            self._answer(202, Location="/v2/x/blobs/uploads/1")

    def do_PATCH(self) -> None:
        if not self._is_allowed():
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).received and type(self).failures:
            type(self).failures -= 1
            self._answer(503)
            return
        start = int(self.headers["Content-Range"].partition("-")[0])
        assert start == len(type(self).received)
        type(self).received += body
        self._answer(202, Location="/v2/x/blobs/uploads/1")

    def do_PUT(self) -> None:
        if not self._is_allowed():
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        digest = self.path.partition("digest=")[2]
        if type(self).corrupted and digest:
            type(self).corrupted -= 1
            type(self).received = b""
            self._answer(400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
        elif digest and digest != _digest(type(self).received):
            self._answer(400)
        else:
            kept = self.kept or digest
            self._answer(201, b"", **({"Docker_Content_Digest": kept} if kept else {}))


@contextmanager
def _troubled(failures: int = 1, **more: object) -> Iterator[tuple[str, type[_Troubled]]]:
    handler = type("Handler", (_Troubled,), {"received": b"", "failures": failures, **more})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _me(_registry: str) -> tuple[str, str]:
    return "me", "secret"


def test_an_upload_that_broke_off_goes_on_where_it_was() -> None:
    with _troubled() as (address, handler):
        client = Registry(address, OPTIONS, _me)

        assert client.push_blob("x", _digest(LARGE), LARGE)
        client.close()

    assert handler.received == LARGE
    assert "pull%2Cpush" in handler.asked_scope[0] or "pull,push" in handler.asked_scope[0]


def test_an_upload_that_always_breaks_off_is_network_trouble() -> None:
    with _troubled(failures=100) as (address, _):
        client = Registry(address, OPTIONS, _me)

        with pytest.raises(NetworkError):
            client.push_blob("x", _digest(LARGE), LARGE)
        client.close()


def test_an_upload_that_arrived_otherwise_is_sent_anew() -> None:
    with _troubled(failures=0, corrupted=1) as (address, handler):
        client = Registry(address, OPTIONS, _me)

        assert client.push_blob("x", _digest(LARGE), LARGE)
        client.close()

    assert handler.received == LARGE


def test_a_registry_that_keeps_something_else_is_refused() -> None:
    with _troubled(failures=0, kept=_digest(b"other")) as (address, _):
        client = Registry(address, OPTIONS, _me)

        with pytest.raises(IntegrityError):
            client.push_blob("x", _digest(b"blob"), b"blob")
        with pytest.raises(IntegrityError):
            client.push_manifest("x", "v1", MANIFEST_TYPE, b"{}")
        client.close()


def test_a_stranger_is_told_how_to_log_in() -> None:
    with _troubled() as (address, _):
        client = Registry(address, OPTIONS, nobody)

        with pytest.raises(UnavailableError) as caught:
            client.manifest("x", "latest")
        client.close()

    assert caught.value.status == 8
    assert "login" in caught.value.fix[0]


def test_other_bytes_than_asked_for_are_refused(tmp_path: Path) -> None:
    with _troubled() as (address, _):
        client = Registry(address, OPTIONS, _me)

        with pytest.raises(IntegrityError):
            client.read_blob("x", _digest(b"right bytes"))
        with pytest.raises(IntegrityError):
            client.write_blob("x", _digest(b"right bytes"), 11, tmp_path / "blob")
        client.close()

    assert list(tmp_path.iterdir()) == []
