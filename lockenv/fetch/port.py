"""The port of the only room with a network and a store: what other rooms may ask of it.

Pages may change and have a freshness; blobs are named by digest and never change. Every method may
be called from any thread. Errors: `NetworkError`, `UnavailableError`, `IntegrityError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from lockenv.model import Digest, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The body of an address at some time.

    ``url`` is where it really came from (after redirects and mirrors), which relative references
    are joined to; ``asked`` is the canonical address.
    """

    asked: str
    url: str
    content_type: str
    body: bytes
    etag: str | None = None


class RemoteFile(Protocol):
    """Random access to a file on a server by range requests; seekable, so that zipfile reads it."""

    size: int

    def tail(self, count: int) -> bytes:
        """The last ``count`` bytes (fewer if the file is shorter)."""

    def at(self, offset: int, count: int) -> bytes:
        """Exactly these bytes."""


class Fetcher(Protocol):
    """What the sources, the materializer and the workflows ask."""

    offline: bool

    def page(self, url: str, *, accept: str = "*/*", limit: int = 64 << 20) -> Page | None:
        """The page at a canonical address.

        None for 404 and 410. Fresh pages come from the store; others are revalidated. Mirrors are
        asked instead of the origin where configured. 401 and 403 raise `UnavailableError`, 5xx and
        time-outs `NetworkError` after retries.
        """

    def page_soon(
        self, url: str, *, accept: str = "*/*", limit: int = 64 << 20
    ) -> Future[Page | None]:
        """The same, asked for in the background; asking twice is one request."""

    def pinned_page(self, url: str, digest: Digest, *, limit: int = 512 << 20) -> bytes:
        """The bytes with this digest, from the store or the address (an index file of a signed Release, say).

        Kept for ever.
        """

    def remote(self, url: str) -> RemoteFile | None:
        """The file at a canonical address by ranges, or None where the server has none."""

    def head_size(self, url: str) -> int | None:
        """How many bytes the file at the address has, if the server says so."""

    def blob(self, wanted: Wanted) -> Path:
        """A file of the store with these bytes, verified as they arrived.

        Streams, resumes, tries each mirror and address; never accepts other bytes.
        """

    def blobs(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, Path]]:
        """Many, in parallel, in the order in which they are ready."""

    def download(self, url: str, *, limit: int = 8 << 30) -> tuple[Digest, int, Path]:
        """A file whose digest nobody knows yet: its sha256, size and place in the store."""

    def has_blob(self, digest: Digest) -> Path | None:
        """The file with these bytes if the store has it (not verified again)."""

    def recall(self, kind: str, key: str) -> bytes | None:
        """A remembered fact: what `remember` was given for this immutable key, or None."""

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep a fact that can never change (metadata by file hash, an index by release digest)."""
