"""Addresses as they may be shown, and where a bundle keeps a file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from lockenv.model import Digest


def redacted(url: str) -> str:
    """An address without the credentials and the query that it may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address: nobody knows where in it a password may stand
        return f"{url.partition('://')[0][:10]}://..."
    if parts.username is None and parts.password is None and not parts.query:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def shelf_path(digest: Digest) -> str:
    """Where a file lies in a bundle, and below the address of a shared store."""
    return f"blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"
