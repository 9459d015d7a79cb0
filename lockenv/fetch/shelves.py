"""Places that a team shares, where files lie by their hash: a registry, and any HTTP server.

A registry keeps each file as a blob (OCI distribution 1.1); a server keeps it where a bundle does,
at ``blobs/sha256/ab/ab…``, and takes it by PUT. Nothing that they give is believed unhashed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx

from lockenv import __version__
from lockenv.errors import NetworkError, UnavailableError
from lockenv.fetch.addresses import shelf_path
from lockenv.fetch.names import look_up_once
from lockenv.fetch.transport import trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.fetch.options import Credentials, FetchOptions
    from lockenv.fetch.registry import Registry
    from lockenv.model import Digest

#: Answers to a PUT that say that the file is there now (RFC 9110, 9.3.4).
_TAKEN = {200, 201, 202, 204}
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class RegistryShelf:
    """The blobs of one repository. Methods may be called from any thread."""

    def __init__(self, registry: Registry, repository: str) -> None:
        self._registry = registry
        self._repository = repository
        self.name = f"{registry.host}/{repository}"

    def take(self, digest: Digest, size: int | None, target: Path) -> bool:
        """Bring a file to ``target``, verified; False where the repository lacks it."""
        found = self._registry.blob_size(self._repository, str(digest))
        if found is None or size not in {None, found}:
            return False
        self._registry.write_blob(self._repository, str(digest), found, target)
        return True

    def give(self, digest: Digest, file: Path) -> bool:
        """Put a file there; False if it was there."""
        return self._registry.push_blob(self._repository, str(digest), file)


class HttpShelf:
    """A server that takes files by PUT below one address (WebDAV, an object store, Artifactory).

    ``credentials`` are those of the user for the server's origin, from netrc.
    """

    def __init__(self, address: str, options: FetchOptions, credentials: Credentials) -> None:
        self.name = address
        self._address = address
        self._patience = options.patience
        login = credentials(address)
        self._client = httpx.Client(
            verify=trust(options.ca_bundle),
            proxy=options.proxy,
            timeout=httpx.Timeout(options.patience.read, connect=options.patience.connect),
            headers={"User-Agent": f"lockenv/{__version__}"},
            auth=login,
        )
        look_up_once(self._client, 2 * options.patience.read)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def give(self, digest: Digest, file: Path) -> bool:
        """Put a file there; False if it was there."""
        place = f"{self._address}{shelf_path(digest)}"
        there = self._send("HEAD", place)
        if there.status_code == 200:
            return False
        answer = self._send("PUT", place, file)
        if answer.status_code not in _TAKEN:
            raise UnavailableError(
                "shelf-refused",
                f"{self._address} did not take a file",
                why=[f"PUT {place}: status {answer.status_code}"],
                fix=["ask its keeper for the right to write, or check netrc"],
            )
        return True

    def _send(self, method: str, place: str, file: Path | None = None) -> httpx.Response:
        """One request; what may pass is tried again."""
        pauses = self._patience.pauses()
        size = {"Content-Length": str(file.stat().st_size)} if file is not None else {}
        while True:
            content = _pieces(file) if file is not None else None
            try:
                answer = self._client.request(method, place, content=content, headers=size)
                if answer.status_code not in _PASSING:
                    return answer
                said = f"status {answer.status_code}"
            except httpx.TransportError as error:
                said = str(error) or type(error).__name__
            pause = next(pauses, None)
            if pause is None:
                raise NetworkError(
                    "shelf-trouble",
                    f"{self.name} did not answer as it should, several times",
                    why=[f"{method} {place}: {said}"],
                    fix=["run the command again later"],
                )
            time.sleep(pause)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(1 << 20):
            yield piece
