"""The distributions that lockenv knows: where their archives and snapshots are, and who signs them.

Other archives are declared in the manifest (``[[system.archive]]``).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files

from lockenv.tables.addresses import (
    DEBIAN,
    DEBIAN_SECURITY,
    DEBIAN_SNAPSHOT,
    UBUNTU,
    UBUNTU_PORTS,
    UBUNTU_SNAPSHOT,
)
from lockenv.values import dataclass

#: The service imports four times a day; the second time is for an import that came late.
_AFTER_HOURS = (6, 18)
_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"
#: Debian's suites that have neither updates nor security nor backports of their own.
_ROLLING = frozenset({"sid", "unstable", "experimental", "rc-buggy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pocket:
    """One suite of a distribution's archive that a manifest's suite stands for.

    ``kind`` is release, updates, security or backports.
    """

    kind: str
    archive: str
    url: str
    suite: str


def _debian(suite: str) -> tuple[Pocket, ...]:
    release = Pocket(kind="release", archive="debian", url=DEBIAN, suite=suite)
    if suite in _ROLLING:
        return (release,)
    return (
        release,
        Pocket(kind="updates", archive="debian", url=DEBIAN, suite=f"{suite}-updates"),
        Pocket(
            kind="security",
            archive="debian-security",
            url=DEBIAN_SECURITY,
            suite=f"{suite}-security",
        ),
        Pocket(kind="backports", archive="debian", url=DEBIAN, suite=f"{suite}-backports"),
    )


def _ubuntu(suite: str, architecture: str) -> tuple[Pocket, ...]:
    # Ubuntu keeps the ports (everything but amd64 and i386) on a server of their own.
    url = UBUNTU if architecture in {"amd64", "i386"} else UBUNTU_PORTS
    return tuple(
        Pocket(
            kind=kind,
            archive="ubuntu",
            url=url,
            suite=suite + ending,
        )
        for kind, ending in (
            ("release", ""),
            ("updates", "-updates"),
            ("security", "-security"),
            ("backports", "-backports"),
        )
    )


def pockets(distribution: str, suite: str, architecture: str) -> tuple[Pocket, ...]:
    """What a suite of a distribution consists of, in apt's customary order; ValueError."""
    if distribution == "debian":
        return _debian(suite)
    if distribution == "ubuntu":
        return _ubuntu(suite, architecture)
    raise ValueError(f"not a distribution: {distribution!r}")


def snapshot_of(url: str) -> str:
    """Where the snapshot service keeps the archive at a live address, with ``{time}``, or empty."""
    return {
        DEBIAN: DEBIAN_SNAPSHOT + "archive/debian/{time}/",
        DEBIAN_SECURITY: DEBIAN_SNAPSHOT + "archive/debian-security/{time}/",
        UBUNTU: UBUNTU_SNAPSHOT + "{time}/",
        UBUNTU_PORTS: UBUNTU_SNAPSHOT + "{time}/",
    }.get(url, "")


def snapshot_time(moment: str) -> str:
    """RFC 3339 as the snapshot services write a moment: ``20261122T080000Z``."""
    return moment.replace("-", "").replace(":", "")


def later(moment: str, hours: int) -> str:
    """A moment so many hours later."""
    when = datetime.strptime(moment, _RFC_3339).replace(tzinfo=UTC)
    return (when + timedelta(hours=hours)).strftime(_RFC_3339)


def snapshot_roots(snapshot: str, date: str) -> tuple[str, ...]:
    """The archive's addresses at the snapshot service, at and after a Release's date.

    Debian's service imports an archive some hours after it was published, and answers a time with
    the state at or *before* it; so a Release's own date may give the state before. A file stays in
    an archive for more than a day after its last mention, so a few times after the date are asked.
    """
    times = (*(later(date, hours) for hours in _AFTER_HOURS), date)
    return tuple(snapshot.format(time=snapshot_time(time)) for time in times)


@lru_cache(maxsize=4)
def keyring(distribution: str) -> bytes:
    """The public keys that sign the distribution's archives (OpenPGP certificates).

    They are those of Debian's packages debian-archive-keyring 2025.1 and ubuntu-keyring
    2023.11.28.1.
    """
    place = files("lockenv.tables").joinpath("data", "keyrings", f"{distribution}.pgp")
    return place.read_bytes()
