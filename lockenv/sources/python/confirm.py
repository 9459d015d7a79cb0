"""A locked file against what its index lists now: the index's word for `verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.version import Version

from lockenv.model import Finding
from lockenv.sources.python.locked import canonical_address
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.fetch import Fetcher
    from lockenv.formats.index import ListedFile, Listing
    from lockenv.model import Artifact, Index
    from lockenv.sources.python.indexes import Indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A file of an index as a lock has it; ``yanked`` says that the lock knows that it is."""

    name: str
    version: str
    artifact: Artifact
    index: Index
    yanked: bool = False


def confirm_file(fetcher: Fetcher, indexes: Indexes, locked: LockedFile) -> Iterator[Finding]:
    """In what the index does not say of a file what the lock says.

    Codes: ``hash-differs``, ``size-differs``, ``time-differs``, ``url-differs`` (the lock is not
    to be believed), ``not-listed`` (it cannot be confirmed), LE802. Raises what the index does.
    """
    label = f"{locked.name} {locked.version}"
    found = indexes.listing(locked.name, locked.index.name)
    if found is None:
        yield _finding("not-listed", locked, f"index {locked.index.name} has no {locked.name}")
        return
    _, listing = found
    if listing.status == "quarantined":
        why = f": {listing.status_reason}" if listing.status_reason else ""
        yield _finding("LE802", locked, f"{locked.name} is quarantined by its index{why}")
    listed = _listed(listing, locked)
    if listed is None:
        where = f"index {locked.index.name}"
        yield _finding(
            "not-listed", locked, f"{where} lists no {locked.artifact.name} of {label} any more"
        )
        return
    yield from _hash(fetcher, locked, listed)
    yield from _facts(fetcher, locked, listed, listing)
    if listed.yanked is not None and not locked.yanked:
        why = f": {listed.yanked}" if listed.yanked else ""
        yield _finding("LE802", locked, f"{label} was yanked after it was locked{why}")


def _listed(listing: Listing, locked: LockedFile) -> ListedFile | None:
    try:
        version = str(Version(locked.version))
    except ValueError:
        version = locked.version
    if version not in listing.lines:
        return None
    rows = (row for row in listing.rows(version) if row.filename == locked.artifact.name)
    return next((row.read() for row in rows), None)


def _hash(fetcher: Fetcher, locked: LockedFile, listed: ListedFile) -> Iterator[Finding]:
    digest = locked.artifact.digest
    says = listed.hash_by(digest.algorithm)
    if says is None:
        # An index without strong hashes: only the file itself can tell.
        received, _, _ = fetcher.download(listed.url)
        says = received.hex
    if says != digest.hex:
        message = f"{locked.artifact.name} is locked as {_short(digest.hex)}"
        yield _finding("hash-differs", locked, f"{message}, its index lists {_short(says)}")


def _short(digits: str) -> str:
    return f"{digits[:12]}..."


def _facts(
    fetcher: Fetcher, locked: LockedFile, listed: ListedFile, listing: Listing
) -> Iterator[Finding]:
    artifact = locked.artifact
    size = listed.size if listed.size is not None else fetcher.head_size(listed.url)
    if None not in {artifact.size, size} and artifact.size != size:
        words = f"{artifact.name} is locked with {artifact.size} bytes, its index has {size}"
        yield _finding("size-differs", locked, words)
    times = (artifact.upload_time, listed.upload_time)
    if None not in times and times[0] != times[1]:
        words = f"{artifact.name} is locked as uploaded {times[0]}, its index says {times[1]}"
        yield _finding("time-differs", locked, words)
    place = canonical_address(fetcher, listed.url, listing.mirror, locked.index.url)
    if artifact.url and place and _comparable(artifact.url) != _comparable(place):
        words = f"{artifact.name} is locked with another address than its index gives"
        yield _finding("url-differs", locked, words)


def _comparable(url: str) -> tuple[str, str, str]:
    # Queries may carry signatures that expire.
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2], unquote(parts.path)


def _finding(code: str, locked: LockedFile, message: str) -> Finding:
    severity = "warning" if code == "LE802" else "error"
    return Finding(
        code=code, message=message, layer="python", severity=severity, package=locked.name
    )
