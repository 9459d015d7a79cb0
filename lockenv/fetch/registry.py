"""Container registries: the OCI distribution specification 1.1, with Docker's token authentication.

Blobs that are there are not sent again, those of another repository of the registry are mounted,
large ones go in chunks and resume where they broke off. What is read is verified by digest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx

from lockenv.fetch.registry_session import (
    LARGEST_MANIFEST,
    PASSING,
    Session,
    is_default_registry,
    passing,
    registry_base,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.fetch.options import FetchOptions
    from lockenv.fetch.registry_session import RegistryCredentials

__all__ = ["Registry", "RemoteManifest", "is_default_registry", "registry_base"]

#: What is asked for when a manifest is: OCI's own types and Docker's.
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
#: Registries limit a request's length; a chunk that fails is sent again as a whole.
_CHUNK = 16 << 20
#: As elsewhere: who brings less than this with a connection is not waited for again and again.
_PROGRESS = 1 << 18
_FORGOTTEN = "the upload was forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteManifest:
    """A manifest or index as a registry gave it, verified."""

    media_type: str
    digest: str
    body: bytes


class Registry:
    """One registry, to be closed after use. Methods may be called from any thread.

    UnavailableError for refused credentials and what is not there, NetworkError for trouble that
    may pass (after retries), IntegrityError for bytes that are not those of their digest.
    """

    def __init__(
        self,
        host: str,
        options: FetchOptions,
        credentials: RegistryCredentials,
        base: str | None = None,
    ) -> None:
        """``base`` is the address of a mirror's interface, ending in ``/v2/``."""
        self.host = host
        self._session = Session(host, options, credentials, base)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def manifest(self, repository: str, version: str) -> RemoteManifest | None:
        """The manifest or index under a tag or digest; None if there is none."""
        answer = self._session.send(
            "GET",
            f"{repository}/manifests/{version}",
            scope=f"repository:{repository}:pull",
            headers={"Accept": _ACCEPT},
        )
        if answer.status_code == 404:
            return None
        self._session.expect(answer, 200)
        body = answer.content
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if len(body) > LARGEST_MANIFEST or (version.startswith("sha256:") and version != digest):
            raise self._session.mismatch(f"{repository}@{version}", version, digest)
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return RemoteManifest(media_type=media_type, digest=digest, body=body)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        return self.blob_size(repository, digest) is not None

    def blob_size(self, repository: str, digest: str) -> int | None:
        """How many bytes a blob has; None where the repository has none of this digest."""
        answer = self._session.send(
            "HEAD",
            f"{repository}/blobs/{digest}",
            scope=f"repository:{repository}:pull",
        )
        if answer.status_code == 404:
            return None
        self._session.expect(answer, 200)
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and len(length) < 16 else 0

    def read_blob(self, repository: str, digest: str) -> bytes:
        """A small blob (a config, say) whole, verified."""
        answer = self._session.send(
            "GET", f"{repository}/blobs/{digest}", scope=f"repository:{repository}:pull"
        )
        self._session.expect(answer, 200)
        real = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        if real != digest:
            raise self._session.mismatch(f"{repository}@{digest}", digest, real)
        return answer.content

    def write_blob(self, repository: str, digest: str, size: int, target: Path) -> None:
        """A blob into a file, verified as it arrives; the file appears only when it is whole."""
        partial = target.with_name(f"{target.name}.part")
        hasher = hashlib.sha256()
        pauses = self._session.patience.pauses()
        try:
            with partial.open("wb") as file:
                while file.tell() < size:
                    before = file.tell()
                    try:
                        for piece in self._rest_of_blob(repository, digest, before):
                            if not piece:
                                # The whole blob comes instead of its rest.
                                file.truncate(file.seek(0))
                                hasher = hashlib.sha256()
                            if file.tell() + len(piece) > size:
                                raise self._session.mismatch(
                                    f"{repository}@{digest}", f"{size} bytes", "more"
                                )
                            hasher.update(piece)
                            file.write(piece)
                    except httpx.TransportError as error:
                        if file.tell() - before >= _PROGRESS:
                            pauses = self._session.patience.pauses()
                        self._session.pause(pauses, error)
                    else:
                        if file.tell() <= before:
                            self._session.pause(
                                pauses, httpx.ReadError("an answer without content")
                            )
            if f"sha256:{hasher.hexdigest()}" != digest:
                raise self._session.mismatch(
                    f"{repository}@{digest}", digest, f"sha256:{hasher.hexdigest()}"
                )
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _rest_of_blob(self, repository: str, digest: str, start: int) -> Iterator[bytes]:
        scope = f"repository:{repository}:pull"
        url = urljoin(self._session.base, f"{repository}/blobs/{digest}")
        headers = self._session.authorization(scope)
        # Without this httpx asks for gzip, and a range would be one of other bytes.
        headers["Accept-Encoding"] = "identity"
        if start:
            headers["Range"] = f"bytes={start}-"
        stream = self._session.client.stream
        try:
            with stream("GET", url, headers=headers, follow_redirects=True) as answer:
                if answer.status_code != 401:
                    yield from self._pieces(answer)
                    return
                # No token yet, or one that expired on the way.
                self._session.authenticate(answer, scope)
            headers |= self._session.authorization(scope)
            with stream("GET", url, headers=headers, follow_redirects=True) as answer:
                yield from self._pieces(answer)
        except (httpx.TooManyRedirects, httpx.InvalidURL) as error:
            raise self._session.senseless(str(error)) from error

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        """What a blob's answer brings; first an empty piece where it is whole after all."""
        if answer.status_code in PASSING:
            raise passing(answer)
        self._session.expect(answer, 200, 206)
        if answer.status_code == 200:
            yield b""
        # As they are, whatever encoding is claimed: the digest is that of these bytes.
        yield from self._session.arriving(answer)

    def push_blob(
        self, repository: str, digest: str, content: bytes | Path, mount_from: str | None = None
    ) -> bool:
        """Make sure that the repository has the blob; False if it had it (or it was mounted)."""
        if self.has_blob(repository, digest):
            return False
        pauses = self._session.patience.pauses()
        while True:
            opened, scope = self._open_upload(repository, digest, mount_from)
            if opened.status_code == 201:
                return False
            lost = self._upload(opened, scope, digest, content)
            if not lost or self.has_blob(repository, digest):
                return True
            self._session.pause(pauses, httpx.ReadError(lost))

    def _open_upload(
        self, repository: str, digest: str, mount_from: str | None
    ) -> tuple[httpx.Response, str]:
        """The answer to a request for an upload (201: mounted instead), and its scope."""
        scope = f"repository:{repository}:pull,push"
        if mount_from:
            answer = self._session.send(
                "POST",
                f"{repository}/blobs/uploads/?mount={digest}&from={mount_from}",
                scope=f"{scope} repository:{mount_from}:pull",
            )
            # Who may not read the other repository may still push to this one.
            if answer.status_code in {201, 202}:
                return answer, scope
        answer = self._session.send("POST", f"{repository}/blobs/uploads/", scope=scope)
        self._session.expect(answer, 202)
        return answer, scope

    def push_manifest(self, repository: str, version: str, media_type: str, body: bytes) -> bool:
        """Put a manifest or index under a tag or its digest.

        True where the registry says that it notes what the manifest refers to (``OCI-Subject``).
        """
        answer = self._session.send(
            "PUT",
            f"{repository}/manifests/{version}",
            scope=f"repository:{repository}:pull,push",
            headers={"Content-Type": media_type},
            content=body,
        )
        self._session.expect(answer, 201)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._session.check_kept(answer, f"{repository}:{version}", digest)
        return "OCI-Subject" in answer.headers

    def referrers(self, repository: str, digest: str) -> bytes | None:
        """The index of what refers to a manifest; None where the registry cannot say."""
        answer = self._session.send(
            "GET",
            f"{repository}/referrers/{digest}",
            scope=f"repository:{repository}:pull",
            headers={"Accept": _ACCEPT},
        )
        if answer.status_code == 404:
            return None
        self._session.expect(answer, 200)
        return answer.content

    def _upload(
        self, opened: httpx.Response, scope: str, digest: str, content: bytes | Path
    ) -> str:
        """Chunk after chunk; what broke off is asked for and goes on from there.

        Why it must begin anew: the registry knows it no more, as after its own restart, or other
        bytes arrived there. Empty where the blob is there now.
        """
        place = urljoin(str(opened.url), opened.headers.get("Location", ""))
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        length = max(_CHUNK, _number(opened.headers.get("OCI-Chunk-Min-Length", "")))
        start = 0
        pauses = self._session.patience.pauses()
        while start < size:
            chunk = _chunk(content, start, length)
            end = start + len(chunk)
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{start}-{end - 1}",
            }
            trouble: Exception | None = None
            try:
                answer = self._session.once("PATCH", place, scope, headers, chunk)
            except httpx.TransportError as error:
                trouble = error
            else:
                if answer.status_code in PASSING or answer.status_code == 416:
                    trouble = passing(answer)
            if trouble is not None:
                self._session.pause(pauses, trouble)
                resumed = self._resumed(place, scope)
                if resumed is None:
                    return _FORGOTTEN
                place, start = resumed
                continue
            if answer.status_code == 404:
                return _FORGOTTEN
            self._session.expect(answer, 202)
            place = urljoin(str(answer.url), answer.headers.get("Location", place))
            start = end
            pauses = self._session.patience.pauses()
        separator = "&" if urlsplit(place).query else "?"
        closed = self._session.send("PUT", f"{place}{separator}digest={digest}", scope=scope)
        if closed.status_code == 404:
            return _FORGOTTEN
        if closed.status_code == 400 and b"DIGEST_INVALID" in closed.content:
            return "the registry received other bytes than were sent"
        self._session.expect(closed, 201)
        self._session.check_kept(closed, f"blob of {urlsplit(place).path}", digest)
        return ""

    def _resumed(self, place: str, scope: str) -> tuple[str, int] | None:
        """Where an upload goes on, and from which byte (distribution 1.1, pushing in chunks)."""
        answer = self._session.send("GET", place, scope=scope)
        if answer.status_code == 404:
            return None
        self._session.expect(answer, 204)
        last = answer.headers.get("Range", "0-0").rpartition("-")[2]
        place = urljoin(str(answer.url), answer.headers.get("Location", place))
        # A registry that has nothing yet says 0-0, as one that has one byte does.
        return place, 0 if _number(last) == 0 else _number(last) + 1


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _chunk(content: bytes | Path, start: int, length: int) -> bytes:
    if isinstance(content, bytes):
        return content[start : start + length]
    with content.open("rb") as file:
        file.seek(start)
        return file.read(length)
