"""The machine's own apt sources as further places of the same archives, asked after the origin.

They change nothing of what is locked: the signature and the hash decide, not the place. An entry is
the same archive where it has the suite, the component ``main``, and an address that ends as the
distribution's own does (``…/debian``); third parties use Debian's suite names for their archives.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockenv.formats.debian import parse_mirror_list, parse_sources, parse_sources_list
from lockenv.settings import parse_prefix
from lockenv.tables.distributions import pockets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.formats.debian import AptSource
    from lockenv.model import System

#: Of the architectures only those matter whose archives differ: Ubuntu keeps its ports elsewhere.
_ARCHITECTURES = ("amd64", "arm64")
_LISTED_IN = "mirror+file:"
ETC_APT = Path("/etc/apt")


def apt_mirrors(system: System, etc_apt: Path = ETC_APT) -> Mapping[str, tuple[str, ...]]:
    """Prefixes of the distribution's archives, each with what the machine's sources have for it."""
    if system.distribution == "none" or not system.suite:
        return {}
    found: dict[str, dict[str, None]] = {}
    sources = list(_sources(etc_apt))
    for architecture in _ARCHITECTURES:
        for pocket in pockets(system.distribution, system.suite, architecture):
            prefix = pocket.url.rstrip("/")
            ending = prefix.rpartition("/")[2]
            for source in sources:
                if pocket.suite not in source.suites or "main" not in source.components:
                    continue
                for address in _addresses(source.uri, etc_apt):
                    if address.rpartition("/")[2] == ending and not _is_same(address, prefix):
                        found.setdefault(prefix, {})[address] = None
    return {prefix: tuple(addresses) for prefix, addresses in sorted(found.items())}


def _is_same(address: str, prefix: str) -> bool:
    return urlsplit(address)[1:3] == urlsplit(prefix)[1:3]


def _addresses(uri: str, etc_apt: Path) -> Iterator[str]:
    """Usable addresses: no credentials, no discs; the lists of ``mirror+file:`` are read."""
    uris: tuple[str, ...] = (uri,)
    if uri.startswith(_LISTED_IN):
        path = "/" + uri.removeprefix(_LISTED_IN).lstrip("/")
        # The folder may stand below another root, and so do the lists that it names.
        listed = etc_apt.parent.parent / path.lstrip("/")
        uris = parse_mirror_list(_read(listed).decode("utf-8", "replace"))
    for one in uris:
        try:
            yield parse_prefix(one)
        except ValueError:
            continue


def _sources(etc_apt: Path) -> Iterator[AptSource]:
    yield from _one_line(etc_apt / "sources.list")
    try:
        paths = sorted((etc_apt / "sources.list.d").iterdir())
    except OSError:
        return
    for path in paths:
        if path.suffix == ".list":
            yield from _one_line(path)
        elif path.suffix == ".sources":
            yield from parse_sources(_read(path))


def _one_line(path: Path) -> tuple[AptSource, ...]:
    return parse_sources_list(_read(path).decode("utf-8", "replace"))


def _read(path: Path) -> bytes:
    # Not by the witnessed way: no answer follows from where bytes may come from.
    try:
        return path.read_bytes()
    except OSError:
        return b""
