"""What the room is told from outside: patience, places, credentials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeAlias

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lockenv.fetch.port import Fetcher
    from lockenv.model import Digest, Wanted

#: The user name and password for an address, or None; called for every request.
Credentials: TypeAlias = "Callable[[str], tuple[str, str] | None]"


class Mirrors(Protocol):
    """Where bytes come from instead of their canonical address."""

    def candidates(self, url: str) -> Sequence[str]:
        """The addresses to try for a canonical one, in order; never empty."""

    def canonical(self, url: str) -> str:
        """The canonical address of one that a mirror gave; itself where none is known."""


class Shelf(Protocol):
    """A place where files lie by their hash, such as a registry."""

    name: str

    def take(self, digest: Digest, size: int | None, target: Path) -> bool:
        """Bring a file to ``target``, verified; False where the place lacks it.

        Raises `SourceError` for trouble and `IntegrityError` for other bytes. Called from any
        thread.
        """


class NoMirrors:
    """Every address is asked itself."""

    def candidates(self, url: str) -> Sequence[str]:
        """The address alone."""
        return (url,)

    def canonical(self, url: str) -> str:
        """The address itself."""
        return url


def no_credentials(url: str) -> tuple[str, str] | None:  # noqa: ARG001 - the shape of `Credentials`
    """Nobody is known anywhere."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long passing trouble is borne; all times in seconds.

    Pauses double from ``first`` on; none is longer than ``longest``, which also bounds what a
    server may ask for.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 30.0
    connect: float = 10.0
    read: float = 30.0

    def pauses(self) -> Iterator[float]:
        """The pause before each further attempt."""
        pause = self.first
        for _ in range(self.attempts - 1):
            yield min(pause, self.longest)
            pause *= 2


#: Connections at once, if the user's settings do not say: pages are small and far away.
JOBS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """Where bytes come from, and how.

    ``refresh`` asks for every page again; ``offline`` asks for none. ``proxy`` and ``ca_bundle``
    are the user's; without them the environment's proxies and the system's trust store hold.
    ``shelves`` are addresses (ending in ``/``) below which blobs lie by hash, as in a bundle; they
    are asked before the files' own addresses, and so are ``places``.
    ``finder`` reads what a file's index says now, where its own addresses do not have it.
    ``clock`` gives seconds since 1970.
    """

    mirrors: Mirrors = field(default_factory=NoMirrors)
    credentials: Credentials = no_credentials
    offline: bool = False
    refresh: bool = False
    jobs: int = JOBS
    proxy: str | None = None
    ca_bundle: Path | None = None
    patience: Patience = Patience()
    shelves: tuple[str, ...] = ()
    places: tuple[Shelf, ...] = ()
    finder: Callable[[Fetcher, Wanted], tuple[str, ...]] | None = None
    clock: Callable[[], float] = time.time
