"""Fuzz targets: what lies in a user's home and store, and what servers answer.

Readers that take a file get one in a folder of this process, in memory where the machine has such.
"""

from __future__ import annotations

import atexit
import base64
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from lockenv.errors import FaultsError, LockenvError
from lockenv.fetch.options import FetchOptions, Patience
from lockenv.fetch.registry import Registry
from lockenv.fetch.store import Store, StoredPage
from lockenv.fetch.transport import Transport
from lockenv.formats.cdi import parse_cdi
from lockenv.formats.debian import (
    parse_mirror_list,
    parse_os_release,
    parse_sources,
    parse_sources_list,
)
from lockenv.formats.metadata import MetadataError
from lockenv.formats.x509 import CertificateError, read_certificates, subject_hash
from lockenv.lockfile import (
    has_markers,
    marker_holds,
    merge,
    parse_lock,
    parsed_requirement,
    render_lock,
    settle,
    split_markers,
    target_of,
)
from lockenv.materialize import InterpreterArchive, materialize_interpreter, read_base
from lockenv.materialize.image_read import open_image, read_layer
from lockenv.materialize.layout import layout_of
from lockenv.materialize.removal import read_record
from lockenv.materialize.state import STATE_NAME, read_installed
from lockenv.materialize.values import VenvPython
from lockenv.model import Digest
from lockenv.settings.credentials import read_netrc
from lockenv.settings.reading import parse_config
from lockenv.settings.registries import RegistryLogins, parse_logins
from lockenv.sources.debian.signatures import Keyring, signature_packets, verify_signed
from lockenv.sources.python.git import place_of_url
from lockenv.sources.python.sdists import (
    build_system_of,
    parsed_project,
    project_metadata,
    source_texts,
    static_metadata,
)
from lockenv.sources.python.values import SourceTree
from tests.fuzz.target import Target, text_of
from tests.support.debian_archive import signing_key
from tests.support.locks import small_lock
from tests.support.wheels import sdist

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPATIENT = FetchOptions(patience=Patience(attempts=1))


@cache
def _scratch() -> Path:
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="lockenv-fuzz-", dir=memory if memory.exists() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _file(name: str, data: bytes) -> Path:
    path = _scratch() / name
    path.write_bytes(data)
    return path


def _certificates(data: bytes) -> None:
    for certificate in read_certificates(data) or [data]:
        subject_hash(certificate)


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


_PAIR = _der(0x30, b"\x06\x03\x55\x04\x03", _der(0x0C, b" A  b"))
_SUBJECT = _der(0x30, _der(0x31, _PAIR), _der(0x31, _der(0x30, _der(0x1E, b"\0A\0b"))))
_CERTIFICATE = _der(0x30, _der(0x30, b"\xa0\x03\2\1\2", b"\2\1\1", *[b"\x30\0"] * 3, _SUBJECT))
_PEM = b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % base64.b64encode(
    _CERTIFICATE
)


# -- the user's own files --------------------------------------------------------------------------


def _netrc(data: bytes) -> None:
    found, trouble = read_netrc({"NETRC": str(_file("netrc", data))}, home=Path("/nonexistent"))
    assert trouble is None or not found


def _logins(data: bytes) -> None:
    logins = RegistryLogins(files=(parse_logins(text_of(data)),), run_helper=lambda *_: "{")
    logins.for_repository("r.example:5000", "a/b")
    logins.for_repository("docker.io", "library/x")


def _helper(data: bytes) -> None:
    file = parse_logins('{"credsStore": "x"}')
    logins = RegistryLogins(files=(file,), run_helper=lambda *_: text_of(data))
    logins.for_repository("r.example", "a")


def _state(data: bytes) -> None:
    root = _scratch() / "venv"
    (root / "lib/python3.11/site-packages/a-1.dist-info").mkdir(parents=True, exist_ok=True)
    (root / STATE_NAME).write_bytes(data)
    read_installed(root)


