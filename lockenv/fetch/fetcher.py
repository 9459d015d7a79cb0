"""The implementation of the port: pages by freshness, blobs by digest, facts for ever."""

from __future__ import annotations

import hashlib
import shutil
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from lockenv.errors import IntegrityError, NetworkError, SourceError, UnavailableError
from lockenv.fetch.addresses import redacted, shelf_path
from lockenv.fetch.freshness import LONGEST, fresh_for
from lockenv.fetch.hold import using_store
from lockenv.fetch.kept import as_page, as_stored, local_answer, offline_error
from lockenv.fetch.line import DOWNLOADS, Line
from lockenv.fetch.local import LocalFile, local_page, path_of
from lockenv.fetch.memo import Memo
from lockenv.fetch.options import FetchOptions
from lockenv.fetch.store import Store, StoredPage
from lockenv.model import Wanted, sha256
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor
    from pathlib import Path

    from lockenv.fetch.blobs import Downloads
    from lockenv.fetch.options import Mirrors
    from lockenv.fetch.port import Page, RemoteFile, Trail
    from lockenv.fetch.transport import Answer
    from lockenv.model import Digest

T = TypeVar("T")


@contextmanager
def open_fetcher(cache: Path, options: FetchOptions | None = None) -> Iterator[StoreFetcher]:
    """A fetcher on a cache folder; its threads and connections end with the block.

    Nothing is loaded, made or asked before it is needed. Meanwhile nothing is pruned.
    """
    with using_store(cache):
        fetcher = StoreFetcher(cache, options or FetchOptions())
        try:
            yield fetcher
        finally:
            fetcher.close()


