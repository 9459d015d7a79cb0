"""Where a locked package can be had: the live archive, and the snapshot service.

Debian's snapshot service imports an archive some hours after it was published, and answers a time
with the state at or *before* it; so a Release's own date may give the state before. A file stays
in an archive for more than a day after its last mention, so a few times after the date are asked.
The hash decides in any case.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from lockenv.model import Wanted
from lockenv.tables.distributions import snapshot_of

if TYPE_CHECKING:
    from lockenv.model import ArchiveState, LockedSystemPackage

#: The service imports four times a day; the second time is for an import that came late.
_AFTER_HOURS = (6, 18)
_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"


def snapshot_time(moment: str) -> str:
    """RFC 3339 as the snapshot services write a moment: ``20261122T080000Z``."""
    return moment.replace("-", "").replace(":", "")


def later(moment: str, hours: int) -> str:
    """A moment so many hours later."""
    when = datetime.strptime(moment, _RFC_3339).replace(tzinfo=UTC)
    return (when + timedelta(hours=hours)).strftime(_RFC_3339)


def snapshot_roots(snapshot: str, date: str) -> tuple[str, ...]:
    """The archive's addresses at the snapshot service, at and after a Release's date."""
    times = (*(later(date, hours) for hours in _AFTER_HOURS), date)
    return tuple(snapshot.format(time=snapshot_time(time)) for time in times)


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
