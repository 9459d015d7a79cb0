"""Downloads into the store: streamed, hashed as they arrive, resumed after a broken connection."""

from __future__ import annotations

import contextlib
import hashlib
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockenv.errors import IntegrityError, NetworkError, SourceError, UnavailableError
from lockenv.fetch.addresses import redacted
from lockenv.fetch.local import path_of
from lockenv.fetch.store import cannot_write
from lockenv.model import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from lockenv.fetch.options import Patience
    from lockenv.fetch.store import Store
    from lockenv.fetch.transport import Transport
    from lockenv.model import Wanted

#: No file that anybody installs is larger.
LIMIT = 64 << 30
_CHUNK = 1 << 20
#: A connection that brings fewer bytes than this counts as one more failure: a server that sends a
#: little and hangs up, again and again, must not keep anybody waiting for hours.
_PROGRESS = 1 << 18


class _Arrival:
    """One file that is arriving: what has been written, and its digest so far."""

    def __init__(self, path: Path, algorithm: str) -> None:
        self.path = path
        self._algorithm = algorithm
        # What the server calls this state of the file, to be sure that a rest belongs to it.
        self.tag: str | None = None
        self.restart()

    def restart(self) -> None:
        """Forget everything that came."""
        self.size = 0
        self._hash = hashlib.new(self._algorithm)
        self._sha256 = self._hash if self._algorithm == "sha256" else hashlib.sha256()

    def adopt(self) -> None:
        """Take what an earlier attempt left in the file."""
        self.restart()
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._count(chunk)

    def take(self, chunks: Iterable[bytes]) -> None:
        """Append chunks as they come."""
        try:
            with self.path.open("r+b" if self.path.exists() else "wb") as file:
                file.truncate(self.size)
                file.seek(self.size)
                for chunk in chunks:
                    file.write(chunk)
                    self._count(chunk)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        if self._sha256 is not self._hash:
            self._sha256.update(chunk)

    def digest(self) -> Digest:
        """The digest of what has come, by the algorithm that was asked for."""
        return Digest(self._algorithm, self._hash.hexdigest())

    def sha256(self) -> Digest:
        """The sha256 of what has come."""
        return Digest("sha256", self._sha256.hexdigest())


class Downloads:
    """Brings files into one store."""

    def __init__(
        self,
        store: Store,
        transport: Callable[[], Transport],
        patience: Patience,
        unreachable: set[str] | None = None,
    ) -> None:
        self._store = store
        self._transport = transport
        self._patience = patience
        #: Hosts that could not be reached before: they are asked last.
        self._unreachable = set() if unreachable is None else unreachable

    def blob(self, wanted: Wanted, addresses: Sequence[str]) -> Path:
        """The file with the wanted digest, from the first address that has it.

        Other bytes are never accepted: a mirror that serves them is passed over, and if no
        address serves the right ones, that is the error.
        """
        if not addresses:
            raise UnavailableError(
                "no-address",
                f"nothing says where {wanted.name} can be had",
                why=[f"{wanted.where} names no address for it"],
                fix="run `lockenv lock`, which asks the indexes again",
            )
        troubles: list[SourceError | IntegrityError] = []
        for address in sorted(addresses, key=lambda one: urlsplit(one).netloc in self._unreachable):
            try:
                return self._from_address(wanted, address)
            except (SourceError, IntegrityError) as error:
                troubles.append(error)
                # The only place there is keeps all patience.
                if isinstance(error, NetworkError) and len(addresses) > 1:
                    self._unreachable.add(urlsplit(address).netloc)
        raise next((one for one in troubles if isinstance(one, IntegrityError)), troubles[0])

    def _from_address(self, wanted: Wanted, address: str) -> Path:
        arrival = _Arrival(self._store.new_file(), wanted.digest.algorithm)
        partial = self._store.partial_path(wanted.digest)
        resumed = False
        # Only one process can take what an earlier attempt left.
        with contextlib.suppress(OSError):
            partial.replace(arrival.path)
            arrival.adopt()
            resumed = True
        try:
            limit = LIMIT if wanted.size is None else wanted.size
            try:
                self._arrive(arrival, address, limit)
                right = _is_right(arrival, wanted)
            except UnavailableError as error:
                if error.slug != "too-large" or wanted.size is None:
                    raise
                right = False
            if not right and resumed:
                # What was left may have been rotten: once more from the beginning.
                arrival.restart()
                self._arrive(arrival, address, limit)
                right = _is_right(arrival, wanted)
            if not right:
                arrival_digest, size = arrival.digest(), arrival.size
                arrival.restart()
                raise _mismatch(wanted, arrival_digest, size, address)
            return self._store.keep_blob(arrival.path, wanted.digest)
        finally:
            _leave(arrival, partial)

    def download(self, addresses: Sequence[str], limit: int) -> tuple[Digest, int, Path]:
        """A file of which nothing is known, from the first address that has it."""
        trouble: SourceError | None = None
        for address in addresses:
            arrival = _Arrival(self._store.new_file(), "sha256")
            try:
                self._arrive(arrival, address, limit)
                digest = arrival.sha256()
                return digest, arrival.size, self._store.keep_blob(arrival.path, digest)
            except SourceError as error:
                trouble = trouble or error
            finally:
                arrival.path.unlink(missing_ok=True)
        raise trouble or UnavailableError(
            "no-address", "nothing says where the file can be had", fix="name an address"
        )

    def _arrive(self, arrival: _Arrival, address: str, limit: int) -> None:
        """The whole file, going on after each broken connection as long as patience lasts."""
        local = path_of(address)
        if local is not None:
            arrival.restart()
            arrival.take(_read(local, limit))
            return
        # Whoever could not be reached before is asked, and not waited for.
        known = urlsplit(address).netloc in self._unreachable
        pauses = iter(()) if known else self._patience.pauses()
        arrival.tag = None
        while True:
            before = arrival.size
            try:
                self._one_connection(arrival, address, limit)
            except NetworkError as error:
                # Progress renews patience: a large file over a bad line still arrives.
                if arrival.size - before >= _PROGRESS:
                    pauses = self._patience.pauses()
                pause = next(pauses, None)
                if pause is not None:
                    from lockenv.fetch.transport import (  # noqa: PLC0415 - start-up: it loads httpx
                        pause_before,
                    )

                    pause = pause_before(error, pause, self._patience.longest)
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                return

    def _one_connection(self, arrival: _Arrival, address: str, limit: int) -> None:
        headers = {}
        if arrival.size:
            headers["Range"] = f"bytes={arrival.size}-"
            if arrival.tag is not None:
                headers["If-Range"] = arrival.tag
        with self._transport().stream(address, headers=headers, limit=limit) as stream:
            answer = stream.answer
            if answer.status == 416 and arrival.size:
                # Nothing comes after what is here: complete, or not this file; the digest tells.
                return
            if answer.status == 206 and arrival.size:
                if not answer.headers.get("content-range", "").startswith(f"bytes {arrival.size}-"):
                    arrival.restart()
                    raise NetworkError(
                        "bad-range",
                        f"{redacted(address)} answers with another range",
                        fix="try again",
                    )
            elif answer.status == 200:
                arrival.restart()
            else:
                raise _absent(address, answer.status)
            arrival.tag = _strong(answer.headers.get("etag"))
            length = answer.headers.get("content-length", "")
            expected = arrival.size + int(length[:18]) if length.isdecimal() else None
            if expected is not None and expected > limit:
                arrival.restart()
                raise _too_large(address, limit)
            arrival.take(_bounded(stream.chunks, limit - arrival.size, address))
            if expected is not None and arrival.size < expected:
                raise NetworkError("cut-off", f"{redacted(address)} ended early", fix="try again")


