"""Answers as they are stored, stored pages as they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import UnavailableError
from lockenv.fetch.addresses import redacted
from lockenv.fetch.freshness import fresh_for
from lockenv.fetch.port import Page
from lockenv.fetch.store import StoredPage

if TYPE_CHECKING:
    from lockenv.fetch.transport import Answer


def local_answer(address: str, page: Page | None) -> Answer:
    """What a file of this machine answers as a server would; it is never fresh."""
    from lockenv.fetch.transport import Answer  # noqa: PLC0415 - start-up, see line.py

    if page is None:
        return Answer(status=404, url=address, headers={})
    headers = {"content-type": page.content_type, "cache-control": "no-cache"}
    return Answer(status=200, url=page.url, headers=headers, body=page.body)


def as_page(stored: StoredPage, body: bytes) -> Page:
    """The page as the port has it."""
    return Page(
        asked=stored.asked,
        url=stored.url,
        content_type=stored.content_type,
        body=body,
        etag=stored.etag,
        mirrored=stored.mirrored,
    )


def as_stored(url: str, answer: Answer, *, mirrored: bool, now: float) -> StoredPage:
    """An answer as it is stored."""
    return StoredPage(
        status=404 if answer.status == 410 else answer.status,
        asked=url,
        url=answer.url,
        content_type=answer.headers.get("content-type", ""),
        etag=answer.headers.get("etag"),
        last_modified=answer.headers.get("last-modified"),
        fresh_until=now + fresh_for(answer.headers),
        mirrored=mirrored,
    )


def offline_error(what: str) -> UnavailableError:
    """What to say of something that only the network has."""
    return UnavailableError(
        "offline",
        f"{redacted(what)} is not in the store",
        why=["lockenv is offline"],
        fix="run once without --offline, or copy the store of a machine that has it",
    )
