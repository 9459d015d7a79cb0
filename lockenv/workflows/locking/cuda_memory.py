"""Why newer versions were not taken, kept in the store: the lock says what holds, not what fell."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lockenv.fetch import open_fetcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lockenv.fetch import StoreFetcher

#: Another number for another form.
_KIND = "cuda-rejected-1"


def remember_rejections(
    fetcher: StoreFetcher, request: Sequence[str], rejected: Mapping[tuple[str, str], Iterable[str]]
) -> None:
    """Keep the reasons by package and chosen version, for one target's request."""
    for (name, version), lines in rejected.items():
        fetcher.remember(_KIND, _key(request, name, version), "\n".join(lines).encode())


def recall_rejections(cache: Path, request: Sequence[str], name: str, version: str) -> list[str]:
    """The reasons that a lock with this request and version had; empty where nobody kept them."""
    with open_fetcher(cache) as memory:
        kept = memory.recall(_KIND, _key(request, name, version))
    return kept.decode("utf-8", "replace").splitlines() if kept else []


def _key(request: Sequence[str], name: str, version: str) -> str:
    return hashlib.sha256("\n".join([name, version, *request]).encode()).hexdigest()
