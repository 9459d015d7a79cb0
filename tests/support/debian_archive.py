"""A small Debian archive: real .debs, indexes, signed Release files, and a server on 127.0.0.1.

    archive = DebianArchive()
    archive.add(deb("hello", "1.0", depends="libc6"))
    archive.publish("stable", date="2026-01-02T00:00:00Z")
    with serve_files(archive.files) as server:
        ... server.url + "dists/stable/InRelease" ...

Every file of an archive is a member of ``files`` (path to bytes), so that a test can tamper with
it, take it away, or put a copy under the snapshot service's addresses (`snapshot_of`). Nothing is
cached: ``publish`` writes the state of its moment and leaves older by-hash files in place.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pysequoia
import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FIELDS = {
    "depends": "Depends",
    "pre_depends": "Pre-Depends",
    "recommends": "Recommends",
    "conflicts": "Conflicts",
    "breaks": "Breaks",
    "replaces": "Replaces",
    "provides": "Provides",
    "multi_arch": "Multi-Arch",
    "essential": "Essential",
    "priority": "Priority",
    "source": "Source",
}


@dataclass(frozen=True, slots=True)
class Deb:
    """A built package: its control fields, and the file."""

    fields: Mapping[str, str]
    data: bytes

    @property
    def filename(self) -> str:
        """As in a pool."""
        version = self.fields["Version"].partition(":")[2] or self.fields["Version"]
        return f"{self.fields['Package']}_{version}_{self.fields['Architecture']}.deb"


def _tar(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode, info.mtime = len(content), 0o644, 1_700_000_000
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def compressed(data: bytes, ending: str) -> bytes:
    """The data as a file with this ending holds it."""
    match ending:
        case ".gz":
            return gzip.compress(data, mtime=0)
        case ".xz":
            return lzma.compress(data)
        case ".zst":
            return zstandard.ZstdCompressor().compress(data)
        case _:
            return data


def _ar(members: Mapping[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        header = f"{name:<16}{1_700_000_000:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
        parts += [header.encode(), content, b"\n" if len(content) % 2 else b""]
    return b"".join(parts)


def deb(
    name: str,
    version: str = "1.0",
    architecture: str = "amd64",
    *,
    content: Mapping[str, bytes] | None = None,
    compression: str = ".xz",
    **relations: str,
) -> Deb:
    """A package with relations by keyword: ``deb("a", "1", depends="b (>= 2)")``."""
    fields = {"Package": name, "Version": version, "Architecture": architecture}
    fields |= {_FIELDS[key]: text for key, text in relations.items()}
    fields.setdefault("Priority", "optional")
    fields |= {"Maintainer": "Test <test@example.com>", "Description": f"{name} for tests\n more"}
    control = "".join(f"{key}: {text}\n" for key, text in fields.items())
    files = {f"usr/share/doc/{name}/copyright": b"public domain\n"} if content is None else content
    data = _ar(
        {
            "debian-binary": b"2.0\n",
            f"control.tar{compression}": compressed(
                _tar({"control": control.encode()}), compression
            ),
            f"data.tar{compression}": compressed(_tar(files), compression),
        }
    )
    return Deb(fields, data)


class SigningKey:
    """An OpenPGP key made for the test."""

    def __init__(self, owner: str) -> None:
        self._secret: Any = pysequoia.Tsk.generate(f"{owner} <{owner}@example.com>")
        certificate: Any = self._secret.extract_certificate()
        self.fingerprint: str = certificate.fingerprint.upper()
        self.public: bytes = bytes(certificate)

    def clear_signed(self, text: bytes) -> bytes:
        """As ``InRelease`` is."""
        signed: bytes = pysequoia.sign(
            self._secret.signer(), text, mode=pysequoia.SignatureMode.CLEAR
        )
        return signed

    def detached(self, text: bytes) -> bytes:
        """As ``Release.gpg`` is."""
        signed: bytes = pysequoia.sign(
            self._secret.signer(), text, mode=pysequoia.SignatureMode.DETACHED
        )
        return signed


@lru_cache(maxsize=8)
def signing_key(owner: str) -> SigningKey:
    """One key for each owner in a run: making one costs more than using it."""
    return SigningKey(owner)


def release_date(moment: str) -> str:
    """RFC 3339 as Release files write dates."""
    when = datetime.fromisoformat(moment).astimezone(UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[when.weekday()]
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{day}, {when.day:02} {months[when.month - 1]} {when.year} {when:%H:%M:%S} UTC"


@dataclass(slots=True)
class DebianArchive:
    """An archive in memory; ``packages`` is what the next `publish` lists."""

    key: SigningKey = field(default_factory=lambda: signing_key("archive"))
    packages: dict[str, list[Deb]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pool: str = "pool/main"

    def add(self, *packages: Deb, component: str = "main") -> None:
        """List packages from now on, and put their files into the pool."""
        for package in packages:
            self.packages.setdefault(component, []).append(package)
            self.files[self._path(package)] = package.data

    def remove(self, name: str, *, and_file: bool = True) -> None:
        """List a package no longer, and take its file away as archives do."""
        for listed in self.packages.values():
            for package in [one for one in listed if one.fields["Package"] == name]:
                listed.remove(package)
                if and_file:
                    del self.files[self._path(package)]

    def _path(self, package: Deb) -> str:
        return f"{self.pool}/{package.filename}" if self.pool else package.filename

    def index(self, component: str, architecture: str) -> bytes:
        """The text of a Packages file."""
        stanzas = []
        for package in self.packages.get(component, []):
            if package.fields["Architecture"] not in {architecture, "all"}:
                continue
            fields = dict(package.fields)
            fields["Filename"] = self._path(package)
            fields["Size"] = str(len(package.data))
            fields["SHA256"] = hashlib.sha256(package.data).hexdigest()
            stanzas.append("".join(f"{key}: {text}\n" for key, text in fields.items()))
        return "\n".join(stanzas).encode()

    def publish(
        self,
        suite: str,
        *,
        date: str = "2026-01-02T00:00:00Z",
        valid_until: str | None = None,
        architectures: Sequence[str] = ("amd64",),
        components: Sequence[str] = ("main",),
        by_hash: bool = True,
        endings: Sequence[str] = (".gz", ".xz"),
        signature: str = "InRelease",
        extra: Mapping[str, str] | None = None,
        contents: Mapping[str, str] | None = None,
    ) -> str:
        """Write the indexes and the signed Release of a suite; its sha256 is the answer.

        A suite that ends in a slash is a flat one. ``contents`` are lines of Contents (a path to
        ``SECTION/NAME``) of the first component and architecture. ``signature`` is InRelease,
        Release.gpg or none.
        """
        flat = suite.endswith("/")
        folder = suite.lstrip("./") if flat else f"dists/{suite}/"
        listed: dict[str, bytes] = {}
        for component in components:
            for architecture in architectures:
                text = self.index(component, architecture)
                name = "Packages" if flat else f"{component}/binary-{architecture}/Packages"
                listed[name] = text
                for ending in endings:
                    listed[name + ending] = compressed(text, ending)
        if contents is not None:
            lines_of = "".join(f"{path}  {where}\n" for path, where in sorted(contents.items()))
            name = f"{components[0]}/Contents-{architectures[0]}"
            listed[name + ".gz"] = compressed(lines_of.encode(), ".gz")
        lines = [
            "Origin: Test",
            "Label: Test",
            f"Suite: {suite}",
            f"Codename: {suite}",
            f"Date: {release_date(date)}",
            f"Components: {' '.join(components)}",
            f"Architectures: {' '.join(architectures)}",
        ]
        if valid_until:
            lines.append(f"Valid-Until: {release_date(valid_until)}")
        if by_hash:
            lines.append("Acquire-By-Hash: yes")
        lines += [f"{key}: {text}" for key, text in (extra or {}).items()]
        lines.append("SHA256:")
        for name, data in listed.items():
            digest = hashlib.sha256(data).hexdigest()
            lines.append(f" {digest} {len(data)} {name}")
            if name.endswith(tuple(endings)) and endings:
                self.files[folder + name] = data
                if by_hash:
                    place = name.rpartition("/")[0]
                    place = f"{place}/" if place else ""
                    self.files[f"{folder}{place}by-hash/SHA256/{digest}"] = data
        text = ("\n".join(lines) + "\n").encode()
        self.sign(folder, text, signature)
        return hashlib.sha256(text).hexdigest()

    def sign(self, folder: str, text: bytes, signature: str, key: SigningKey | None = None) -> None:
        """Put a signed Release into a folder."""
        signer = key or self.key
        for name in ("InRelease", "Release", "Release.gpg"):
            self.files.pop(folder + name, None)
        if signature == "InRelease":
            self.files[folder + "InRelease"] = signer.clear_signed(text)
            return
        self.files[folder + "Release"] = text
        if signature == "Release.gpg":
            self.files[folder + "Release.gpg"] = signer.detached(text)


def snapshot(archive: DebianArchive, name: str, time: str) -> dict[str, bytes]:
    """A copy of the archive's files where the snapshot service has them: ``archive/NAME/TIME/``."""
    return {f"archive/{name}/{time}/{path}": data for path, data in archive.files.items()}


@dataclass(slots=True)
class Files:
    """A running server over files in memory; ``asked`` are the paths of all requests."""

    url: str
    files: dict[str, bytes]
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve_files(files: dict[str, bytes]) -> Iterator[Files]:
    """Serve a mapping of paths to bytes on 127.0.0.1; it may be changed meanwhile."""
    state = Files("", files)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).lstrip("/")
            state.asked.append(path)
            data = state.files.get(path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Redirected:
    """The fetcher's mirrors: canonical addresses that begin so are asked at a test's server."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = dict(prefixes)

    def candidates(self, url: str) -> Sequence[str]:
        """The server's address for it."""
        for prefix, place in self._prefixes.items():
            if url.startswith(prefix):
                return (place + url[len(prefix) :],)
        return (url,)

    def canonical(self, url: str) -> str:
        """Back again."""
        for prefix, place in self._prefixes.items():
            if url.startswith(place):
                return prefix + url[len(place) :]
        return url
