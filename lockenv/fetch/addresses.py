"""Addresses as they may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit


def redacted(url: str) -> str:
    """An address without the credentials and the query that it may hold."""
    parts = urlsplit(url)
    if parts.username is None and parts.password is None and not parts.query:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
