"""HTTP by httpx: one request with its redirects, credentials, retries and limits."""

from __future__ import annotations

import base64
import ssl
import sys
import time
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx

from lockenv import __version__
from lockenv.errors import NetworkError, SourceError, UnavailableError
from lockenv.fetch.addresses import redacted
from lockenv.fetch.freshness import pause_asked
from lockenv.fetch.names import SLOWEST, look_up_once
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lockenv.fetch.options import FetchOptions

#: As browsers do; longer chains are loops.
_REDIRECTS = 10
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
#: May pass by itself.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The head of an answer, header names in lower case; ``url`` is the one that answered."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Stream:
    """An answer whose body has not been read; ``chunks`` yields it, decoded, below the limit."""

    answer: Answer
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))


class Transport:
    """A pool of connections; every method may be called from any thread."""

    def __init__(self, options: FetchOptions, *, connections: int) -> None:
        patience = options.patience
        self._patience = patience
        self._credentials = options.credentials
        self._client = httpx.Client(
            verify=trust(options.ca_bundle),
            proxy=options.proxy,
            follow_redirects=False,
            timeout=httpx.Timeout(patience.read, connect=patience.connect, pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"User-Agent": f"lockenv/{__version__}", "Accept-Encoding": "gzip"},
        )
        look_up_once(self._client, 2 * patience.read)

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def ask(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str], limit: int
    ) -> Answer:
        """One answer with its whole body, after retries.

        401 and 403 raise; other 4xx are answers.
        """

        def once() -> Answer:
            with self._open(method, url, headers, limit) as stream:
                answer = stream.answer
                body = b"".join(stream.chunks)
            return Answer(status=answer.status, url=answer.url, headers=answer.headers, body=body)

        return self.patiently(url, once)

    def head(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        read_status: int,
        limit: int,
        method: str = "GET",
    ) -> Answer:
        """One answer after retries, whose body is read only if its status is ``read_status``."""

        def once() -> Answer:
            with self._open(method, url, headers, limit) as stream:
                answer = stream.answer
                if answer.status != read_status:
                    return answer
                body = b"".join(stream.chunks)
            return Answer(status=answer.status, url=answer.url, headers=answer.headers, body=body)

        return self.patiently(url, once)

    def patiently(self, url: str, attempt: Callable[[], Answer]) -> Answer:
        """What an attempt gives, tried again after passing trouble as often as patience lasts."""
        pauses = self._patience.pauses()
        while True:
            try:
                return attempt()
            except _PassingError as trouble:
                pause = next(pauses, None)
                asked = trouble.pause
                # A server that asks for more than is left is not waited for.
                if pause is None or (asked is not None and asked > self._patience.longest):
                    raise _network_error(url, trouble) from trouble
            time.sleep(max(pause, asked or 0.0))

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str], limit: int) -> Iterator[Stream]:
        """An answer to be read in pieces: one attempt, for a caller that can resume.

        Passing trouble, while asking or while reading, raises `NetworkError`.
        """
        try:
            with self._open("GET", url, {**headers, "Accept-Encoding": "identity"}, limit) as one:
                yield one
        except _PassingError as trouble:
            raise _network_error(url, trouble) from trouble

    @contextmanager
    def _open(
        self, method: str, url: str, headers: Mapping[str, str], limit: int
    ) -> Iterator[Stream]:
        here = url
        for _ in range(_REDIRECTS + 1):
            request = self._client.build_request(
                method, here, headers={**headers, **self._authorization(here)}
            )
            try:
                response = self._client.send(request, stream=True)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                raise _trouble(here, error) from error
            try:
                place = response.headers.get("location")
                if response.status_code in _REDIRECT_STATUSES and place:
                    here = _follow(here, place)
                    continue
                answer = Answer(
                    status=response.status_code,
                    url=here,
                    headers={name.lower(): value for name, value in response.headers.items()},
                )
                self._judge(answer, sent="authorization" in request.headers)
                yield Stream(answer, _chunks(response, here, limit, 2 * self._patience.read))
                return
            finally:
                response.close()
        raise UnavailableError(
            "redirect-loop",
            f"{redacted(url)} redirects more than {_REDIRECTS} times",
            why=[f"the last address was {redacted(here)}"],
            fix="correct the address of the index or mirror",
        )

    def _authorization(self, url: str) -> dict[str, str]:
        # Asked anew for every address, so a redirect never carries credentials elsewhere.
        pair = self._credentials(url)
        if pair is None:
            return {}
        token = base64.b64encode(f"{pair[0]}:{pair[1]}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def _judge(self, answer: Answer, *, sent: bool) -> None:
        if answer.status in {401, 403, 407}:
            raise _refused(answer, sent=sent)
        if answer.status in _PASSING or answer.status >= 500:
            pause = pause_asked(answer.headers.get("retry-after"), time.time())
            raise _PassingError(f"the server answered {answer.status}", pause)


def pause_before(error: NetworkError, pause: float, longest: float) -> float | None:
    """How long to wait after an error: at least as the server asks; None if that is too long."""
    trouble = error.__cause__
    asked = trouble.pause if isinstance(trouble, _PassingError) else None
    if asked is not None and asked > longest:
        return None
    return max(pause, asked or 0.0)


class _PassingError(Exception):
    """Trouble that may pass; ``pause`` is how long the server asks to wait."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def not_too_slow(chunks: Iterator[bytes], seconds: float) -> Iterator[bytes]:
    """The chunks; `httpx.ReadTimeout` where hardly anything came for so many seconds.

    A server that sends a byte now and then never lets a read time out.
    """
    began, came = time.monotonic(), 0
    for chunk in chunks:
        came += len(chunk)
        now = time.monotonic()
        if now - began > seconds:
            if came < seconds * SLOWEST:
                raise httpx.ReadTimeout(f"{came} bytes came in {now - began:.0f} seconds")
            began, came = now, 0
        yield chunk


def _chunks(response: httpx.Response, url: str, limit: int, patience: float) -> Iterator[bytes]:
    """The body, decoded by ourselves: httpx would inflate a bomb before anybody can count."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip"}:
        raise _PassingError(f"the answer is encoded as {encoding}, which was not asked for")
    inflate = zlib.decompressobj(wbits=31) if encoding in {"gzip", "x-gzip"} else None
    total = 0
    try:
        # As they arrive: a chunker would lose what it holds when the connection breaks.
        for raw in not_too_slow(response.iter_raw(), patience):
            pending = raw
            while pending:
                chunk = pending if inflate is None else inflate.decompress(pending, _CHUNK)
                pending = b"" if inflate is None else inflate.unconsumed_tail
                total += len(chunk)
                if total > limit:
                    raise UnavailableError(
                        "too-large",
                        f"{redacted(url)} is larger than may be",
                        why=[f"the limit is {limit} bytes"],
                        fix="make sure that the address is right",
                    )
                yield chunk
    except (httpx.HTTPError, OSError) as error:
        raise _trouble(url, error) from error
    except zlib.error as error:
        raise _PassingError(f"the body is no sound gzip: {error}") from error
    if inflate is not None and not inflate.eof:
        raise _PassingError("the body ended early")


