"""Requirements as a lock writes them, and whether a pin answers one (PEP 508, PEP 440)."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.model import LockedPackage


def canonical_requirement(requirement: Requirement, *, marker: bool = True) -> str:
    """Its one spelling: normalised name, sorted extras, sorted specifier without blanks.

    A url stands after ``" @ "``; the marker is kept as `packaging` writes it, or left out.
    """
    extras = ",".join(sorted({canonicalize_name(extra) for extra in requirement.extras}))
    text = canonicalize_name(requirement.name) + (f"[{extras}]" if extras else "")
    text += f" @ {requirement.url}" if requirement.url else str(requirement.specifier)
    if marker and requirement.marker is not None:
        text += f"{' ' if requirement.url else ''}; {requirement.marker}"
    return text


@lru_cache(maxsize=1 << 14)
def parsed_requirement(text: str) -> Requirement:
    """The requirement; ValueError if it is none. Callers must not change it."""
    try:
        requirement = Requirement(text)
    except ValueError as error:
        raise ValueError(str(error)) from None
    requirement.name = canonicalize_name(requirement.name)
    return requirement


@lru_cache(maxsize=1 << 14)
def admits(specifier: str, version: str) -> bool:
    """Whether a version fits; a locked pre-release counts: it was chosen knowingly."""
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except ValueError:
        return False


@lru_cache(maxsize=1 << 12)
def is_prerelease(version: str) -> bool:
    """Whether PEP 440 calls it a pre-release; what is no version is none."""
    try:
        return Version(version).is_prerelease
    except ValueError:
        return False


def answers(package: LockedPackage, requirement: Requirement) -> bool:
    """Whether a pin has what is asked: the version, and the place where a url names one.

    A local directory has no version in a lock, so it answers every specifier.
    """
    if requirement.url:
        return _is_from(package, requirement.url)
    if package.version is None or not requirement.specifier:
        return True
    return admits(str(requirement.specifier), package.version)


def _is_from(package: LockedPackage, url: str) -> bool:
    address = url.partition("#")[0]
    if package.vcs is not None:
        return address.removeprefix(f"{package.vcs.type}+").startswith(package.vcs.url)
    if package.archive is not None:
        return package.archive_path is not None or package.archive.url == address
    return package.directory is not None


def is_still_at(
    package: LockedPackage | None, requirement: Requirement, former: Iterable[Requirement]
) -> bool:
    """Whether a url means the place that the pin was locked for by others of its name.

    What a pin has of a local place or of a revision does not tell which words led there, so the
    former requirements do. A hash is met by the locked file, or stood there before.
    """
    if requirement.url is None:
        return True
    place, hashes = _place(requirement.url)
    before = [_place(one.url) for one in former if one.url]
    known = {one for _, given in before for one in given}
    if package is not None and package.archive is not None:
        digest = package.archive.digest
        known.add(f"{digest.algorithm}={digest.hex}")
    return place in {one for one, _ in before} and hashes <= known


def _place(url: str) -> tuple[tuple[str, str], frozenset[str]]:
    """The address with its subdirectory, and the hashes that stand in it."""
    address, _, fragment = url.partition("#")
    words = [word.partition("=") for word in fragment.split("&") if word]
    inner = next((value for key, _, value in words if key == "subdirectory"), "")
    hashes = frozenset(
        f"{key}={value}" for key, _, value in words if key not in {"subdirectory", "egg"}
    )
    return (address, posixpath.normpath(inner)), hashes


def holds(requirement: Requirement, markers: Mapping[str, str], extras: Iterable[str]) -> bool:
    """Whether its marker is true on a target, for the package itself or an activated extra."""
    if requirement.marker is None:
        return True
    text = str(requirement.marker)
    environment = tuple(markers.items())
    if "extra" not in text:
        return _evaluated(text, environment, "")
    return any(_evaluated(text, environment, extra) for extra in ("", *extras))


@lru_cache(maxsize=1 << 14)
def _evaluated(marker: str, environment: tuple[tuple[str, str], ...], extra: str) -> bool:
    requirement = parsed_requirement(f"x; {marker}")
    if requirement.marker is None:
        return True
    return requirement.marker.evaluate({**dict(environment), "extra": extra})
