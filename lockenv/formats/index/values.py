"""Times, hashes, names and addresses of the pages of indexes, made canonical or refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote, urljoin, urlsplit

from lockenv.formats.index.listing import ListingError

#: PEP 629: a page of another major version must not be guessed at.
_MAJOR = 1
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def normal_time(text: str) -> str | None:
    """A time as RFC 3339 in UTC, cut to seconds; None if it is none."""
    if _TIME.fullmatch(text):
        return text[:19] + "Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_version(version: str) -> None:
    """`ListingError` for a page of the Simple API that is too new."""
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) > _MAJOR:
        raise ListingError(
            f"it is of version {version} of the Simple API, and 1 is the newest known"
        )


#: The hashes that indexes give (PEP 503, 691), by the length that each has.
_DIGEST = re.compile(
    r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}"
    r"|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}"
)


def digest_of(text: str) -> str | None:
    """``algorithm:hex`` in lower case, if it is the digest of a known algorithm."""
    lowered = text.lower()
    return lowered if _DIGEST.fullmatch(lowered) else None


def is_plain(filename: str) -> bool:
    """Whether a file name is printable and no path."""
    return bool(filename) and filename.isprintable() and not {"/", "\\"} & set(filename)


def join(base: str, reference: str) -> str:
    """The absolute address of a link on a page; `ListingError` if it is none of a file."""
    # Most references are absolute, and joining is slow.
    if reference.startswith(("https://", "http://")) and " " not in reference:
        return reference if reference.isascii() else quote(reference, safe=_URL_SAFE)
    joined = absolute(base, reference.strip())
    if urlsplit(joined).scheme not in {"https", "http", "file"}:
        raise ListingError(f"it links to {joined[:100]!r}, which is no address of a file")
    return quote(joined, safe=_URL_SAFE, errors="replace")


def absolute(base: str, reference: str) -> str:
    """A reference on a page, made absolute; `ListingError` if it is none."""
    try:
        return urljoin(base, reference)
    except ValueError:  # such as a bracket without its other half, where a host should be
        raise ListingError(f"it links to {reference[:100]!r}, which is no address") from None


#: Everything that may stand in an address as it is.
_URL_SAFE = "%/:=&?~#+!$,;'@()*[]-._"
