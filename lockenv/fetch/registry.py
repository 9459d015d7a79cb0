"""Container registries: the OCI distribution specification 1.1, with Docker's token authentication.

Blobs that are there are not sent again, those of another repository of the registry are mounted,
large ones go in chunks and resume where they broke off. What is read is verified by digest.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from lockenv import __version__
from lockenv.errors import IntegrityError, NetworkError, UnavailableError
from lockenv.fetch.transport import trust
from lockenv.tables.addresses import CONTAINER_REGISTRY, CONTAINER_REGISTRY_LOGIN
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lockenv.fetch.options import FetchOptions

#: What is asked for when a manifest is: OCI's own types and Docker's.
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
#: Names that references have for the default registry, whose real host is another.
_ALIASES = {
    CONTAINER_REGISTRY.removeprefix("registry-1."): CONTAINER_REGISTRY,
    urlsplit(CONTAINER_REGISTRY_LOGIN).netloc: CONTAINER_REGISTRY,
}
#: Registries limit a request's length; a chunk that fails is sent again as a whole.
_CHUNK = 16 << 20
_PIECE = 1 << 20
#: Manifests take some kilobytes; registries refuse more than this.
_LARGEST_MANIFEST = 4 << 20
_PASSING = {408, 425, 429, 500, 502, 503, 504}
#: docker-credential-helpers: the password of this user is an identity token.
_TOKEN_USER = "<token>"  # noqa: S105  a name, not a secret
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


class RegistryCredentials(Protocol):
    """Asks who the user is to a registry."""

    def __call__(self, registry: str, /) -> tuple[str, str] | None:
        """User name and password (or ``<token>`` and an identity token), if any are known."""


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

    def __init__(self, host: str, options: FetchOptions, credentials: RegistryCredentials) -> None:
        self.host = host
        real = _ALIASES.get(host, host)
        bare = real.rpartition(":")[0] if re.search(r":\d+$", real) else real
        # As Docker does: only a registry on this very machine may speak without TLS.
        scheme = "http" if bare in _LOOPBACK else "https"
        self._base = f"{scheme}://{real}/v2/"
        self._credentials = credentials
        self._patience = options.patience
        self._tokens: dict[str, str] = {}
        self._client = httpx.Client(
            verify=trust(options.ca_bundle),
            proxy=options.proxy,
            trust_env=scheme == "https",
            timeout=httpx.Timeout(options.patience.read, connect=options.patience.connect),
            headers={"User-Agent": f"lockenv/{__version__}"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def manifest(self, repository: str, version: str) -> RemoteManifest | None:
        """The manifest or index under a tag or digest; None if there is none."""
        answer = self._send(
            "GET",
            f"{repository}/manifests/{version}",
            scope=f"repository:{repository}:pull",
            headers={"Accept": _ACCEPT},
        )
        if answer.status_code == 404:
            return None
        self._expect(answer, 200)
        body = answer.content
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if len(body) > _LARGEST_MANIFEST or (version.startswith("sha256:") and version != digest):
            raise self._mismatch(f"{repository}@{version}", version, digest)
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return RemoteManifest(media_type=media_type, digest=digest, body=body)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        return self.blob_size(repository, digest) is not None

    def blob_size(self, repository: str, digest: str) -> int | None:
        """How many bytes a blob has; None where the repository has none of this digest."""
        answer = self._send(
            "HEAD",
            f"{repository}/blobs/{digest}",
            scope=f"repository:{repository}:pull",
        )
        if answer.status_code == 404:
            return None
        self._expect(answer, 200)
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and len(length) < 16 else 0

    def read_blob(self, repository: str, digest: str) -> bytes:
        """A small blob (a config, say) whole, verified."""
        answer = self._send(
            "GET", f"{repository}/blobs/{digest}", scope=f"repository:{repository}:pull"
        )
        self._expect(answer, 200)
        real = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        if real != digest:
            raise self._mismatch(f"{repository}@{digest}", digest, real)
        return answer.content

    def write_blob(self, repository: str, digest: str, size: int, target: Path) -> None:
        """A blob into a file, verified as it arrives; the file appears only when it is whole."""
        partial = target.with_name(f"{target.name}.part")
        hasher = hashlib.sha256()
        pauses = self._patience.pauses()
        try:
            with partial.open("wb") as file:
                while file.tell() < size:
                    before = file.tell()
                    try:
                        for piece in self._rest_of_blob(repository, digest, before):
                            if file.tell() + len(piece) > size:
                                raise self._mismatch(
                                    f"{repository}@{digest}", f"{size} bytes", "more"
                                )
                            hasher.update(piece)
                            file.write(piece)
                    except httpx.TransportError as error:
                        self._pause(pauses, error)
                    else:
                        if file.tell() == before:
                            self._pause(pauses, httpx.ReadError("an answer without content"))
            if f"sha256:{hasher.hexdigest()}" != digest:
                raise self._mismatch(
                    f"{repository}@{digest}", digest, f"sha256:{hasher.hexdigest()}"
                )
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _rest_of_blob(self, repository: str, digest: str, start: int) -> Iterator[bytes]:
        scope = f"repository:{repository}:pull"
        url = urljoin(self._base, f"{repository}/blobs/{digest}")
        headers = self._authorization(scope)
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._client.stream("GET", url, headers=headers, follow_redirects=True) as answer:
            if answer.status_code == 401 and not headers.get("Authorization"):
                self._authenticate(answer, scope)
                return
            self._expect(answer, 206 if start else 200)
            yield from answer.iter_bytes(_PIECE)

    def push_blob(
        self, repository: str, digest: str, content: bytes | Path, mount_from: str | None = None
    ) -> bool:
        """Make sure that the repository has the blob; False if it had it (or it was mounted)."""
        if self.has_blob(repository, digest):
            return False
        query = f"?mount={digest}&from={mount_from}" if mount_from else ""
        scopes = [f"repository:{repository}:pull,push"]
        if mount_from:
            scopes.append(f"repository:{mount_from}:pull")
        answer = self._send("POST", f"{repository}/blobs/uploads/{query}", scope=" ".join(scopes))
        if answer.status_code == 201:
            return False
        self._expect(answer, 202)
        self._upload(answer, scopes[0], digest, content)
        return True

    def push_manifest(self, repository: str, version: str, media_type: str, body: bytes) -> None:
        """Put a manifest or index under a tag or its digest."""
        answer = self._send(
            "PUT",
            f"{repository}/manifests/{version}",
            scope=f"repository:{repository}:pull,push",
            headers={"Content-Type": media_type},
            content=body,
        )
        self._expect(answer, 201)

    def _upload(
        self, opened: httpx.Response, scope: str, digest: str, content: bytes | Path
    ) -> None:
        """Chunk after chunk; what broke off is asked for and goes on from there."""
        place = urljoin(str(opened.url), opened.headers["Location"])
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        start = 0
        pauses = self._patience.pauses()
        while start < size:
            chunk = _chunk(content, start)
            end = start + len(chunk)
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{start}-{end - 1}",
            }
            try:
                answer = self._once("PATCH", place, scope, headers, chunk)
            except httpx.TransportError as error:
                self._pause(pauses, error)
                place, start = self._resumed(place, scope)
                continue
            if answer.status_code in _PASSING or answer.status_code == 416:
                self._pause(pauses, httpx.ReadError(f"status {answer.status_code}"))
                place, start = self._resumed(place, scope)
                continue
            self._expect(answer, 202)
            place = urljoin(str(answer.url), answer.headers.get("Location", place))
            start = end
        separator = "&" if urlsplit(place).query else "?"
        self._expect(self._send("PUT", f"{place}{separator}digest={digest}", scope=scope), 201)

    def _resumed(self, place: str, scope: str) -> tuple[str, int]:
        """Where an upload goes on, and from which byte (distribution 1.1, pushing in chunks)."""
        answer = self._send("GET", place, scope=scope)
        self._expect(answer, 204)
        last = answer.headers.get("Range", "0-0").rpartition("-")[2]
        place = urljoin(str(answer.url), answer.headers.get("Location", place))
        count = int(last) + 1 if last.isdigit() and answer.headers.get("Range") else 0
        # A registry that has nothing yet says 0-0, as one that has one byte does.
        return place, 0 if count == 1 else count

    def _send(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request, with retries of what may pass; ``path`` is below /v2/ or a whole address."""
        pauses = self._patience.pauses()
        url = urljoin(self._base, path)
        while True:
            try:
                answer = self._once(method, url, scope, headers or {}, content)
            except httpx.TransportError as error:
                self._pause(pauses, error)
                continue
            if answer.status_code not in _PASSING:
                return answer
            self._pause(pauses, httpx.ReadError(f"status {answer.status_code}"))

    def _once(
        self, method: str, url: str, scope: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        def ask() -> httpx.Response:
            return self._client.request(
                method,
                url,
                headers={**headers, **self._authorization(scope)},
                content=content,
                # Blobs often lie on another host; it gets no credentials, as httpx drops them.
                follow_redirects=method in {"GET", "HEAD"},
            )

        answer = ask()
        if answer.status_code == 401:
            self._authenticate(answer, scope)
            answer = ask()
        return answer

    def _authorization(self, scope: str) -> dict[str, str]:
        token = self._tokens.get(scope)
        return {"Authorization": token} if token else {}

    def _authenticate(self, refused: httpx.Response, scope: str) -> None:
        """Follow the challenge of a refusal (RFC 9110, 11.6.1; Docker's token specification)."""
        challenge = refused.headers.get("WWW-Authenticate", "")
        kind = challenge.partition(" ")[0].lower()
        if scope in self._tokens and kind == "basic":
            raise self._denied(refused)
        login = self._credentials(self.host)
        if kind == "basic" and login is not None:
            pair = base64.b64encode(":".join(login).encode()).decode()
            self._tokens[scope] = f"Basic {pair}"
        elif kind == "bearer":
            self._tokens[scope] = f"Bearer {self._token(challenge, scope, login, refused)}"
        else:
            raise self._denied(refused)

    def _token(
        self,
        challenge: str,
        scope: str,
        login: tuple[str, str] | None,
        refused: httpx.Response,
    ) -> str:
        asked = dict(_PARAMETER.findall(challenge))
        realm = asked.get("realm", "")
        if urlsplit(realm).scheme not in {"https", urlsplit(self._base).scheme}:
            raise self._denied(refused)
        fields = [("service", asked.get("service", ""))]
        if login is not None and login[0] == _TOKEN_USER:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": login[1],
                "client_id": "lockenv",
                "service": asked.get("service", ""),
                "scope": scope,
            }
            answer = self._client.post(realm, data=form)
        else:
            scopes = [("scope", one) for one in scope.split(" ")]
            answer = self._client.get(realm, params=[*fields, *scopes], auth=login)
        if answer.status_code != 200:
            raise self._denied(answer)
        body = answer.json()
        token = body.get("token") or body.get("access_token")
        if not isinstance(token, str):
            raise self._denied(answer)
        return token

    def _pause(self, pauses: Iterator[float], error: Exception) -> None:
        pause = next(pauses, None)
        if pause is None:
            raise NetworkError(
                "registry-trouble",
                f"the registry {self.host} did not answer as it should, several times",
                why=(str(error) or type(error).__name__,),
                fix="run the command again later",
            ) from error
        time.sleep(pause)

    def _expect(self, answer: httpx.Response, *statuses: int) -> None:
        if answer.status_code in statuses:
            return
        if answer.status_code in {401, 403}:
            raise self._denied(answer)
        answer.read()
        raise UnavailableError(
            "registry-refused",
            f"the registry {self.host} refused a request",
            why=(
                f"{answer.request.method} {answer.request.url.path}: status {answer.status_code}",
                answer.text[:300],
            ),
            fix="check the image reference",
        )

    def _denied(self, answer: httpx.Response) -> UnavailableError:
        return UnavailableError(
            "registry-denied",
            f"the registry {self.host} does not let you do this",
            why=(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}",),
            fix=f"docker login {self.host}, or podman login {self.host}",
        )

    def _mismatch(self, what: str, expected: str, received: str) -> IntegrityError:
        return IntegrityError(
            "digest-mismatch",
            f"the registry {self.host} sent other bytes than were asked for",
            why=(what, f"expected {expected}", f"received {received}"),
            fix="do not use this registry; ask its keeper",
        )


def _chunk(content: bytes | Path, start: int) -> bytes:
    if isinstance(content, bytes):
        return content[start : start + _CHUNK]
    with content.open("rb") as file:
        file.seek(start)
        return file.read(_CHUNK)
