"""One registry's connection: authentication (Docker's tokens, RFC 7617), retries, refusals."""

from __future__ import annotations

import base64
import re
import threading
import time
import zlib
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from lockenv import __version__
from lockenv.errors import IntegrityError, NetworkError, UnavailableError
from lockenv.fetch.freshness import pause_asked
from lockenv.fetch.names import look_up_once
from lockenv.fetch.transport import not_too_slow, trust
from lockenv.fields import Fields, parse_json
from lockenv.tables.addresses import CONTAINER_REGISTRY, CONTAINER_REGISTRY_LOGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lockenv.fetch.options import FetchOptions

#: Names that references have for the default registry, whose real host is another.
_ALIASES = {
    CONTAINER_REGISTRY.removeprefix("registry-1."): CONTAINER_REGISTRY,
    urlsplit(CONTAINER_REGISTRY_LOGIN).netloc: CONTAINER_REGISTRY,
}
#: Manifests take some kilobytes; registries refuse more than this.
LARGEST_MANIFEST = 4 << 20
#: RFC 9110: ask again; of the server's errors only 501 and 505 are lasting.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, *range(506, 600)})
#: docker-credential-helpers: the password of this user is an identity token.
_TOKEN_USER = "<token>"  # noqa: S105  a name, not a secret
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


class RegistryCredentials(Protocol):
    """Asks who the user is to a registry."""

    def __call__(self, registry: str, /) -> tuple[str, str] | None:
        """User name and password (or ``<token>`` and an identity token), if any are known."""


class PassingStatus(httpx.ReadError):
    """A status that may pass; ``pause`` is how long the registry asks to wait."""

    def __init__(self, what: str, pause: float) -> None:
        super().__init__(what)
        self.pause = pause


def passing(answer: httpx.Response, where: str = "") -> PassingStatus:
    """What an answer with such a status is."""
    pause = pause_asked(answer.headers.get("Retry-After"), time.time())
    return PassingStatus(f"status {answer.status_code}{where}", pause or 0.0)


def registry_base(host: str) -> str:
    """The address of a registry's interface, ending in ``/v2/``."""
    real = _ALIASES.get(host, host)
    bare = real.rpartition(":")[0] if re.search(r":\d+$", real) else real
    # As Docker does: only a registry on this very machine may speak without TLS.
    scheme = "http" if bare in _LOOPBACK else "https"
    return f"{scheme}://{real}/v2/"


def is_default_registry(host: str) -> bool:
    """Whether a reference's host is the default registry, under whichever of its names."""
    return _ALIASES.get(host, host) == CONTAINER_REGISTRY


