"""From what was chosen to what the lock records: entries, states, and what the user should know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from lockenv.errors import IntegrityError
from lockenv.model import LockedSystemPackage, sha256
from lockenv.sources.debian.universe import FIELD_NAMES
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockenv.model import ArchiveState
    from lockenv.sources.debian.options import Choice
    from lockenv.sources.debian.proposal import Proposal
    from lockenv.sources.debian.system_request import SystemRequest
    from lockenv.sources.debian.universe import Listed

#: Source packages of NVIDIA's driver, in Debian (also for older branches) and Ubuntu.
_DRIVER = re.compile(r"nvidia-graphics-drivers(-.*)?|libnvidia-.*|nvidia-driver.*")
#: Source packages of Debian's Python.
_PYTHON = re.compile(r"python3(\.\d+|-defaults)")
#: As many digits as no file has.
_SIZE = re.compile(r"[0-9]{1,15}", re.ASCII)
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
#: Fields that the lock takes over as they are.
_WORDS = ("source", "priority", "multi-arch", "architecture")
#: What the lock says of what was asked for where the answer is not apt's.
_SEARCHED = "apt itself finds no answer here: this one was found by a search"
_GLIBC = re.compile(r"(?:\d+:)?(\d+\.\d+)")
_UPSTREAM = re.compile(r"(?:\d+:)?(\d+\.\d+(?:\.\d+)?(?:~?(?:a|b|rc)\d+)?)")


@dataclass(frozen=True, slots=True)
class Move:
    """A former pin that moved, and why."""

    name: str
    architecture: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSystem:
    """The system layer of one target, decided and verified.

    ``notes`` are for the user: choices that Debian leaves open, drivers, a search instead of apt's
    answer. ``moves`` are former pins that moved. ``glibc`` is the level that wheels can count on,
    ``epoch`` the newest Date of the archives, ``python`` the version of Debian's interpreter; each
    is None where the layer has no such thing.
    """

    packages: tuple[LockedSystemPackage, ...]
    archives: tuple[ArchiveState, ...]
    notes: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    searched: bool = False
    glibc: str | None = None
    epoch: str | None = None
    python: str | None = None


def record(
    request: SystemRequest,
    proposal: Proposal,
    former: Sequence[LockedSystemPackage],
    former_archives: Sequence[ArchiveState],
    states: Sequence[ArchiveState],
) -> LockedSystem:
    """The lock's entries for a proposal that stands; former entries stay as they were."""
    known = {(one.name, one.architecture, one.version, one.digest.hex): one for one in former}
    choices = {choice.taken: choice for choice in proposal.choices}
    packages = []
    for key, listed in sorted(proposal.chosen.items()):
        entry = known.get((listed.name, _own_architecture(listed), listed.version, listed.sha256))
        note = _choice_note(choices[listed.name]) if listed.name in choices else None
        if entry is None:
            entry = entry_of(listed, recommends=request.system.recommends)
        elif note is None:
            # The tie is not seen again where only former pins are looked at.
            note = entry.note
        asked = proposal.requests.answers.get(key, [])
        if proposal.searched and asked and note is None:
            note = _SEARCHED
        packages.append(
            replace(
                entry,
                roles=_roles(request, proposal, listed),
                requested=tuple(sorted({one.text for one in asked})),
                targets=(request.target,),
                note=note,
            )
        )
    archives = _archives(packages, former_archives, states, request.target)
    return LockedSystem(
        packages=tuple(packages),
        archives=archives,
        notes=tuple(_notes(proposal, packages)),
        searched=proposal.searched,
        glibc=glibc_level(packages),
        epoch=max((state.date for state in archives), default=None),
        python=python_version(packages),
    )


def _own_architecture(listed: Listed) -> str:
    return listed.fields.get("architecture", listed.architecture)


