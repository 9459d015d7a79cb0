"""Files of this machine under ``file:`` addresses, answered as a server would."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lockenv.errors import UnavailableError
from lockenv.fetch.port import Page

if TYPE_CHECKING:
    from collections.abc import Iterator


def path_of(url: str) -> Path | None:
    """The path that a ``file:`` address means (RFC 8089), or None for any other address."""
    if not url.startswith("file:"):
        return None
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise UnavailableError(
            "bad-address", f"{url} names a file of another machine", fix="write file:///PATH"
        )
    path = unquote(parts.path)
    # RFC 8089, appendix E.2: file:///c:/PATH.
    has_drive = path[:1] == "/" and path[1:2].isalpha() and path[2:3] == ":"
    return Path(path[1:] if has_drive and os.name == "nt" else path)


def local_page(url: str, path: Path, limit: int) -> Page | None:
    """The file; for a folder its ``index.html``, or else a listing of its files (PEP 691)."""
    try:
        if path.is_dir():
            inside = path / "index.html"
            if not inside.is_file():
                return Page(
                    asked=url,
                    url=url if url.endswith("/") else f"{url}/",
                    content_type="application/vnd.pypi.simple.v1+json",
                    body=_listing(path),
                )
            return _whole(url if url.endswith("/") else f"{url}/", inside, limit)
        return _whole(url, path, limit) if path.is_file() else None
    except OSError as error:
        raise UnavailableError(
            "unreadable",
            f"{path} cannot be read",
            why=[str(error.strerror)],
            fix="correct the path",
        ) from error


def _whole(url: str, path: Path, limit: int) -> Page:
    if path.stat().st_size > limit:
        raise UnavailableError(
            "too-large", f"{path} is larger than {limit} bytes", fix="correct the path"
        )
    kind = {".json": "application/json", ".html": "text/html", ".htm": "text/html"}
    return Page(
        asked=url,
        url=url,
        content_type=kind.get(path.suffix, "application/octet-stream"),
        body=path.read_bytes(),
    )


def _listing(folder: Path) -> bytes:
    def files() -> Iterator[dict[str, object]]:
        for path in sorted(folder.iterdir(), key=lambda one: one.name):
            if path.is_file():
                size = path.stat().st_size
                yield {
                    "filename": path.name,
                    "url": path.absolute().as_uri(),
                    "size": size,
                    "hashes": {},
                }

    return json.dumps({"meta": {"api-version": "1.1"}, "files": list(files())}).encode()


class LocalFile:
    """A `RemoteFile` that is already here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def tail(self, count: int) -> bytes:
        """The last bytes."""
        count = min(count, self.size)
        return self.at(self.size - count, count)

    def at(self, offset: int, count: int) -> bytes:
        """Exactly these bytes."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ValueError(f"no bytes {offset}+{count} in a file of {self.size}")
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(count)