class Session:
    """The requests to one registry, to be closed after use. Methods may be called from any thread.

    UnavailableError for refused credentials, NetworkError for passing trouble (after retries).
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
        self.base = base or registry_base(host)
        self._credentials = credentials
        self.patience = options.patience
        self._tokens: dict[str, str] = {}
        self._authenticating = threading.Lock()
        self.client = httpx.Client(
            verify=trust(options.ca_bundle),
            proxy=options.proxy,
            trust_env=self.base.startswith("https:"),
            timeout=httpx.Timeout(options.patience.read, connect=options.patience.connect),
            # Of what is compressed on the way nobody could say how large it becomes.
            headers={"User-Agent": f"lockenv/{__version__}", "Accept-Encoding": "identity"},
        )
        look_up_once(self.client, 2 * options.patience.read)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request, with retries of what may pass; ``path`` is below /v2/ or a whole address."""
        pauses = self.patience.pauses()
        url = urljoin(self.base, path)
        while True:
            try:
                answer = self.once(method, url, scope, headers or {}, content)
            except httpx.TransportError as error:
                self.pause(pauses, error)
                continue
            if answer.status_code not in PASSING:
                return answer
            self.pause(pauses, passing(answer))

    def once(
        self, method: str, url: str, scope: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        """One request without retries, but for the answer to a challenge."""
        length = {} if content is None else {"Content-Length": str(len(content))}

        def ask() -> httpx.Response:
            return self._asked(
                lambda: self.client.build_request(
                    method,
                    url,
                    headers={**headers, **self.authorization(scope, url), **length},
                    content=None if content is None else _passing_by(content),
                ),
                # Blobs often lie on another host; it gets no credentials, as httpx drops them.
                follow=method in {"GET", "HEAD"},
            )

        answer = ask()
        if answer.status_code == 401:
            self.authenticate(answer, scope)
            answer = ask()
        return answer

    def _asked(
        self,
        build: Callable[[], httpx.Request],
        *,
        follow: bool = False,
        auth: tuple[str, str] | None = None,
    ) -> httpx.Response:
        """One answer whole; what makes no sense as an address or an answer is a refusal."""
        try:
            answer = self.client.send(build(), stream=True, follow_redirects=follow, auth=auth)
            try:
                if self.base.startswith("https:") and answer.url.scheme != "https":
                    raise httpx.UnsupportedProtocol("it redirects to an address without TLS")
                return _read_whole(answer, self.arriving(answer))
            finally:
                answer.close()
        except httpx.UnsupportedProtocol as error:
            raise self.senseless(str(error)) from error
        except httpx.TransportError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self.senseless(str(error) or type(error).__name__) from error

    def arriving(self, answer: httpx.Response) -> Iterator[bytes]:
        """The body as it is sent, unless that takes for ever."""
        return not_too_slow(answer.iter_raw(), 2 * self.patience.read)

    def authorization(self, scope: str, url: str = "") -> dict[str, str]:
        """The header for a scope, where a token is known; none for another server's address."""
        token = self._tokens.get(scope)
        is_elsewhere = bool(url) and not url.startswith(self.base.removesuffix("v2/"))
        return {"Authorization": token} if token and not is_elsewhere else {}

    def authenticate(self, refused: httpx.Response, scope: str) -> None:
        """Follow the challenge of a refusal (RFC 9110, 11.6.1; Docker's token specification)."""
        with self._authenticating:
            if refused.request.headers.get("Authorization") != self._tokens.get(scope):
                return  # another thread was given a token since this request was sent
            self._answer_challenge(refused, scope)

    def _answer_challenge(self, refused: httpx.Response, scope: str) -> None:
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
        if realm.partition(":")[0].lower() not in {"https", urlsplit(self.base).scheme}:
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
            answer = self._asked(lambda: self.client.build_request("POST", realm, data=form))
        else:
            scopes = [("scope", one) for one in scope.split(" ")]
            parameters = [*fields, *scopes]
            answer = self._asked(
                lambda: self.client.build_request("GET", realm, params=parameters), auth=login
            )
        if answer.status_code in PASSING:
            raise passing(answer, " where tokens are given")
        if answer.status_code != 200:
            raise self._denied(answer)
        return self._token_of(answer)

    def _token_of(self, answer: httpx.Response) -> str:
        try:
            body = parse_json(answer.content)
        except ValueError:
            body = None
        fields = Fields(body if isinstance(body, dict) else {})
        token = fields.text("token") or fields.text("access_token") or ""
        # RFC 6750, 2.1: nothing else can stand in the header that carries it.
        if re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token) is None:
            raise self._denied(answer)
        return token

    def pause(self, pauses: Iterator[float], error: Exception) -> None:
        """Wait for the next attempt, and as asked; NetworkError where patience has ended."""
        pause = next(pauses, None)
        asked = error.pause if isinstance(error, PassingStatus) else 0.0
        # A registry that asks for more than is left is not waited for.
        if pause is None or asked > self.patience.longest:
            waiting = [f"the registry asks to wait {asked:.0f} seconds"] if asked else []
            raise NetworkError(
                "registry-trouble",
                f"the registry {self.host} did not answer as it should, several times",
                why=[str(error) or type(error).__name__, *waiting],
                fix="run the command again later",
            ) from error
        time.sleep(max(pause, asked))

    def expect(self, answer: httpx.Response, *statuses: int) -> None:
        """Refuse an answer of another status."""
        if answer.status_code in statuses:
            return
        if answer.status_code in {401, 403}:
            raise self._denied(answer)
        raise UnavailableError(
            "registry-refused",
            f"the registry {self.host} refused a request",
            why=(
                f"{answer.request.method} {answer.request.url.path}: status {answer.status_code}",
                _start_of(answer),
            ),
            fix="have the limit of the registry, or of the proxy before it, raised"
            if answer.status_code == 413
            else "check the image reference",
        )

    def senseless(self, why: str) -> UnavailableError:
        """What to say of an answer that no registry gives."""
        return UnavailableError(
            "registry-refused",
            f"the registry {self.host} did not answer as a registry does",
            why=(why[:300],),
            fix="check the image reference",
        )

    def _denied(self, answer: httpx.Response) -> UnavailableError:
        return UnavailableError(
            "registry-denied",
            f"the registry {self.host} does not let you do this",
            why=(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code}",
                *filter(None, (_start_of(answer),)),
            ),
            fix=f"docker login {self.host}, or podman login {self.host}",
        )

    def check_kept(self, answer: httpx.Response, what: str, digest: str) -> None:
        """Refuse a registry that says that it keeps another thing than was sent to it."""
        kept = answer.headers.get("Docker-Content-Digest", "")
        # Of what it hashes by another algorithm nothing follows.
        if kept.startswith("sha256:") and kept != digest:
            raise IntegrityError(
                "digest-mismatch",
                f"the registry {self.host} keeps other bytes than were sent to it",
                why=(what, f"sent {digest}", f"kept {kept}"),
                fix="do not use what lies there; ask the registry's keeper",
            )

    def mismatch(self, what: str, expected: str, received: str) -> IntegrityError:
        """What to say of bytes that are not those of their digest."""
        return IntegrityError(
            "digest-mismatch",
            f"the registry {self.host} sent other bytes than were asked for",
            why=(what, f"expected {expected}", f"received {received}"),
            fix="do not use this registry; ask its keeper",
        )


def _start_of(answer: httpx.Response) -> str:
    """The first words of a body, without reading all of it."""
    try:
        body = answer.content
    except httpx.ResponseNotRead:
        try:
            body = next(answer.iter_raw(), b"")
        except httpx.HTTPError:
            body = b""
    return body[:300].decode("utf-8", "replace")


def _passing_by(content: bytes) -> Iterator[bytes]:
    """The content for a request that must not keep it: a cycle keeps requests for long."""
    yield content


def _read_whole(answer: httpx.Response, pieces: Iterator[bytes]) -> httpx.Response:
    """The answer with its body, which is cut where it is longer than any document may be."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > LARGEST_MANIFEST:
            break
    # Some compress although nobody asked them to.
    if answer.headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip"}:
        body = bytearray(_inflated(bytes(body)))
    # In Latin-1, since httpx would have other headers in ASCII alone.
    headers = [
        (name, value)
        for name, value in answer.headers.raw
        # The length of a HEAD's answer is all that it says.
        if name.lower() not in {b"content-encoding", b"transfer-encoding"}
        and (name.lower() != b"content-length" or answer.request.method == "HEAD")
    ]
    return httpx.Response(
        answer.status_code, headers=headers, content=bytes(body), request=answer.request
    )


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(body, LARGEST_MANIFEST + 1)
    except zlib.error as error:
        raise httpx.DecodingError(f"the body is no sound gzip: {error}") from error
