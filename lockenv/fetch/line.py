"""The network, opened when it is first used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockenv.fetch.options import FetchOptions
    from lockenv.fetch.transport import Transport

#: Large files at once: more only share the line, and each is hashed and written here.
DOWNLOADS = 8


class Line:
    """The network, opened when it is first used: loading httpx takes longer than a warm lock."""

    def __init__(self, options: FetchOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._transport: Transport | None = None

    def open(self) -> Transport:
        """The transport, made once."""
        with self._lock:
            if self._transport is None:
                from lockenv.fetch.transport import Transport  # noqa: PLC0415 - start-up

                self._transport = Transport(
                    self._options, connections=self._options.jobs + DOWNLOADS
                )
            return self._transport

    @property
    def is_open(self) -> bool:
        """Whether anybody has used it."""
        return self._transport is not None

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()
