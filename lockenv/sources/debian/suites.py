"""The suites of a target: their signed states, and their indexes in the store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lockenv.errors import InputError, IntegrityError, SourceError, UnavailableError
from lockenv.formats.debian import parse_release
from lockenv.model import ArchiveState, sha256
from lockenv.sources.debian.signatures import Keyring, Signed, verify_signed
from lockenv.sources.debian.universe import Standing
from lockenv.tables.distributions import (
    keyring,
    pockets,
    snapshot_of,
    snapshot_roots,
    snapshot_time,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lockenv.fetch import Fetcher
    from lockenv.formats.debian import Release
    from lockenv.model import Archive, System

#: What a fact is remembered under: the verified text of a Release by its sha256.
RELEASE_FACT = "debian-release"
#: Debian's largest Release (sid's) has 0.2 MB.
_LARGEST_RELEASE = 16 << 20
#: apt's priorities: usual; backports; NotAutomatic without ButAutomaticUpgrades (experimental).
_USUAL, _BACKPORTS, _NOT_AUTOMATIC = 500, 100, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite that is asked for: where it is, who signs it, and what of it is wanted.

    A flat archive's suite ends in a slash (or is one), and has no components. ``snapshot`` is the
    address of the same archive in the past, with ``{time}``, or empty.
    """

    archive: str
    url: str
    suite: str
    components: tuple[str, ...]
    architectures: tuple[str, ...]
    keyring: Keyring
    priority: int | None = None
    check_valid_until: bool = True
    snapshot: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether the indexes lie beside the Release, without components."""
        return self.suite.endswith("/")

    @property
    def folder(self) -> str:
        """Where its Release lies, relative to the archive."""
        if self.is_flat:
            return self.suite.removeprefix("./").lstrip("/")
        return f"dists/{self.suite}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What locking needs from outside: the fetcher, a folder for indexes, the time, and keyrings.

    ``now`` and ``as_of`` are RFC 3339 in UTC with seconds. ``keyrings`` maps what ``signed-by``
    names to the file's content.
    """

    fetcher: Fetcher
    cache_dir: Path
    now: str
    as_of: str | None = None
    keyrings: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class OpenSuite:
    """A suite at a verified state; ``root`` is the archive's address it was read from."""

    suite: Suite
    release: Release
    state: ArchiveState
    root: str

    @property
    def standing(self) -> Standing:
        """How its packages rank."""
        release = self.release
        priority = self.suite.priority
        if priority is None:
            priority = _USUAL
            if release.not_automatic:
                priority = _BACKPORTS if release.automatic_upgrades else _NOT_AUTOMATIC
        return Standing(
            state=self.state,
            priority=priority,
            suite=release.suite,
            codename=release.codename,
            version=release.version,
        )


def suites_of(
    system: System, architecture: str, keyrings: Mapping[str, bytes]
) -> tuple[Suite, ...]:
    """The suites that ``[system]`` asks for on an architecture, in order; InputError."""
    architectures = (architecture, *system.architectures)
    found: list[Suite] = []
    if system.distribution != "none":
        if not system.suite:
            raise InputError(
                "no-suite",
                "system.suite is missing",
                fix='write suite = "trixie" (or another suite) into [system]',
            )
        own = Keyring(name=system.distribution, data=keyring(system.distribution))
        for pocket in pockets(system.distribution, system.suite, architecture):
            if pocket.kind == "backports" and not system.backports:
                continue
            found.append(
                Suite(
                    archive=pocket.archive,
                    url=pocket.url,
                    suite=pocket.suite,
                    components=system.components,
                    architectures=architectures,
                    keyring=own,
                    check_valid_until=system.check_valid_until,
                    snapshot=snapshot_of(pocket.url),
                )
            )
    for archive in system.archives:
        found += _declared(archive, system, architectures, keyrings)
    return tuple(found)


def _declared(
    archive: Archive, system: System, architectures: tuple[str, ...], keyrings: Mapping[str, bytes]
) -> list[Suite]:
    signed_by = archive.signed_by or system.distribution
    if signed_by in keyrings:
        ring = Keyring(name=signed_by, data=keyrings[signed_by])
    elif signed_by in {"debian", "ubuntu"}:
        ring = Keyring(name=signed_by, data=keyring(signed_by))
    else:
        raise InputError(
            "no-keyring",
            f"the archive {archive.name} has no keyring",
            why=(f"signed-by = {signed_by!r} is neither a file nor a distribution",),
            fix=f'write signed-by = "FILE" with the public key of {archive.url}',
        )
    wanted = tuple(name for name in architectures if name in (archive.architectures or (name,)))
    url = archive.url if archive.url.endswith("/") else archive.url + "/"
    return [
        Suite(
            archive=archive.name,
            url=url,
            suite=suite,
            components=archive.components,
            architectures=wanted,
            keyring=ring,
            priority=archive.priority,
            check_valid_until=archive.check_valid_until,
            snapshot=snapshot_of(url),
        )
        for suite in archive.suites
        if wanted
    ]


