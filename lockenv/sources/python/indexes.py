"""What the indexes say about a name: the first that knows it answers alone (index priority)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockenv.errors import InputError, LockenvError, UnavailableError
from lockenv.fetch import Memo, path_of, redacted
from lockenv.formats.index import (
    ACCEPT,
    KEPT_FORM,
    Listing,
    ListingError,
    Row,
    group,
    parse_files,
    parse_listing,
    parse_page,
    render_listing,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lockenv.fetch import Fetcher, Page
    from lockenv.model import Index


class Indexes:
    """Listings by name, from a fetcher."""

    def __init__(self, fetcher: Fetcher, indexes: Sequence[Index], root: Path) -> None:
        self._fetcher = fetcher
        self._indexes = indexes
        self._root = root
        self._flat: Memo[Sequence[Row]] = Memo(lasting=(LockenvError,))
        self._folders: Memo[None] = Memo(lasting=(LockenvError,))

    def listing(self, name: str, only: str | None) -> tuple[Index, Listing] | None:
        """The listing of the index that serves a (normalised) name; ``only`` names that index.

        An index that refuses access or is in trouble raises: the next one is never asked instead,
        for whoever can make an index fail could then choose who answers.
        """
        for index in self._asked(name, only):
            found = (
                self._flat_listing(index, name)
                if index.format == "flat"
                else self._simple(index, name)
            )
            if found is not None:
                return index, found
        return None

    def would_ask(self, name: str) -> bool:
        """Whether the first index would have to be asked over the network about a name."""
        first = next((one for one in self._indexes if not one.explicit), None)
        if first is None or first.format == "flat":
            return False
        return self._fetcher.would_ask(self._page(first, name), KEPT_FORM, accept=ACCEPT)

    def _asked(self, name: str, only: str | None) -> Sequence[Index]:
        if only is None:
            return [index for index in self._indexes if not index.explicit]
        found = [index for index in self._indexes if index.name == only]
        if not found:
            raise InputError(
                "unknown-index",
                f"sources.{name} names the index {only}, which is not declared",
                why=["declared are " + (", ".join(one.name for one in self._indexes) or "none")],
                fix=f"declare an index of the name {only}, or correct sources.{name}",
            )
        return found

    def _simple(self, index: Index, name: str) -> Listing | None:
        self._folders.once(index.name, lambda: self._refuse_other_folder(index))

        def distill(page: Page) -> bytes:
            mirror = (urlsplit(page.url).netloc or "file:") if page.mirrored else ""
            try:
                listing = parse_page(
                    name,
                    page.body,
                    content_type=page.content_type,
                    url=page.url,
                    mirror=mirror,
                )
            except ListingError as error:
                raise _no_page(index, page, error) from error
            return render_listing(listing)

        kept = self._fetcher.distilled(self._page(index, name), KEPT_FORM, distill, accept=ACCEPT)
        return None if kept is None else parse_listing(kept)

    def _refuse_other_folder(self, index: Index) -> None:
        """`SourceError` for a folder that is no index of the simple form: it would know no name."""
        folder = path_of(self._address(index))
        if folder is None:
            return
        if not folder.is_dir():
            raise _gone(index)
        if any(folder.glob("*.whl")):
            raise UnavailableError(
                "not-an-index-page",
                f"the folder of the index {index.name} holds files, not a folder for each name",
                why=[redacted(index.url)],
                fix=f'write format = "flat" for the index {index.name}',
            )

    def _page(self, index: Index, name: str) -> str:
        return f"{self._address(index).rstrip('/')}/{name}/"

    def _flat_listing(self, index: Index, name: str) -> Listing | None:
        files = self._flat.once(index.name, lambda: self._flat_files(index))
        listing = group(name, files, status=("active", ""), mirror="")
        return listing if listing.versions else None

    def _flat_files(self, index: Index) -> Sequence[Row]:
        page = self._fetcher.page(self._address(index), accept=ACCEPT)
        if page is None:
            raise _gone(index)
        try:
            return parse_files(page.body, content_type=page.content_type, url=page.url)
        except ListingError as error:
            raise _no_page(index, page, error) from error

    def _address(self, index: Index) -> str:
        if urlsplit(index.url).scheme in {"https", "http", "file"}:
            return index.url
        return (self._root / index.url).absolute().as_uri()


def _gone(index: Index) -> UnavailableError:
    return UnavailableError(
        "gone",
        f"the index {index.name} is not there",
        why=[redacted(index.url)],
        fix=f"correct the url of the index {index.name}",
    )


def _no_page(index: Index, page: Page, error: ListingError) -> UnavailableError:
    return UnavailableError(
        "not-an-index-page",
        f"what the index {index.name} answers is no page of a Python index",
        why=[f"{redacted(page.url)}: {error}"],
        fix=f"correct the url of the index {index.name}, or its mirror",
    )