def _record(data: bytes) -> None:
    root = _scratch() / "venv"
    layout = layout_of(str(root), VenvPython(executable="/usr/bin/python3", version="3.11.7"))
    place = root / layout.site_packages / "a-1.dist-info"
    place.mkdir(parents=True, exist_ok=True)
    (root / STATE_NAME).unlink(missing_ok=True)
    (place / "RECORD").write_bytes(data)
    (package,) = read_installed(root).packages or (None,)
    if package is not None:
        for row in read_record(str(root), package, layout):
            assert ".." not in row.path.split("/"), row
            assert not row.path.startswith("/"), row


def _sources_list(data: bytes) -> None:
    parse_sources_list(text_of(data))
    parse_mirror_list(text_of(data))
    parse_os_release(text_of(data))
    parse_sources(data)


def _page(data: bytes) -> None:
    store = Store(_scratch() / "store")
    store.write_page("key", StoredPage(status=200, asked="a", url="b"), b"body")
    (kept,) = (_scratch() / "store" / "pages").glob("*/*")
    kept.write_bytes(data)
    store.read_page_head("key")
    assert store.read_page("key") is None or data == _PAGE


def _merge(data: bytes) -> None:
    text = text_of(data)
    if has_markers(text):
        ours, theirs, base = split_markers(text)
        sides = [parse_lock(one) for one in (base or "", ours, theirs) if one]
        if len(sides) == 3:
            merge(*sides)
            settle(*sides)
        return
    whole = small_lock()
    found = parse_lock(text)
    settle(whole, found, whole)
    merge(whole, whole, found)


def _marker(data: bytes) -> None:
    text = text_of(data)
    marker_holds(text, target_of(small_lock().targets[0]))
    parsed_requirement(f"a; {text}")


# -- what servers answer ---------------------------------------------------------------------------


def _answer(data: bytes) -> httpx.Response:
    """Bytes as a server's answer: status and headers up to an empty line, then the body."""
    head, _, body = data.partition(b"\n\n")
    first, *rest = head.split(b"\n")
    status = int(first) if len(first) == 3 and first.isdigit() and b"100" <= first < b"600" else 200
    pairs = [(name, text) for name, _, text in (line.partition(b":") for line in rest)]
    return httpx.Response(
        status,
        headers=[(name.strip(), text.strip()) for name, text in pairs if name.isascii()],
        stream=_Body(body),
    )


