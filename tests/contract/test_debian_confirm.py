"""What signed archives say against locked system packages (`confirm_system`, for `verify`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.model import Archive, Digest, LockedSystemPackage, Origin, System
from lockenv.sources.debian import LockedSystem, confirm_system
from lockenv.values import replace
from tests.contract.test_debian_source import Place
from tests.support.debian_archive import DebianArchive, deb, serve_files, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lockenv.model import Finding


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    archive = DebianArchive()
    archive.add(deb("a", "1.0", depends="b"), deb("b", "1.0"))
    archive.publish("stable")
    with serve_files(archive.files) as server:
        yield Place(tmp_path, archive, server)


def _confirmed(place: Place, locked: LockedSystem) -> list[Finding]:
    archive = Archive(
        name="debian",
        url=place.url,
        suites=place.suites,
        components=place.components,
        signed_by="key.pgp",
    )
    origin = Origin("lockenv.toml", ("system",))
    system = System(distribution="none", archives=(archive,), origin=origin)
    with place.world() as world:
        return list(confirm_system(system, "amd64", locked.packages, locked.archives, world))


def _elsewhere(place: Place, tmp_path: Path) -> Place:
    """The same archive, asked from a machine whose store is empty and keeps no state."""
    return Place(tmp_path / "other", place.archive, place.server)


SWAPS: dict[str, tuple[Callable[[LockedSystemPackage], LockedSystemPackage], str]] = {
    "hash": (lambda one: replace(one, digest=Digest("sha256", "1" * 64)), "hash-differs"),
    "size": (lambda one: replace(one, size=7), "fact-differs"),
    "path": (lambda one: replace(one, path="pool/evil/a.deb"), "fact-differs"),
    "relations": (lambda one: replace(one, relations={}), "fact-differs"),
    "version": (lambda one: replace(one, version="9.0"), "fact-differs"),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_what_the_recorded_state_lists_decides(place: Place, swap: str) -> None:
    locked = place.lock("a")
    assert _confirmed(place, locked) == []
    change, code = SWAPS[swap]
    packages = tuple(change(one) if one.name == "a" else one for one in locked.packages)

    found = _confirmed(place, replace(locked, packages=packages))

    assert [(one.code, one.package) for one in found] == [(code, "a")]


@pytest.mark.parametrize("swap", SWAPS)
def test_the_present_state_decides_where_the_recorded_one_cannot_be_had(
    place: Place, tmp_path: Path, swap: str
) -> None:
    locked = place.lock("a")
    there = _elsewhere(place, tmp_path)
    change, code = SWAPS[swap]
    packages = tuple(change(one) if one.name == "a" else one for one in locked.packages)

    found = _confirmed(there, replace(locked, packages=packages))

    expected = "not-listed" if swap == "version" else code
    assert [(one.code, one.package) for one in found] == [(expected, "a")]


def test_what_an_archive_has_no_more_cannot_be_confirmed(place: Place, tmp_path: Path) -> None:
    locked = place.lock("a")
    place.archive.remove("a")
    place.archive.add(deb("a", "2.0"))
    place.archive.publish("stable", date="2026-02-02T00:00:00Z")
    assert _confirmed(place, locked) == []  # the recorded state is in the store

    found = _confirmed(_elsewhere(place, tmp_path), locked)

    assert [(one.code, one.package) for one in found] == [("not-listed", "a")]


def test_an_archive_of_the_same_date_with_another_release_is_told(
    place: Place, tmp_path: Path
) -> None:
    locked = place.lock("a")
    place.archive.add(deb("c", "1.0"))
    place.archive.publish("stable")

    found = _confirmed(_elsewhere(place, tmp_path), locked)

    assert [one.code for one in found] == ["fact-differs"]


def test_a_stranger_cannot_sign_the_present_state(place: Place, tmp_path: Path) -> None:
    locked = place.lock("a")
    there = _elsewhere(place, tmp_path)
    there.keys = {"key.pgp": place.archive.key.public}
    place.archive.key = signing_key("stranger")
    place.archive.publish("stable", date="2026-02-02T00:00:00Z")

    with pytest.raises(IntegrityError):
        _confirmed(there, locked)


def test_an_archive_that_the_manifest_does_not_name_is_told(place: Place) -> None:
    locked = place.lock("a")
    moved = tuple(replace(one, url="https://other.example/") for one in locked.archives)

    found = _confirmed(place, replace(locked, archives=moved))

    assert [one.code for one in found] == ["LE801"]
