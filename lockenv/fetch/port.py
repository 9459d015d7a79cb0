"""The port of the only room with a network and a store: what other rooms may ask of it.

Pages may change and have a freshness; blobs are named by digest and never change. Every method may
be called from any thread. Errors: `NetworkError`, `UnavailableError`, `IntegrityError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from lockenv.model import Digest, Wanted

T = TypeVar("T")

#: Page files of the store, sorted: path, until when (seconds since 1970), time, size, number.
Trail: TypeAlias = "tuple[tuple[str, float, int, int, int], ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The body of an address at some time.

    ``url`` is where it really came from (after redirects and mirrors), which relative references
    are joined to; ``asked`` is the canonical address. ``mirrored`` says that another address than
    the canonical one was asked.
    """

    asked: str
    url: str
    content_type: str
    body: bytes
    etag: str | None = None
    mirrored: bool = False


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

    def distilled(
        self,
        url: str,
        kind: str,
        distill: Callable[[Page], bytes],
        *,
        accept: str = "*/*",
        limit: int = 64 << 20,
    ) -> bytes | None:
        """What ``distill`` makes of the page at a canonical address, kept instead of the page.

        For pages whose text is much larger or slower to read than what it says. ``kind`` names
        ``distill`` and its version. None and errors as `page` has them; what ``distill`` raises
        passes through, and then nothing is kept.
        """

    @property
    def is_connected(self) -> bool:
        """Whether the network has been used. Where the store has all, work ahead only costs."""

    @property
    def trail(self) -> Trail | None:
        """The page files that all answers so far followed from, besides what never changes.

        While these files stand and are fresh, the same questions have the same answers without the
        network. None where something else was asked: a file of this machine, one whose digest
        nobody knew, a server that was in trouble.
        """

    def would_ask(self, url: str, kind: str, *, accept: str = "*/*") -> bool:
        """Whether `distilled` would have to use the network now."""

    def soon(self, work: Callable[[], T]) -> Future[T]:
        """Work that asks this fetcher, done in one of its threads.

        Work must not wait for other work of the same kind.
        """

    def canonical(self, url: str) -> str:
        """The canonical address of one that a mirrored page gave; itself where none is known."""

    def pinned_page(self, url: str, digest: Digest, *, limit: int = 512 << 20) -> bytes:
        """The bytes with this digest, from the store or the address; kept for ever.

        For an index file of a signed Release, say.
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
