"""A chosen release as the lock pins it (PEP 751's shapes)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockenv.fetch import redacted
from lockenv.model import Artifact, DirectoryPin, LockedPackage
from lockenv.tables.addresses import PYTHON_FILES, PYTHON_INDEX
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.fetch import Fetcher
    from lockenv.sources.python.source import PythonSource
    from lockenv.sources.python.values import Release

#: Where mirrors of the default index put its files: the tail is the same everywhere.
_FILES_TAIL = re.compile(r"/(packages/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/?#]+)$")


def pin(source: PythonSource, release: Release, extras: Iterable[str] = ()) -> LockedPackage:
    """The release with everything that the lock says of it but targets, groups and dependencies.

    Asks for what the index did not say (size, a strong hash), in the cheapest way.
    """
    common = LockedPackage(
        name=release.name,
        version=str(release.version),
        requires_python=source.metadata(release).requires_python,
        extras=tuple(sorted(extras)),
    )
    if release.kind == "directory":
        place = release.asked_path or (release.path.as_posix() if release.path else ".")
        directory = DirectoryPin(
            path=place, editable=release.editable, subdirectory=release.subdirectory
        )
        return replace(common, version=None, directory=directory)
    if release.kind == "vcs":
        return replace(common, vcs=release.vcs)
    digest, size = source.reader.digest_and_size(release)
    artifact = Artifact(
        name=release.file.filename,
        digest=digest,
        size=size,
        url=canonical_url(source.fetcher, release),
        upload_time=release.file.upload_time,
    )
    if release.kind == "archive":
        return replace(
            common,
            archive=artifact,
            archive_path=release.asked_path,
            archive_subdirectory=release.subdirectory,
        )
    return replace(
        common,
        index=index_address(release.index.url) if release.index is not None else None,
        wheels=(artifact,) if release.is_wheel else (),
        sdist=None if release.is_wheel else artifact,
        yanked=release.file.yanked,
    )


def index_address(url: str) -> str:
    """An index as the lock names it; a folder beside the manifest as an address relative to it."""
    return redacted(url) if urlsplit(url).scheme else f"file:{url}"


def canonical_url(fetcher: Fetcher, release: Release) -> str | None:
    """The canonical address of a file; None where only a mirror or this machine has it."""
    index = release.index.url if release.index is not None else ""
    return canonical_address(fetcher, release.file.url, release.mirror, index)


def canonical_address(fetcher: Fetcher, url: str, mirror: str, index: str) -> str | None:
    """The canonical address of what a page of an index, perhaps a mirror's, gives as one."""
    if not mirror:
        return None if url.startswith("file:") else url
    known = fetcher.canonical(url)
    if known != url or url.startswith(PYTHON_FILES):
        return known
    tail = _FILES_TAIL.search(urlsplit(url).path)
    if tail and index.rstrip("/") == PYTHON_INDEX.rstrip("/"):
        return PYTHON_FILES + tail[1]
    # A mirror that passes pages on unchanged names the origin's own addresses.
    return None if urlsplit(url).netloc in {mirror, ""} else url
