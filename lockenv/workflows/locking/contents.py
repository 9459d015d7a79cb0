"""What the wheels of an answer write: asked at most once for each file, remembered for ever."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.formats.contents import LISTING_KIND, Listing, parse_listing
from lockenv.sources.python import PythonCandidate
from lockenv.tables.cuda_names import is_mentioned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.fetch import StoreFetcher
    from lockenv.resolve import Resolution
    from lockenv.sources.python import Release


class Contents:
    """The lists of files of wheels, from the store, else by a range of each, side by side."""

    def __init__(self, fetcher: StoreFetcher) -> None:
        self._fetcher = fetcher
        self._known: dict[str, Listing | None] = {}

    def of(self, resolution: Resolution) -> Mapping[str, Listing]:
        """The files of each wheel of an answer, by its name and version (``numpy 2.3.1``).

        What no server tells before it is fetched is left out: nothing is promised of it.
        """
        wheels = dict(_wheels(resolution))
        missing = [one for one in wheels.values() if _key(one) not in self._known]
        unread = [one for one in missing if not self._recalled(one)]
        # Where the metadata came without the archive's tail: one range each, all at once.
        for waiting in [self._fetcher.soon(partial(self._read, one)) for one in unread]:
            waiting.result()
        found = {name: self._known[_key(release)] for name, release in wheels.items()}
        return {name: listing for name, listing in found.items() if listing is not None}

    def may_have_cuda(self, resolution: Resolution) -> bool:
        """Whether an answer holds anything in which CUDA has a say: by name, or by its files."""
        if any(is_mentioned(identifier.name) for identifier in resolution.pins):
            return True
        return any(listing.shows_cuda for listing in self.of(resolution).values())

    def _recalled(self, release: Release) -> bool:
        digits = release.file.hash_by("sha256")
        kept = self._fetcher.recall(LISTING_KIND, digits) if digits else None
        found = None if kept is None else parse_listing(kept)
        if found is not None:
            self._known[_key(release)] = found
        return found is not None

    def _read(self, release: Release) -> None:
        from lockenv.sources.cuda import WheelFile, wheel_directory  # noqa: PLC0415 - start-up

        file = release.file
        wheel = WheelFile(
            package=release.name,
            version=str(release.version),
            file=file.filename,
            sha256=file.hash_by("sha256"),
            url=file.url,
            size=file.size,
        )
        try:
            self._known[_key(release)] = wheel_directory(wheel, self._fetcher)
        except IntegrityError:
            # Installing refuses such a file with its own message; here it only says nothing.
            self._known[_key(release)] = None


def _wheels(resolution: Resolution) -> Iterator[tuple[str, Release]]:
    for identifier, candidate in resolution.pins.items():
        if identifier.qualifier or not isinstance(candidate, PythonCandidate):
            continue
        if candidate.release.is_wheel:
            yield f"{identifier.name} {candidate.version_text}", candidate.release


def _key(release: Release) -> str:
    return release.file.hash_by("sha256") or release.file.url