class StoreFetcher:
    """A `Fetcher` on a store and a line."""

    def __init__(self, cache: Path, options: FetchOptions) -> None:
        self.offline = options.offline
        self.store = Store(cache)
        self._options = options
        self._line = Line(options)
        self._mirrors: Mirrors = options.mirrors
        self._clock = options.clock
        self._lock = threading.Lock()
        kinds = ("page", "distilled", "blob", "download")
        self._running: dict[str, Memo[object]] = {kind: Memo(keep=False) for kind in kinds}
        self._ahead: dict[str, Future[Page | None]] = {}
        self._refreshed: set[str] = set()
        #: Whether a page was used that was asked for in a former run: the world may know better.
        self.used_kept = False
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._closed = False
        self._no_ranges: set[str] = set()
        self._has_open_ends = False
        self._unreachable: set[str] = set()

    def close(self) -> None:
        """Forget what has not begun, wait for what has, end all threads and connections."""
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self._line.close()

    @property
    def trail(self) -> Trail | None:
        """The pages that all answers followed from; see the port."""
        found = []
        for path, (fresh_until, identity) in list(self.store.used.items()):
            if identity is None or not self._clock() < fresh_until <= self._clock() + LONGEST:
                return None
            found.append((path, fresh_until, *identity))
        return None if self.offline or self._has_open_ends else tuple(sorted(found))

    # -- pages -------------------------------------------------------------------------------------

    def page(self, url: str, *, accept: str = "*/*", limit: int = 64 << 20) -> Page | None:
        """The page at a canonical address; see the port."""
        key = f"{url} {accept}"
        with self._lock:
            ahead = self._ahead.get(key)
        if ahead is not None and (ahead.running() or ahead.done()):
            return ahead.result()
        return self._once("page", key, lambda: self._page(url, accept, limit))

    def page_soon(
        self, url: str, *, accept: str = "*/*", limit: int = 64 << 20
    ) -> Future[Page | None]:
        """The page, asked for in the background; see the port."""
        key = f"{url} {accept}"
        with self._lock:
            known = self._ahead.get(key)
        if known is not None:
            return known
        future = self.soon(lambda: self._once("page", key, lambda: self._page(url, accept, limit)))
        with self._lock:
            self._ahead[key] = future
        return future

    def distilled(
        self,
        url: str,
        kind: str,
        distill: Callable[[Page], bytes],
        *,
        accept: str = "*/*",
        limit: int = 64 << 20,
    ) -> bytes | None:
        """What ``distill`` makes of a page, kept instead of it; see the port."""
        return self._once(
            "distilled",
            f"{kind} {url} {accept}",
            lambda: self._distilled(url, kind, distill, accept, limit),
        )

    @property
    def is_connected(self) -> bool:
        """Whether the network has been used; see the port."""
        return self._line.is_open

    def would_ask(self, url: str, kind: str, *, accept: str = "*/*") -> bool:
        """Whether `distilled` would use the network; see the port."""
        if self.offline or self._is_local(url):
            return False
        key = self._key(url, kind, accept, self._mirrors.candidates(url))
        head = self.store.read_page_head(key)
        return head is None or not self._is_fresh(key, head)

    def soon(self, work: Callable[[], T]) -> Future[T]:
        """Any work on this fetcher, in the background; see the port."""
        with self._lock:
            closed = self._closed
        if not closed:
            with suppress(RuntimeError):  # the pool was closed just now
                return self._pool("pages", self._options.jobs).submit(work)
        from concurrent.futures import Future  # noqa: PLC0415 - start-up, see line.py

        late: Future[T] = Future()
        late.cancel()
        return late

    def _once(self, kind: str, key: str, work: Callable[[], T]) -> T:
        """What ``work`` gives; whoever asks while it runs waits for it instead of asking too."""
        running = self._running[kind]
        return cast("T", running.once(key, work))  # a kind has one type of answer

    def _page(self, url: str, accept: str, limit: int) -> Page | None:
        if self._is_local(url):
            return self._local(url, limit)
        stored = self._current(url, "", None, accept, limit)
        return None if stored is None else as_page(stored[0], stored[1])

    def _distilled(
        self, url: str, kind: str, distill: Callable[[Page], bytes], accept: str, limit: int
    ) -> bytes | None:
        if self._is_local(url):
            page = self._local(url, limit)
            return None if page is None else distill(page)
        stored = self._current(url, kind, distill, accept, limit)
        return None if stored is None else stored[1]

    def _is_local(self, url: str) -> bool:
        """Whether only files of this machine answer for an address: they need no store."""
        return all(address.startswith("file:") for address in self._mirrors.candidates(url))

    def _local(self, url: str, limit: int) -> Page | None:
        self._has_open_ends = True
        for address in self._mirrors.candidates(url):
            path = path_of(address)
            page = None if path is None else local_page(address, path, limit)
            if page is not None:
                return replace(page, asked=url, mirrored=address != url)
        return None

    def _current(
        self,
        url: str,
        kind: str,
        distill: Callable[[Page], bytes] | None,
        accept: str,
        limit: int,
    ) -> tuple[StoredPage, bytes] | None:
        """The stored page, or its distillate, after making sure that it may be used."""
        addresses = tuple(self._mirrors.candidates(url))
        key = self._key(url, kind, accept, addresses)
        stored = self.store.read_page(key)
        if self.offline:
            if stored is None:
                raise offline_error(url)
        elif stored is not None and self._is_fresh(key, stored[0]):
            self.used_kept = self.used_kept or key not in self._refreshed
        else:
            answer, address = self._ask(url, addresses, stored, accept, limit)
            now = self._clock()
            if answer.status == 304 and stored is not None:
                page, body = stored
                page = replace(page, fresh_until=now + fresh_for(answer.headers))
            else:
                page = as_stored(url, answer, mirrored=address != url, now=now)
                body = answer.body if page.status == 200 else b""
                if distill is not None and page.status == 200:
                    body = distill(as_page(page, body))
            self.store.write_page(key, page, body)
            with self._lock:
                self._refreshed.add(key)
            stored = page, body
        return stored if stored[0].status == 200 else None

    def _key(self, url: str, kind: str, accept: str, addresses: Iterable[str]) -> str:
        return "\n".join((kind, accept, url, *addresses))

    def _is_fresh(self, key: str, page: StoredPage) -> bool:
        if self._options.refresh and key not in self._refreshed:
            return False
        # A page from the future was stored by a wrong clock: believing it might last for years.
        return self._clock() < page.fresh_until <= self._clock() + LONGEST

    def _ask(
        self,
        url: str,
        addresses: tuple[str, ...],
        stored: tuple[StoredPage, bytes] | None,
        accept: str,
        limit: int,
    ) -> tuple[Answer, str]:
        """The first address that has the page; else what the origin said, or the last that spoke.

        An address that cannot be reached may have it: then that is told, unless the origin spoke.
        """
        origin = addresses.index(url) if url in addresses else len(addresses)
        said: dict[str, Answer] = {}
        trouble: SourceError | None = None
        for address in self._reachable_first(addresses):
            try:
                answer = self._ask_one(address, stored, accept, limit)
            except SourceError as error:
                # What stands after the origin is nobody's word: whatever is wrong there, let it be.
                if not isinstance(error, NetworkError) and addresses.index(address) <= origin:
                    raise
                self._has_open_ends = True
                self._unreachable.add(urlsplit(address).netloc)
                trouble = trouble or error
                continue
            if answer.status in {200, 304}:
                return answer, address
            said[address] = answer
        if url not in said and trouble is not None:
            raise trouble
        last = url if url in said else next(reversed(said))
        return said[last], last

    def _reachable_first(self, addresses: tuple[str, ...]) -> list[str]:
        """In order, but for those on hosts that could not be reached before: they come last."""
        return sorted(addresses, key=lambda one: urlsplit(one).netloc in self._unreachable)

    def _ask_one(
        self, address: str, stored: tuple[StoredPage, bytes] | None, accept: str, limit: int
    ) -> Answer:
        headers = {"Accept": accept}
        if stored is not None and stored[0].status == 200:
            if stored[0].etag:
                headers["If-None-Match"] = stored[0].etag
            elif stored[0].last_modified:
                headers["If-Modified-Since"] = stored[0].last_modified
        path = path_of(address)
        if path is not None:
            return local_answer(address, local_page(address, path, limit))
        answer = self._line.open().ask(address, headers=headers, limit=limit)
        usable = {200, 304, 404, 410} if len(headers) > 1 else {200, 404, 410}
        if answer.status not in usable:
            raise UnavailableError(
                "bad-answer",
                f"{redacted(address)} answered {answer.status}",
                fix="make sure that the address is right",
            )
        return answer

    # -- bytes that never change -------------------------------------------------------------------

    def pinned_page(self, url: str, digest: Digest, *, limit: int = 512 << 20) -> bytes:
        """The bytes with this digest; see the port."""
        path = self.store.has_blob(digest)
        if path is not None:
            body = path.read_bytes()
            if hashlib.new(digest.algorithm, body).hexdigest() == digest.hex:
                return body
            path.unlink(missing_ok=True)
        name = redacted(url).rpartition("/")[2]
        wanted = Wanted(name=name, digest=digest, urls=(url,), where=redacted(url))
        path = self.blob(wanted)
        if path.stat().st_size > limit:
            raise UnavailableError(
                "too-large",
                f"{redacted(url)} is larger than {limit} bytes",
                fix="correct the address",
            )
        return path.read_bytes()

    def remote(self, url: str) -> RemoteFile | None:
        """The file by ranges; see the port."""
        for address in self._mirrors.candidates(url):
            path = path_of(address)
            if path is not None and path.is_file():
                return LocalFile(path)
            host = urlsplit(address).netloc
            if path is not None or self.offline or host in self._no_ranges:
                continue
            from lockenv.fetch.remote import open_remote  # noqa: PLC0415 - start-up, see line.py

            try:
                file = open_remote(self._line.open(), address)
            except NetworkError:
                self._has_open_ends = True
                continue
            if isinstance(file, str):
                self._no_ranges.add(host)
            elif file is not None:
                return file
        return None

    def head_size(self, url: str) -> int | None:
        """How many bytes the file has; see the port."""
        for address in self._mirrors.candidates(url):
            path = path_of(address)
            if path is not None and path.is_file():
                return path.stat().st_size
            if path is not None or self.offline:
                continue
            from lockenv.fetch.remote import head_size  # noqa: PLC0415 - start-up, see line.py

            size = head_size(self._line.open(), address)
            if size is not None:
                return size
        self._has_open_ends = True
        return None

    def blob(self, wanted: Wanted) -> Path:
        """A file of the store with the wanted bytes; see the port."""
        if not wanted.digest.is_strong:
            raise IntegrityError(
                "weak-digest",
                f"{wanted.name} is known by {wanted.digest.algorithm} alone, which proves nothing",
                why=[f"{wanted.digest} ({wanted.where})"],
                fix="run `lockenv lock`, which records a sha256",
            )
        return self.store.has_blob(wanted.digest, wanted.size) or self._once(
            "blob", str(wanted.digest), lambda: self._blob(wanted)
        )

    def _blob(self, wanted: Wanted) -> Path:
        placed = self._from_places(wanted)
        if placed is not None:
            return placed
        shelved = [
            f"{shelf}{shelf_path(wanted.digest)}"
            for shelf in self._options.shelves
            if not self.offline or shelf.startswith("file:")
        ]
        addresses = (*shelved, *self._addresses(wanted.urls))
        if not addresses and (wanted.urls or (wanted.listed and self.offline)):
            raise offline_error(wanted.name)
        try:
            if addresses:
                return self._downloads().blob(wanted, addresses)
        except UnavailableError as error:
            listed = self._listed(wanted) if error.slug == "gone" else ()
            if not set(listed) - set(addresses):
                raise
            return self._downloads().blob(wanted, listed)
        return self._downloads().blob(wanted, self._listed(wanted))

    def _listed(self, wanted: Wanted) -> tuple[str, ...]:
        """Where the file's index says that it lies now."""
        finder = self._options.finder
        if finder is None or wanted.listed is None or self.offline:
            return ()
        return self._addresses(finder(self, wanted))

    def _from_places(self, wanted: Wanted) -> Path | None:
        """The file from the first place that has it and gives it whole."""
        if self.offline:
            return None
        for place in self._options.places:
            arrived = self.store.new_file()
            with suppress(SourceError, IntegrityError):
                if place.take(wanted.digest, wanted.size, arrived):
                    return self.store.keep_blob(arrived, wanted.digest)
            arrived.unlink(missing_ok=True)
        return None

    def _addresses(self, urls: Iterable[str]) -> tuple[str, ...]:
        """Where to ask for canonical addresses, each once; offline only on this machine."""
        found = dict.fromkeys(one for url in urls for one in self._mirrors.candidates(url))
        return tuple(one for one in found if not self.offline or one.startswith("file:"))

    def blobs(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, Path]]:
        """Many files in parallel; see the port."""
        missing: list[Wanted] = []
        for one in wanted:
            path = self.store.has_blob(one.digest, one.size) if one.digest.is_strong else None
            if path is None:
                missing.append(one)
            else:
                yield one, path
        from concurrent.futures import as_completed  # noqa: PLC0415 - start-up, see line.py

        pool = self._pool("blobs", DOWNLOADS)
        # The largest first: what takes longest must not begin last.
        missing.sort(key=lambda one: (-(one.size or 0), one.name, one.digest))
        futures = {pool.submit(self.blob, one): one for one in missing}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()

    def download(self, url: str, *, limit: int = 8 << 30) -> tuple[Digest, int, Path]:
        """A file whose digest nobody knows; see the port."""
        self._has_open_ends = True
        addresses = self._addresses((url,))
        if not addresses:
            raise offline_error(url)
        return self._once("download", url, lambda: self._downloads().download(addresses, limit))

    def has_blob(self, digest: Digest) -> Path | None:
        """The file if the store has it; see the port."""
        return self.store.has_blob(digest)

    def keep_file(self, file: Path) -> tuple[Digest, Path]:
        """Take a file of our own making into the store; its digest and place there."""
        with file.open("rb") as content:
            digest = sha256(hashlib.file_digest(content, "sha256").hexdigest())
        arrived = self.store.new_file()
        shutil.copyfile(file, arrived)
        return digest, self.store.keep_blob(arrived, digest)

    # -- facts -------------------------------------------------------------------------------------

    def recall(self, kind: str, key: str) -> bytes | None:
        """A remembered fact; see the port."""
        return self.store.read_fact(kind, key)

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep a fact; see the port."""
        self.store.write_fact(kind, key, data)

    def canonical(self, url: str) -> str:
        """The canonical address of one that a mirror gave; see the port."""
        return self._mirrors.canonical(url)

    # -- inside ------------------------------------------------------------------------------------

    def _pool(self, name: str, size: int) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up, see line.py

        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                pool = self._pools[name] = ThreadPoolExecutor(size, thread_name_prefix=name)
            return pool

    def _downloads(self) -> Downloads:
        from lockenv.fetch.blobs import Downloads  # noqa: PLC0415 - start-up, see line.py

        return Downloads(self.store, self._line.open, self._options.patience, self._unreachable)