def _follow(here: str, place: str) -> str:
    try:
        there = urljoin(here, place)
        after = urlsplit(there)
    except ValueError as error:
        raise UnavailableError(
            "bad-redirect",
            f"{redacted(here)} redirects to what is no address",
            why=[str(error)],
            fix="correct the address of the index or mirror",
        ) from error
    before = urlsplit(here)
    problem = ""
    if after.scheme not in {"http", "https"}:
        problem = "that is no web address"
    elif before.scheme == "https" and after.scheme != "https":
        problem = "that leaves TLS"
    elif after.username is not None or after.password is not None:
        problem = "that carries credentials"
    if problem:
        raise UnavailableError(
            "bad-redirect",
            f"{redacted(here)} redirects to {redacted(there)}, and {problem}",
            fix="correct the address of the index or mirror",
        )
    return there


def _trouble(url: str, error: Exception) -> SourceError | _PassingError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnavailableError(
                "untrusted-certificate",
                f"the certificate of {urlsplit(url).hostname} is not trusted",
                why=[str(cause.verify_message or cause)],
                fix="name the authority's certificate with --ca-bundle FILE or SSL_CERT_FILE",
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return UnavailableError(
            "bad-address",
            f"{redacted(url)} is no address to ask",
            why=[str(error)],
            fix="correct the address",
        )
    if isinstance(error, httpx.TimeoutException):
        return _PassingError(f"no answer in time ({type(error).__name__})")
    return _PassingError(str(error) or type(error).__name__)


def _refused(answer: Answer, *, sent: bool) -> UnavailableError:
    host = urlsplit(answer.url).hostname or answer.url
    how = "the credentials that were sent were refused" if sent else "no credentials were sent"
    return UnavailableError(
        "access-refused",
        f"{redacted(answer.url)} refuses access with {answer.status}",
        why=[how],
        fix=[
            "set LOCKENV_INDEX_<NAME>_USERNAME and _PASSWORD, or LOCKENV_INDEX_<NAME>_TOKEN",
            f"or add a line for {host} to the netrc file, or to the keyring",
        ],
    )


def _network_error(url: str, trouble: _PassingError) -> NetworkError:
    why = [str(trouble)]
    if trouble.pause is not None:
        why.append(f"the server asks to wait {trouble.pause:.0f} seconds")
    return NetworkError(
        "network",
        f"{redacted(url)} could not be fetched",
        why=why,
        fix="try again, or name a mirror in the user configuration",
    )


def trust(ca_bundle: Path | None) -> ssl.SSLContext:
    """TLS by the system's trust store, or by a bundle that the user names.

    OpenSSL itself honours SSL_CERT_FILE and SSL_CERT_DIR.
    """
    try:
        if ca_bundle is not None:
            return ssl.create_default_context(cafile=str(ca_bundle))
    except (OSError, ssl.SSLError) as error:
        raise UnavailableError(
            "bad-ca-bundle",
            f"{ca_bundle} is no bundle of certificates",
            why=[str(error)],
            fix="name a PEM file with --ca-bundle",
        ) from error
    if sys.platform != "linux":
        import truststore  # noqa: PLC0415 - only there is it needed and installed

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()
