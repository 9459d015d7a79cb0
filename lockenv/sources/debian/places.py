"""Where a locked package can be had: the live archive, and the snapshot service.

The hash decides in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lockenv.model import Wanted
from lockenv.tables.distributions import snapshot_of, snapshot_roots

if TYPE_CHECKING:
    from lockenv.model import ArchiveState, LockedSystemPackage


def addresses(package: LockedSystemPackage, state: ArchiveState) -> tuple[str, ...]:
    """Every address of a locked package, the live archive's first."""
    path = quote(package.path.removeprefix("./"), safe="/:+~@!$&'()*,;=%-._")
    found = [state.url + path]
    snapshot = snapshot_of(state.url)
    if snapshot:
        found += [root + path for root in snapshot_roots(snapshot, state.date)]
    return tuple(found)


def wanted_package(
    package: LockedSystemPackage, state: ArchiveState, where: str = "lockenv.lock"
) -> Wanted:
    """What to ask the fetcher for."""
    return Wanted(
        name=package.path.rpartition("/")[2],
        digest=package.digest,
        urls=addresses(package, state),
        size=package.size,
        where=where,
    )