class _Body(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data


def _http(data: bytes) -> None:
    transport = Transport(_IMPATIENT, connections=1)
    transport._client = httpx.Client(transport=httpx.MockTransport(lambda _: _answer(data)))
    transport.ask("https://i.example/simple/a/", headers={}, limit=1 << 20)


def _registry(data: bytes) -> None:
    """The first request gets the answer; what is asked of others meanwhile gets its body alone."""
    asked: list[str] = []

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if len(asked) == 1:
            return _answer(data)
        return httpx.Response(200, stream=_Body(data.partition(b"\n\n")[2]))

    registry = Registry("r.example", _IMPATIENT, lambda _: ("user", "secret"))
    registry._session.client = httpx.Client(transport=httpx.MockTransport(answered))
    registry.manifest("a/b", "latest")
    registry.blob_size("a/b", "sha256:" + "0" * 64)
    assert all(urlsplit(url).scheme == "https" for url in asked), asked


# -- archives that are read from files -------------------------------------------------------------


def _sdist_texts(data: bytes) -> None:
    tree = SourceTree(path=_file("demo-1.0.tar.gz", data), filename="demo-1.0.tar.gz")
    source_texts(tree)
    static_metadata(tree)


def _pyproject(data: bytes) -> None:
    document = parsed_project(data)
    project_metadata(document, version="1")
    build_system_of(document)


def _tar(members: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def _interpreter(data: bytes) -> None:
    folder = _scratch() / "interpreters"
    archive = InterpreterArchive(
        path=_file("cpython-3.11.7-x86_64-install_only.tar.gz", gzip.compress(data, 0)),
        filename="cpython-3.11.7-x86_64-install_only.tar.gz",
        digest=Digest("sha256", hashlib.sha256(data).hexdigest()),
        version="3.11.7",
    )
    try:
        materialize_interpreter(archive, folder)
    finally:
        left = [one.name for one in _scratch().parent.iterdir() if one.name == "outside"]
        shutil.rmtree(folder, ignore_errors=True)
        assert not left


def _base(data: bytes) -> None:
    layer = _file("layer", data)
    read_base([(layer, f"sha256:{hashlib.sha256(data).hexdigest()}")], "r.example/a")


def _layout(data: bytes) -> None:
    image = open_image(_file("image.tar", data), "amd64")
    for number in range(min(3, len(image.layers))):
        for _ in read_layer(image, number):
            pass


def _signed(data: bytes) -> None:
    keyring = Keyring(name="k", data=_KEY.public)
    list(signature_packets(data))
    verify_signed("https://d.example/InRelease", data, None, keyring)


def _detached(data: bytes) -> None:
    keyring = Keyring(name="k", data=_KEY.public)
    verify_signed("https://d.example/Release", b"Suite: x\n", data, keyring)


_KEY = signing_key("fuzz")
_LOCK = render_lock(small_lock())
_PAGE = b""
_CONFIG_JSON = json.dumps({"architecture": "amd64", "os": "linux", "config": {}}).encode()
_LAYER = _tar({"etc/os-release": b"ID=debian\n", "usr/lib/.wh.x": b"", "var/lib/dpkg/status": b"P"})


def _oci_archive() -> bytes:
    blobs: dict[str, bytes] = {}

    def kept(data: bytes, media_type: str) -> dict[str, object]:
        digits = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digits}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digits}", "size": len(data)}

    diff_id = f"sha256:{hashlib.sha256(_LAYER).hexdigest()}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "config": kept(json.dumps(config).encode(), f"{kind}.config.v1+json"),
        "layers": [kept(_LAYER, f"{kind}.layer.v1.tar")],
    }
    index = {
        "schemaVersion": 2,
        "manifests": [kept(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")],
    }
    return _tar({"index.json": json.dumps(index).encode(), **blobs})


def _docker_archive() -> bytes:
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    rows = [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l/layer.tar"]}]
    return _tar(
        {
            "manifest.json": json.dumps(rows).encode(),
            "c.json": json.dumps(config).encode(),
            "l/layer.tar": _LAYER,
        }
    )


_LOGINS = json.dumps(
    {
        "auths": {
            "https://r.example:5000/v2/": {"auth": base64.b64encode(b"u:p").decode()},
            "index.docker.io": {"identitytoken": "t", "username": "u"},
        },
        "credHelpers": {"r.example": "pass"},
        "credsStore": "desktop",
    }
).encode()
_CDI = b"""---
cdiVersion: "0.6.0"
kind: nvidia.com/gpu # a comment
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      major: 195
containerEdits:
  env: ["A=b"]
  mounts:
  - hostPath: /usr/lib/libcuda.so.1
    containerPath: /usr/lib/libcuda.so.1
    options: ["ro", "nosuid"]
"""
_CONFIG = b"""jobs = 4
proxy = "http://u:p@h.example:3128"
link-mode = "copy"
shared-store = "oci://r.example/a"
ca-bundle = "~/ca.pem"
[mirrors]
"https://a.example/" = ["https://b.example/x/", "file:///srv"]
fallback = true
"""
_STATE = json.dumps(
    {
        "format": 1,
        "status": "complete",
        "key": "k",
        "root": "/x",
        "site_packages": "lib/python3.11/site-packages",
        "python": {"version": "3.11.7", "executable": "/usr/bin/python3", "build": ""},
        "prompt": "x",
        "selection": {"target": "t", "groups": ["a"]},
        "touched": ["a"],
        "tree": "",
        "stamps": {"pyvenv.cfg": [1, 2, 3]},
        "packages": [{"name": "a", "version": "1", "dist_info": "a-1.dist-info", "scripts": True}],
    }
).encode()
_CHALLENGE = (
    b'401\nWWW-Authenticate: Bearer realm="https://auth.example/token?a=b",service="r.example",'
    b'scope="repository:a/b:pull"\nContent-Type: application/json\n\n{"token": "abc"}'
)
_FOUND = (
    b"200\nContent-Type: application/json; charset=utf-8\nETag: x\nCache-Control: max-age=60\n"
    b"Content-Encoding: gzip\nRetry-After: 1\nLocation: /x\n\n" + gzip.compress(b"{}" * 50)
)
_SDIST = sdist("demo", "1.0", files={"a.py": "a", "setup.cfg": "[x]\n"}).data
_BUILD = b"""[build-system]
requires = ["setuptools>=61", "a[b]; python_version < '3.12'"]
build-backend = "setuptools.build_meta"
backend-path = ["."]
[project]
name = "demo"
dynamic = ["version"]
requires-python = ">=3.8"
dependencies = ["b>=1"]
optional-dependencies = { x = ["c"] }
"""
_PYTHON = _tar({"python/bin/python3.11": b"#!/bin/sh\n", "python/lib/a.py": b"A = 1\n"})

TARGETS = (
    Target("cdi", lambda data: parse_cdi(text_of(data)), [_CDI, b'{"a": [1]}'], (ValueError,)),
    Target("certificates", _certificates, [_CERTIFICATE, _PEM], (CertificateError,)),
    Target("netrc", _netrc, [b"machine a.example login u password p\nmacdef x\n y\n\ndefault\n"]),
    Target("registry-logins", _logins, [_LOGINS]),
    Target("registry-helper", _helper, [b'{"Username": "<token>", "Secret": "s"}']),
    Target(
        "config.toml",
        lambda data: parse_config(Path("/etc/c.toml"), text_of(data), home=Path("/root")),
        [_CONFIG],
        (FaultsError,),
    ),
    Target("environment-state", _state, [_STATE]),
    Target("installed-record", _record, [b"a.py,sha256=AA,1\n../../../bin/x,,\n"]),
    Target("apt-sources", _sources_list, [b"deb [a=b] http://d.example x main # y\n", b"A='b'\n"]),
    Target("kept-page", _page, [b"lockenv 1 0000000000000002 \n{}x"]),
    Target("merge", _merge, [_LOCK.encode()], (LockenvError, ValueError)),
    Target(
        "marker",
        _marker,
        [b"(python_version < '3.12' and os_name == 'nt') or extra == 'x'"],
        (ValueError,),
    ),
    Target("http-answer", _http, [_FOUND, b"302\nLocation: https://b.example/\n\n"]),
    Target("registry-answer", _registry, [_CHALLENGE, b"401\nWWW-Authenticate: Basic\n\n{}"]),
    Target(
        "git-address",
        lambda data: place_of_url(text_of(data)),
        [b"git+ssh://git@g.example:22/a/b@v1#subdirectory=x%20y"],
    ),
    Target("sdist-texts", _sdist_texts, [_SDIST], (MetadataError,)),
    Target("sdist-pyproject", _pyproject, [_BUILD], (MetadataError,)),
    Target("interpreter", _interpreter, [_PYTHON]),
    Target("base-layer", _base, [_LAYER, gzip.compress(_LAYER)]),
    Target("image-archive", _layout, [_oci_archive(), _docker_archive()]),
    Target("signed", _signed, [_KEY.clear_signed(b"Suite: x\n")]),
    Target("signature", _detached, [_KEY.detached(b"Suite: x\n")]),
)