def _bounded(chunks: Iterator[bytes], left: int, address: str) -> Iterator[bytes]:
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise _too_large(address, left)
        yield chunk


def _too_large(address: str, limit: int) -> UnavailableError:
    return UnavailableError(
        "too-large",
        f"{redacted(address)} is larger than it may be",
        why=[f"the limit is {limit} bytes"] if limit >= 0 else (),
        fix="make sure that the address is right",
    )


def _strong(etag: str | None) -> str | None:
    # RFC 9110, 13.1.5: If-Range needs a strong validator.
    return etag if etag and not etag.startswith("W/") else None


def _leave(arrival: _Arrival, partial: Path) -> None:
    """Leave what came of an unfinished file to the next attempt, and nothing else behind."""
    with contextlib.suppress(OSError):
        if arrival.size and arrival.path.exists():
            partial.parent.mkdir(parents=True, exist_ok=True)
            arrival.path.replace(partial)
        arrival.path.unlink(missing_ok=True)


def _read(path: Path, limit: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if path.stat().st_size > limit:
                raise _too_large(path.as_uri(), limit)
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError as error:
        raise _absent(str(path), 404) from error
    except OSError as error:
        raise UnavailableError(
            "unreadable",
            f"{path} cannot be read",
            why=[str(error.strerror)],
            fix="correct the path",
        ) from error


def _is_right(arrival: _Arrival, wanted: Wanted) -> bool:
    return arrival.digest() == wanted.digest and wanted.size in {None, arrival.size}


def _absent(address: str, status: int) -> UnavailableError:
    return UnavailableError(
        "gone",
        f"{redacted(address)} is not there",
        why=[f"the answer was {status}"],
        fix="run `lockenv lock`, or name a mirror that has the file",
    )


def _intended(where: str) -> str:
    """How to take another file, by where the hash of this one stands."""
    if where.startswith("lockenv.lock"):
        return "`lockenv lock -P NAME` takes it, review the diff"
    if where == "the manifest":
        return "correct the hash in the manifest"
    return "run `lockenv lock`, review the diff"


def _mismatch(wanted: Wanted, received: Digest, size: int, address: str) -> IntegrityError:
    why = [
        f"locked   {wanted.digest} ({wanted.where})",
        f"received {received} from {redacted(address)}",
    ]
    if received == wanted.digest or (wanted.size is not None and size != wanted.size):
        why = [
            f"locked   {wanted.size} bytes ({wanted.where})",
            f"received {size} bytes or more from {redacted(address)}",
        ]
    return IntegrityError(
        "digest-mismatch",
        f"{wanted.name} is not the file that was locked",
        why=why,
        fix=f"do not use this file; if the change is intended, {_intended(wanted.where)}",
    )
