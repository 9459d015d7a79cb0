"""A file on a server as a seekable one, for readers of archives that seek."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from lockenv.fetch.port import RemoteFile


class SeekableRemote(io.RawIOBase):
    """Reads by ranges, unbuffered: wrap it where small reads are many. Seeks stop at the start."""

    def __init__(self, remote: RemoteFile) -> None:
        self._remote = remote
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move there."""
        start = (0, self._position, self._remote.size)[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill the buffer with what comes next; fewer bytes at the end."""
        view = memoryview(cast("bytearray", buffer))  # io hands in a writable buffer
        count = max(0, min(len(view), self._remote.size - self._position))
        view[:count] = self._remote.at(self._position, count)
        self._position += count
        return count
