"""Random access to a file on a server by range requests (RFC 9110, 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import NetworkError
from lockenv.fetch.addresses import redacted

if TYPE_CHECKING:
    from lockenv.fetch.transport import Answer, Transport

#: What is asked for first. Nearly every wheel's directory and metadata lie in it.
TAIL = (1 << 16) + 22  # the longest comment of a zip archive and its last record
#: Nothing that is read by ranges needs a longer piece (the directory of the largest wheels: 4 MiB).
_LONGEST = 64 << 20
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class HttpFile:
    """A file that answers ranges; its tail is already here."""

    def __init__(
        self, transport: Transport, url: str, tail: bytes, size: int, etag: str | None
    ) -> None:
        self.size = size
        self._transport = transport
        self._url = url
        self._etag = etag
        self._known = (size - len(tail), tail)

    def tail(self, count: int) -> bytes:
        """The last bytes."""
        count = min(count, self.size)
        return self.at(self.size - count, count)

    def at(self, offset: int, count: int) -> bytes:
        """Exactly these bytes; those that lie in the known tail cost nothing."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ValueError(f"no bytes {offset}+{count} in a file of {self.size}")
        start, known = self._known
        if offset >= start:
            return known[offset - start : offset - start + count]
        # What lies before the tail is asked for without what is known already.
        missing = min(count, start - offset)
        answer = self._transport.ask(
            self._url,
            headers=_range(f"{offset}-{offset + missing - 1}"),
            limit=min(missing, _LONGEST),
        )
        piece = _piece(answer)
        if piece is None or piece != (offset, self.size) or len(answer.body) != missing:
            raise self._changed()
        if self._etag is not None and answer.headers.get("etag", self._etag) != self._etag:
            raise self._changed()
        if offset + missing == start:
            self._known = (offset, answer.body + known)
        return answer.body + known[: count - missing]

    def _changed(self) -> NetworkError:
        return NetworkError(
            "file-changed",
            f"{redacted(self._url)} changed while it was read, or its server mixes up ranges",
            fix="try again",
        )


#: What `open_remote` says of a server that sends whole files whatever part is asked for.
NO_RANGES = "no ranges"


def open_remote(transport: Transport, url: str) -> HttpFile | str | None:
    """The file at an address; None if it is not there; `NO_RANGES` if its server has no ranges."""
    answer = transport.head(url, headers=_range(f"-{TAIL}"), read_status=206, limit=TAIL)
    if answer.status == 206:
        return _opened(transport, answer)
    if answer.status not in {400, 416, 501}:
        return NO_RANGES if answer.status == 200 else None
    # The server may know ranges but not those that count from the end.
    size = head_size(transport, url)
    if not size:
        return None
    start = max(size - TAIL, 0)
    answer = transport.head(url, headers=_range(f"{start}-{size - 1}"), read_status=206, limit=TAIL)
    return _opened(transport, answer) if answer.status == 206 else None


def head_size(transport: Transport, url: str) -> int | None:
    """How many bytes a file has, if its server says so."""
    answer = transport.head(
        url, headers={"Accept-Encoding": "identity"}, method="HEAD", read_status=-1, limit=0
    )
    length = answer.headers.get("content-length", "")
    if answer.status == 200 and length.isdecimal() and "content-encoding" not in answer.headers:
        return int(length[:18])
    answer = transport.head(url, headers=_range("0-0"), read_status=206, limit=1)
    piece = _piece(answer)
    return piece[1] if piece is not None else None


def _opened(transport: Transport, answer: Answer) -> HttpFile | None:
    piece = _piece(answer)
    if piece is None:
        return None
    offset, size = piece
    if offset + len(answer.body) != size:
        return None
    return HttpFile(transport, answer.url, answer.body, size, answer.headers.get("etag"))


def _piece(answer: Answer) -> tuple[int, int] | None:
    """Where the body of a partial answer begins, and the size of the whole."""
    match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    if answer.status != 206 or match is None:
        return None
    return int(match[1]), int(match[3])


def _range(which: str) -> dict[str, str]:
    return {"Range": f"bytes={which}", "Accept-Encoding": "identity"}