def entry_of(listed: Listed, *, recommends: bool) -> LockedSystemPackage:
    """The lock's entry for a version that an index lists; IntegrityError if it lacks a place."""
    fields = listed.fields
    path, size = fields.get("filename", ""), fields.get("size", "")
    words = (path, *(fields.get(name, "") for name in _WORDS))
    if (
        not path
        or ".." in path.split("/")
        or not _SIZE.fullmatch(size)
        or not _SHA256.fullmatch(listed.sha256)
        or not all(word.isprintable() and "\ufffd" not in word for word in words)
    ):
        raise IntegrityError(
            "bad-index",
            f"the index lists {listed} without a usable path, size and sha256",
            why=(
                f"Filename: {path[:200]!r}",
                f"Size: {size[:40]!r}",
                f"SHA256: {listed.sha256[:80]!r}",
            ),
            fix="tell the archive's publisher",
        )
    relations = {
        label: " ".join(fields[name].split())
        for name, label in FIELD_NAMES.items()
        if fields.get(name) and (name != "recommends" or recommends)
    }
    return LockedSystemPackage(
        name=listed.name,
        version=listed.version,
        architecture=_own_architecture(listed),
        source=listed.source,
        path=path.removeprefix("./"),
        archive=listed.standing.state.key,
        digest=sha256(listed.sha256.lower()),
        size=int(size),
        relations=relations,
        multi_arch=fields.get("multi-arch"),
        essential=fields.get("essential") == "yes",
        priority=fields.get("priority"),
    )


def _roles(request: SystemRequest, proposal: Proposal, listed: Listed) -> tuple[str, ...]:
    roles = set()
    if listed.key in proposal.base:
        roles.add("base")
    asked = {one.text for one in proposal.requests.answers.get(listed.key, [])}
    if asked & {one.relation for one in request.packages}:
        roles.add("requested")
    if asked & {one.relation for one in request.native_libraries}:
        roles.add("native-library")
    if request.interpreter and _PYTHON.fullmatch(listed.source):
        roles.add("interpreter")
    return tuple(sorted(roles or {"dependency"}))


def _archives(
    packages: Iterable[LockedSystemPackage],
    former: Sequence[ArchiveState],
    states: Sequence[ArchiveState],
    target: str,
) -> tuple[ArchiveState, ...]:
    """The states that were looked at, and older ones that packages are still from."""
    used = {package.archive for package in packages}
    found = {state.key: state for state in former if state.key in used}
    found |= {state.key: state for state in states}
    return tuple(replace(found[key], targets=(target,)) for key in sorted(found))


def _choice_note(choice: Choice) -> str:
    return f"one of {len(choice.among)} that provide {choice.asked}: {', '.join(choice.among)}"


def _notes(proposal: Proposal, packages: Sequence[LockedSystemPackage]) -> Iterable[str]:
    for choice in proposal.choices:
        others = ", ".join(name for name in choice.among if name != choice.taken)
        yield (
            f"{choice.taken} was taken for {choice.asked}, as apt does for no reason but the order "
            f"of its index; {others} would do as well: system.prefer decides"
        )
    drivers = [one.name for one in packages if is_driver(one)]
    if drivers:
        yield (
            f"{', '.join(drivers)} belong to NVIDIA's driver, which must be the host's: they are "
            "locked as apt has them, and the host's are put before them"
        )
    if proposal.searched:
        yield _SEARCHED


def is_driver(package: LockedSystemPackage) -> bool:
    """Whether a package is a part of NVIDIA's driver, which belongs to the host."""
    return _DRIVER.fullmatch(package.source.partition(" ")[0]) is not None


class Versioned(Protocol):
    """A package of Debian's with a version, wherever it is."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """Its version."""


def glibc_level(packages: Iterable[Versioned]) -> str | None:
    """The version of glibc that their libc6 is (``2.36``), or None without one."""
    for package in packages:
        if package.name == "libc6" and (match := _GLIBC.match(package.version)):
            return match[1]
    return None


def python_version(packages: Iterable[Versioned]) -> str | None:
    """The version of the interpreter among the packages (``3.11.2``), or None without one."""
    for package in packages:
        if re.fullmatch(r"python3\.\d+-minimal", package.name):
            match = _UPSTREAM.match(package.version)
            return match[1].replace("~", "") if match else None
    return None
