"""A container registry in memory that speaks the distribution protocol 1.1, and can fail.

With `login` it asks for a token as Docker's does (``auth="token"``) or for a password
(``auth="basic"``). ``keeps_referrers`` says whether it lists what refers to a manifest itself.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
_UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/([0-9]*)")
_MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")
_REFERRERS = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})")
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def digest_of(data: bytes) -> str:
    """``sha256:…``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class MemoryRegistry:
    """What the registry holds, what it was asked, and how it is to fail."""

    address: str = ""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    requests: list[str] = field(default_factory=list)
    auth: str = ""
    login: str = "me:secret"
    keeps_referrers: bool = True
    #: Requests whose line matches are answered with 503, so many times.
    failing: dict[str, int] = field(default_factory=dict)

    def put(self, repository: str, tag: str, media_type: str, body: bytes) -> str:
        """Keep a manifest under a tag; its digest."""
        self.manifests[repository, tag] = media_type, body
        self.manifests[repository, digest_of(body)] = media_type, body
        return digest_of(body)

    def publish(self, repository: str, tag: str, layer: bytes, **config: object) -> str:
        """An image of one plain layer; its digest. ``config`` is what containers start with."""
        document = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": "2026-11-01T00:00:00Z",
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            }
        ).encode()
        rows = []
        for media_type, data in (
            ("application/vnd.oci.image.config.v1+json", document),
            (LAYER_TYPE, layer),
        ):
            self.blobs[repository, digest_of(data)] = data
            rows.append({"mediaType": media_type, "digest": digest_of(data), "size": len(data)})
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": rows[0],
                "layers": rows[1:],
            }
        ).encode()
        return self.put(repository, tag, MANIFEST_TYPE, body)

    def fails(self, line: str) -> bool:
        """Whether a request is one that is to fail."""
        for pattern, count in self.failing.items():
            if count and re.search(pattern, line):
                self.failing[pattern] -= 1
                return True
        return False


@contextmanager
def memory_registry(**settings: object) -> Iterator[MemoryRegistry]:
    """A registry on a loopback address until the block ends."""
    registry = MemoryRegistry(**settings)  # type: ignore[arg-type]  # named as its fields are
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    registry.address = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: MemoryRegistry

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

    def _is_welcome(self) -> bool:
        said = self.headers.get("Authorization", "")
        pair = base64.b64encode(self.registry.login.encode()).decode()
        expected = {"basic": f"Basic {pair}", "token": "Bearer good"}.get(self.registry.auth)
        return expected is None or said == expected

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line = f"{self.command} {self.path}"
        self.registry.requests.append(line)
        if self.path.startswith("/token"):
            pair = base64.b64encode(self.registry.login.encode()).decode()
            right = self.headers.get("Authorization") == f"Basic {pair}"
            self._answer(200 if right else 401, b'{"token": "good"}' if right else b"")
        elif not self._is_welcome():
            realm = f'Bearer realm="http://{self.registry.address}/token",service="here"'
            challenge = 'Basic realm="here"' if self.registry.auth == "basic" else realm
            self._answer(401, WWW_Authenticate=challenge)
        elif self.registry.fails(line):
            self._answer(503)
        else:
            self._route(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815  the names of http.server

    def _route(self, body: bytes) -> None:
        path = self.path.partition("?")[0]
        if match := _UPLOAD.fullmatch(path):
            self._upload(match[1], match[2], body)
        elif match := _BLOB.fullmatch(path):
            data = self.registry.blobs.get((match[1], match[2]))
            self._answer(404 if data is None else 200, data or b"")
        elif match := _REFERRERS.fullmatch(path):
            self._referrers(match[1], match[2])
        elif match := _MANIFEST.fullmatch(path):
            self._manifest(match[1], match[2], body)
        else:
            self._answer(404)

    def _upload(self, repository: str, number: str, body: bytes) -> None:
        registry = self.registry
        query = dict(part.split("=", 1) for part in self.path.partition("?")[2].split("&") if part)
        if self.command == "POST":
            mounted = registry.blobs.get((query.get("from", ""), query.get("mount", "")))
            if mounted is not None:
                registry.blobs[repository, query["mount"]] = mounted
                self._answer(201)
                return
            number = str(next(registry.numbers))
            registry.uploads[number] = b""
            self._answer(202, Location=f"/v2/{repository}/blobs/uploads/{number}")
        elif number not in registry.uploads:
            self._answer(404)
        elif self.command == "PATCH":
            registry.uploads[number] += body
            self._answer(202, Location=self.path)
        elif self.command == "PUT":
            data = registry.uploads.pop(number) + body
            right = digest_of(data) == query.get("digest")
            if right:
                registry.blobs[repository, digest_of(data)] = data
            self._answer(201 if right else 400)
        else:
            end = max(len(registry.uploads[number]) - 1, 0)
            self._answer(204, Range=f"0-{end}", Location=self.path)

    def _manifest(self, repository: str, version: str, body: bytes) -> None:
        if self.command == "PUT":
            headers = {}
            subject = json.loads(body).get("subject")
            if subject and self.registry.keeps_referrers:
                headers["OCI_Subject"] = subject["digest"]
            self.registry.put(repository, version, self.headers["Content-Type"], body)
            self._answer(201, **headers)
            return
        found = self.registry.manifests.get((repository, version))
        if found is None:
            self._answer(404)
        else:
            self._answer(200, found[1], Content_Type=found[0])

    def _referrers(self, repository: str, digest: str) -> None:
        if not self.registry.keeps_referrers:
            self._answer(404)
            return
        rows = [
            {
                "mediaType": media_type,
                "digest": digest_of(body),
                "size": len(body),
                "artifactType": json.loads(body)["artifactType"],
            }
            for (where, version), (media_type, body) in self.registry.manifests.items()
            if where == repository
            and version == digest_of(body)
            and (json.loads(body).get("subject") or {}).get("digest") == digest
        ]
        index = json.dumps({"schemaVersion": 2, "manifests": rows}).encode()
        self._answer(200, index, Content_Type="application/vnd.oci.image.index.v1+json")