# -- signed states --------------------------------------------------------------------------------


def open_suites(suites: Sequence[Suite], world: World) -> list[OpenSuite]:
    """Every suite at its present state, or at that of ``as_of``; all are asked for at once."""
    roots = [_root(suite, world) for suite in suites]
    for suite, root in zip(suites, roots, strict=True):
        world.fetcher.page_soon(root + suite.folder + "InRelease", limit=_LARGEST_RELEASE)
    return [_open(suite, root, world) for suite, root in zip(suites, roots, strict=True)]


def _root(suite: Suite, world: World) -> str:
    if world.as_of and suite.snapshot:
        return suite.snapshot.format(time=snapshot_time(world.as_of))
    return suite.url


def _open(suite: Suite, root: str, world: World) -> OpenSuite:
    signed = _signed(suite, root, world)
    try:
        release = parse_release(signed.text)
    except ValueError as error:
        raise IntegrityError(
            "bad-release",
            f"the Release of {root}{suite.folder} cannot be read",
            why=(str(error),),
            fix="tell its publisher",
        ) from None
    _check_dates(suite, release, world)
    digest = hashlib.sha256(signed.text).hexdigest()
    world.fetcher.remember(RELEASE_FACT, digest, signed.text)
    return OpenSuite(suite, release, _state(suite, release, digest, signed.signer), root)


def _state(suite: Suite, release: Release, digest: str, signer: str) -> ArchiveState:
    origin = release.origin
    if release.label and release.label != origin:
        origin = f"{origin}, {release.label}" if origin else release.label
    return ArchiveState(
        name=suite.archive,
        url=suite.url,
        suite=suite.suite,
        release=sha256(digest),
        date=release.date,
        signer=signer,
        origin=origin,
        codename=release.codename,
        components=suite.components,
    )


def _signed(suite: Suite, root: str, world: World) -> Signed:
    place = root + suite.folder
    page = world.fetcher.page(place + "InRelease", limit=_LARGEST_RELEASE)
    if page is not None:
        return verify_signed(place + "InRelease", page.body, None, suite.keyring)
    page = world.fetcher.page(place + "Release", limit=_LARGEST_RELEASE)
    signature = world.fetcher.page(place + "Release.gpg", limit=_LARGEST_RELEASE)
    if page is None:
        raise UnavailableError(
            "no-such-suite",
            f"there is no suite {suite.suite} at {root}",
            why=(f"{place}InRelease and Release are not there",),
            fix="check system.suite, system.archive and the mirrors of your configuration",
        )
    if signature is None:
        raise IntegrityError(
            "unsigned-archive",
            f"{place}Release is not signed",
            why=("neither InRelease nor Release.gpg is there",),
            fix="sign the archive, or do without it: unsigned archives are never used",
        )
    return verify_signed(place + "Release", page.body, signature.body, suite.keyring)


def _check_dates(suite: Suite, release: Release, world: World) -> None:
    if world.as_of and not suite.snapshot and release.date > world.as_of:
        raise InputError(
            "no-snapshot",
            f"the archive {suite.archive} cannot be read as of {world.as_of}",
            why=(f"its Release is of {release.date}", "no snapshot service is known for it"),
            fix=f"lock without as-of, or do without the archive {suite.archive}",
        )
    until = release.valid_until
    if until is None or world.as_of or not suite.check_valid_until or world.now <= until:
        return
    raise IntegrityError(
        "release-expired",
        f"the Release of {suite.suite} at {suite.url} has expired",
        why=(f"it is of {release.date} and was valid until {until}", f"now it is {world.now}"),
        fix=(
            "use a mirror that is kept up to date",
            "or set as-of, or check-valid-until = false, if you mean this old state",
        ),
    )


def reopen(suite: Suite, state: ArchiveState, world: World) -> OpenSuite | None:
    """A suite at a state that a lock recorded; None where that cannot be had any more.

    The digest in the lock vouches for the text, so neither signature nor dates are looked at.
    """
    text = world.fetcher.recall(RELEASE_FACT, state.release.hex)
    roots = snapshot_roots(suite.snapshot, state.date) if suite.snapshot else ()
    root = roots[0] if roots else suite.url
    for place in roots if text is None else ():
        text = _from_snapshot(suite, place, state, world)
        if text is not None:
            root = place
            break
    if text is None:
        return None
    try:
        return OpenSuite(suite, parse_release(text), state, root)
    except ValueError:
        return None


def _from_snapshot(suite: Suite, root: str, state: ArchiveState, world: World) -> bytes | None:
    try:
        signed = _signed(suite, root, world)
    except (SourceError, IntegrityError):
        # The recorded state is a preference: without it the live one is asked.
        return None
    if hashlib.sha256(signed.text).hexdigest() != state.release.hex:
        return None
    world.fetcher.remember(RELEASE_FACT, state.release.hex, signed.text)
    return signed.text
