"""The system layer against a real archive on 127.0.0.1: signatures, digests, states, re-locks."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import (
    InputError,
    IntegrityError,
    LockenvError,
    NetworkError,
    NoSolutionError,
    UnavailableError,
)
from lockenv.fetch import FetchOptions, Patience, open_fetcher
from lockenv.model import Archive, Origin, System, SystemPackage
from lockenv.sources.debian import (
    Kept,
    LockedSystem,
    SystemRequest,
    World,
    addresses,
    lock_system,
    verify_closure,
    wanted_package,
)
from lockenv.tables.addresses import DEBIAN, DEBIAN_SNAPSHOT
from lockenv.workflows.locking.cuda_system import admits_majors
from tests.support.debian_archive import (
    DebianArchive,
    Files,
    Redirected,
    deb,
    serve_files,
    signing_key,
    snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

NOW = "2026-01-03T00:00:00Z"


@dataclass
class Place:
    """A machine that locks: its store, the archive it reaches, and what its manifest says."""

    folder: Path
    archive: DebianArchive
    server: Files
    suites: tuple[str, ...] = ("stable",)
    components: tuple[str, ...] = ("main",)
    now: str = NOW
    as_of: str | None = None
    check_valid_until: bool = True
    url: str = DEBIAN
    keys: Mapping[str, bytes] = field(default_factory=dict)

    @contextmanager
    def world(self, *, offline: bool = False, refresh: bool = True) -> Iterator[World]:
        mirrors = Redirected(
            {DEBIAN: self.server.url, DEBIAN_SNAPSHOT: self.server.url + "snapshot/"}
        )
        options = FetchOptions(
            mirrors=mirrors,
            offline=offline,
            refresh=refresh,
            patience=Patience(attempts=1, first=0.01),
        )
        with open_fetcher(self.folder / "cache", options) as fetcher:
            yield World(
                fetcher=fetcher,
                cache_dir=self.folder / "cache" / "system",
                now=self.now,
                as_of=self.as_of,
                keyrings=self.keys or {"key.pgp": self.archive.key.public},
            )

    def lock(
        self,
        *packages: str,
        kept: Kept | None = None,
        base: bytes | None = b"",
        interpreter: tuple[str, ...] = (),
        admits: Callable[[str, str], bool] | None = None,
        **system: object,
    ) -> LockedSystem:
        origin = Origin("lockenv.toml", ("system", "packages", 0))
        archive = Archive(
            name="debian",
            url=self.url,
            suites=self.suites,
            components=self.components,
            signed_by="key.pgp",
            check_valid_until=self.check_valid_until,
        )
        asked = tuple(SystemPackage(relation=text, origin=origin) for text in packages)
        request = SystemRequest(
            target="gpu",
            system=System(
                distribution="none",
                archives=(archive,),
                origin=origin,
                **system,  # type: ignore[arg-type]  # a test's own keywords
            ),
            architecture="amd64",
            packages=asked,
            interpreter=tuple(SystemPackage(relation=text, origin=origin) for text in interpreter),
            base=base,
            admits=admits,
        )
        with self.world() as world:
            return lock_system(request, world, kept)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    archive = DebianArchive()
    archive.add(deb("a", "1.0", depends="b"), deb("b", "1.0"), deb("c", "1.0"))
    archive.publish("stable")
    with serve_files(archive.files) as server:
        yield Place(tmp_path, archive, server)


def _versions(locked: LockedSystem) -> dict[str, str]:
    return {package.name: package.version for package in locked.packages}


def _kept(locked: LockedSystem, **more: object) -> Kept:
    return Kept(packages=locked.packages, archives=locked.archives, **more)  # type: ignore[arg-type]  # upgrade


def test_a_closure_is_locked_with_digests_places_and_the_state_it_is_from(place: Place) -> None:
    locked = place.lock("a")

    a, b = locked.packages
    assert (a.name, a.roles, a.requested) == ("a", ("requested",), ("a",))
    assert (b.name, b.roles, b.requested) == ("b", ("dependency",), ())
    assert a.relations == {"Depends": "b"}
    assert a.path == "pool/main/a_1.0_amd64.deb"
    (state,) = locked.archives
    assert a.archive == state.key == "debian stable 2026-01-02T00:00:00Z"
    assert state.signer == place.archive.key.fingerprint
    assert locked.epoch == "2026-01-02T00:00:00Z"
    assert not verify_closure(locked.packages, "amd64")


def test_every_address_of_a_package_serves_the_locked_bytes(place: Place) -> None:
    locked = place.lock("a")
    package, state = locked.packages[0], locked.archives[0]
    copies = snapshot(place.archive, "debian", "20260102T060000Z")
    place.server.files.update({f"snapshot/{path}": data for path, data in copies.items()})
    del place.server.files[package.path]

    with place.world() as world:
        path = world.fetcher.blob(wanted_package(package, state))

    assert path.read_bytes().startswith(b"!<arch>")
    assert addresses(package, state) == (
        f"{DEBIAN}{package.path}",
        f"{DEBIAN_SNAPSHOT}archive/debian/20260102T060000Z/{package.path}",
        f"{DEBIAN_SNAPSHOT}archive/debian/20260102T180000Z/{package.path}",
        f"{DEBIAN_SNAPSHOT}archive/debian/20260102T000000Z/{package.path}",
    )


@pytest.mark.parametrize("endings", [(".gz",), (".xz",), (".zst",), ("",)])
def test_indexes_are_read_in_every_compression(place: Place, endings: tuple[str, ...]) -> None:
    for path in [path for path in place.archive.files if path.startswith("dists/")]:
        del place.archive.files[path]
    place.archive.publish("stable", endings=endings, by_hash=False)

    assert _versions(place.lock("a")) == {"a": "1.0", "b": "1.0"}


def test_a_detached_signature_is_as_good(place: Place) -> None:
    place.archive.publish("stable", signature="Release.gpg")

    assert place.lock("a").archives[0].signer == place.archive.key.fingerprint


@pytest.mark.parametrize("suite", ["./", "/"])
def test_flat_archives_have_no_components(place: Place, suite: str) -> None:
    flat = DebianArchive(pool="")
    flat.add(deb("tool", "2.0"), deb("tool", "1.0"))
    flat.publish(suite, by_hash=False)
    place.server.files.clear()
    place.server.files.update(flat.files)
    place.suites, place.components = (suite,), ()

    assert _versions(place.lock("tool")) == {"tool": "2.0"}
    assert _versions(place.lock("tool=1.0")) == {"tool": "1.0"}


def test_a_cuda_release_in_a_version_is_a_fact_and_no_order(place: Place) -> None:
    """As NVIDIA's flat repository has libnccl2: a higher release sorts above, whatever runs."""
    flat = DebianArchive(pool="")
    for version in ("2.32.3-1+cuda13.5", "2.32.3-1+cuda12.9", "2.30.7-1+cuda13.1"):
        flat.add(deb("libnccl2", version))
    flat.publish("/", by_hash=False, endings=(".gz",))
    place.server.files.clear()
    place.server.files.update(flat.files)
    place.suites, place.components = ("/",), ()

    newest = place.lock("libnccl2")

    assert _versions(newest) == {"libnccl2": "2.32.3-1+cuda13.5"}
    kept = Kept(packages=newest.packages, archives=newest.archives)
    for major, version in ((12, "2.32.3-1+cuda12.9"), (13, "2.32.3-1+cuda13.5")):
        chosen = place.lock("libnccl2", kept=kept, admits=admits_majors([major]))
        assert _versions(chosen) == {"libnccl2": version}
    with pytest.raises(NoSolutionError):
        place.lock("libnccl2", admits=admits_majors([11]))


def _replaced(place: Place, name: str, old: bytes, new: bytes) -> None:
    data = place.server.files[name]
    assert old in data
    place.server.files[name] = data.replace(old, new)


def test_a_tampered_release_is_refused(place: Place) -> None:
    _replaced(place, "dists/stable/InRelease", b"Origin: Test", b"Origin: Tost")

    with pytest.raises(IntegrityError, match="is not signed by a key") as caught:
        place.lock("a")
    assert place.archive.key.fingerprint in "".join(caught.value.why)


def test_text_before_the_signed_part_is_refused(place: Place) -> None:
    data = place.server.files["dists/stable/InRelease"]
    place.server.files["dists/stable/InRelease"] = b"Date: never\n\n" + data

    with pytest.raises(IntegrityError):
        place.lock("a")


@pytest.mark.parametrize("signature", ["InRelease", "Release.gpg"])
def test_the_signature_of_another_key_is_refused_with_both_keys(
    place: Place, signature: str
) -> None:
    place.keys = {"key.pgp": signing_key("somebody-else").public}
    place.archive.publish("stable", signature=signature)

    with pytest.raises(IntegrityError, match="is not signed by a key") as caught:
        place.lock("a")
    text = "\n".join(caught.value.why)
    assert signing_key("somebody-else").fingerprint in text
    assert "signed by " in text
    assert "signed by nobody" not in text


def test_an_unsigned_archive_is_refused(place: Place) -> None:
    place.archive.publish("stable", signature="none")

    with pytest.raises(IntegrityError, match="is not signed"):
        place.lock("a")


def test_an_expired_release_is_refused_but_for_the_past(place: Place) -> None:
    place.archive.publish("stable", valid_until="2026-01-02T12:00:00Z")

    with pytest.raises(IntegrityError, match="has expired") as caught:
        place.lock("a")
    assert "valid until 2026-01-02T12:00:00Z" in caught.value.why[0]
    assert NOW in caught.value.why[1]
    place.check_valid_until = False
    assert _versions(place.lock("a")) == {"a": "1.0", "b": "1.0"}


def test_as_of_reads_the_archive_at_the_snapshot_service(place: Place) -> None:
    place.archive.publish("stable", valid_until="2026-01-02T12:00:00Z")
    copies = snapshot(place.archive, "debian", "20260102T235959Z")
    place.archive.add(deb("a", "2.0"))
    place.archive.publish("stable", date="2026-01-05T00:00:00Z")
    place.server.files.update({f"snapshot/{path}": data for path, data in copies.items()})
    place.now, place.as_of = "2026-06-01T00:00:00Z", "2026-01-02T23:59:59Z"

    locked = place.lock("a")

    assert _versions(locked) == {"a": "1.0", "b": "1.0"}
    assert locked.archives[0].url == DEBIAN


def test_as_of_refuses_an_archive_that_has_no_past(place: Place) -> None:
    place.url = place.server.url
    place.as_of = "2026-01-01T23:59:59Z"

    with pytest.raises(InputError, match="cannot be read as of 2026-01-01"):
        place.lock("a")
    place.as_of = "2026-01-02T23:59:59Z"
    assert _versions(place.lock("a")) == {"a": "1.0", "b": "1.0"}


def test_a_tampered_index_is_refused_with_both_digests(place: Place) -> None:
    for path in list(place.server.files):
        if "/by-hash/" in path:
            place.server.files[path] = place.server.files[path][:-1] + b"x"

    with pytest.raises(IntegrityError) as caught:
        place.lock("a")
    assert "sha256:" in "\n".join(caught.value.why)


def test_a_tampered_index_without_names_by_hash_is_refused(place: Place) -> None:
    place.archive.publish("stable", by_hash=False)
    place.server.files["dists/stable/main/binary-amd64/Packages.gz"] = b"not it"

    with pytest.raises(IntegrityError):
        place.lock("a")


def test_a_mirror_in_the_middle_of_its_sync_is_trouble_that_passes(place: Place) -> None:
    for path in [path for path in place.server.files if "/by-hash/" in path]:
        del place.server.files[path]
    for ending in ("gz", "xz"):
        place.server.files[f"dists/stable/main/binary-amd64/Packages.{ending}"] = b"of yesterday"

    with pytest.raises(NetworkError, match="is not the file that the signed Release lists"):
        place.lock("a")


@pytest.mark.parametrize("ending", ["gz", "xz"])
def test_an_index_that_a_mirror_lacks_is_taken_in_another_compression(
    place: Place, ending: str
) -> None:
    for path in [path for path in place.server.files if "/by-hash/" in path]:
        del place.server.files[path]
    place.server.files[f"dists/stable/main/binary-amd64/Packages.{ending}"] = b"of yesterday"

    assert _versions(place.lock("a")) == {"a": "1.0", "b": "1.0"}


def test_mirrors_without_names_by_hash_serve_as_well(place: Place) -> None:
    for path in [path for path in place.server.files if "/by-hash/" in path]:
        del place.server.files[path]

    assert _versions(place.lock("a")) == {"a": "1.0", "b": "1.0"}


def test_an_index_that_grows_past_what_is_listed_is_refused(place: Place) -> None:
    text = place.archive.index("main", "amd64")
    size = f" {len(text)} main/binary-amd64/Packages\n".encode()
    # The archive itself lists a wrong size: its own fault, told as such.
    signed = place.server.files["dists/stable/InRelease"]
    body = signed.split(b"\n\n", 1)[1].split(b"-----BEGIN PGP SIGNATURE")[0]
    assert size in body
    release = body.replace(size, b" 10 main/binary-amd64/Packages\n").rstrip(b"\n") + b"\n"
    place.archive.sign("dists/stable/", release, "InRelease")

    with pytest.raises(IntegrityError, match="cannot be decompressed"):
        place.lock("a")


def test_a_tampered_package_is_refused(place: Place) -> None:
    locked = place.lock("a")
    package, state = locked.packages[0], locked.archives[0]
    place.server.files[package.path] = b"!<arch>\nsomething else"

    with place.world() as world, pytest.raises(IntegrityError):
        world.fetcher.blob(wanted_package(package, state))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"components": ("mein",)}, "no component mein"),
        ({"suites": ("unstable",)}, "no suite unstable"),
    ],
)
def test_what_the_archive_does_not_have_is_told(
    place: Place, change: dict[str, tuple[str, ...]], words: str
) -> None:
    for name, value in change.items():
        setattr(place, name, value)

    with pytest.raises((InputError, UnavailableError), match=words):
        place.lock("a")


def test_a_missing_keyring_is_told_with_the_line_to_add(place: Place) -> None:
    place.keys = {"other.pgp": b""}

    with pytest.raises(InputError, match="has no keyring"):
        place.lock("a")


# -- locking again ---------------------------------------------------------------------------------


def test_nothing_changes_when_the_archive_moves_on(place: Place) -> None:
    first = place.lock("a")
    place.archive.remove("b")
    place.archive.add(deb("b", "1.1"), deb("a", "1.1", depends="b (>= 1.1)"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")
    asked = len(place.server.asked)

    again = place.lock("a", kept=_kept(first))

    assert again == first
    assert len(place.server.asked) == asked


def test_an_addition_is_sought_at_the_recorded_state_first(place: Place) -> None:
    first = place.lock("a")
    place.archive.add(deb("c", "2.0", depends="b (>= 2.0)"), deb("b", "2.0"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")

    again = place.lock("a", "c", kept=_kept(first))

    assert _versions(again) == {"a": "1.0", "b": "1.0", "c": "1.0"}
    assert again.archives == first.archives
    assert not again.moves


@pytest.mark.parametrize("signature", ["InRelease", "Release.gpg"])
def test_another_machine_finds_the_recorded_state_at_the_snapshot_service(
    place: Place, tmp_path: Path, signature: str
) -> None:
    place.archive.publish("stable", signature=signature)
    first = place.lock("a")
    past = snapshot(place.archive, "debian", "20260102T060000Z")
    place.archive.remove("b")
    place.archive.add(deb("c", "2.0", depends="b (>= 2.0)"), deb("b", "2.0"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")
    place.server.files.update({f"snapshot/{path}": data for path, data in past.items()})
    place.folder = tmp_path / "another machine"

    again = place.lock("a", "c", kept=_kept(first))

    assert _versions(again) == {"a": "1.0", "b": "1.0", "c": "1.0"}
    assert again.archives == first.archives
    assert not again.moves
    # What the live archive no longer has comes from there, and the other way round.
    with place.world() as world:
        (b,) = [package for package in again.packages if package.name == "b"]
        world.fetcher.blob(wanted_package(b, again.archives[0]))
        (c,) = [package for package in again.packages if package.name == "c"]
        for path in [path for path in place.server.files if path.startswith("snapshot/")]:
            del place.server.files[path]
        world.fetcher.blob(wanted_package(c, again.archives[0]))


def test_an_addition_stands_beside_old_pins_where_the_recorded_state_is_gone(
    place: Place, tmp_path: Path
) -> None:
    first = place.lock("a")
    place.archive.remove("b")
    place.archive.add(deb("b", "1.1"), deb("d", "1.0", depends="b"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")
    place.folder = tmp_path / "another machine"

    again = place.lock("a", "d", kept=_kept(first))

    assert _versions(again) == {"a": "1.0", "b": "1.0", "d": "1.0"}
    assert not again.moves
    assert [state.date for state in again.archives] == [
        "2026-01-02T00:00:00Z",
        "2026-01-02T12:00:00Z",
    ]
    assert {package.name: package.archive[-20:] for package in again.packages} == {
        "a": "2026-01-02T00:00:00Z",
        "b": "2026-01-02T00:00:00Z",
        "d": "2026-01-02T12:00:00Z",
    }


def test_an_addition_moves_the_fewest_pins_and_says_why(place: Place, tmp_path: Path) -> None:
    first = place.lock("a", "c")
    place.archive.add(deb("b", "1.1"), deb("c", "1.1"), deb("d", "1.0", depends="b (>= 1.1)"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")
    place.folder = tmp_path / "another machine"

    again = place.lock("a", "c", "d", kept=_kept(first))

    assert _versions(again) == {"a": "1.0", "b": "1.1", "c": "1.0", "d": "1.0"}
    (move,) = again.moves
    assert (move.name, move.old, move.new) == ("b", "1.0", "1.1")
    assert move.reason == "d 1.0 needs b (>= 1.1)"


def test_what_is_asked_for_no_longer_goes_with_what_it_brought(place: Place) -> None:
    first = place.lock("a", "c")

    again = place.lock("c", kept=_kept(first))

    assert _versions(again) == {"c": "1.0"}


def test_upgrading_one_package_moves_all_binaries_of_its_source(place: Place) -> None:
    place.archive.add(
        deb("ssl", "1.0", source="openssl", depends="libssl"),
        deb("libssl", "1.0", source="openssl"),
    )
    place.archive.publish("stable")
    first = place.lock("a", "ssl")
    place.archive.add(
        deb("ssl", "1.1", source="openssl", depends="libssl"),
        deb("libssl", "1.1", source="openssl"),
        deb("b", "1.1"),
    )
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")

    again = place.lock("a", "ssl", kept=_kept(first, upgrade={"ssl": None}))

    assert _versions(again) == {"a": "1.0", "b": "1.0", "libssl": "1.1", "ssl": "1.1"}
    assert [move.name for move in again.moves] == ["libssl", "ssl"]


def test_upgrading_to_a_named_version_takes_that_version(place: Place) -> None:
    first = place.lock("a")
    place.archive.add(deb("b", "1.1"), deb("b", "1.2"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")

    again = place.lock("a", kept=_kept(first, upgrade={"b": "1.1"}))

    assert _versions(again) == {"a": "1.0", "b": "1.1"}
    with pytest.raises(NoSolutionError, match=r"has b 3\.0"):
        place.lock("a", kept=_kept(first, upgrade={"b": "3.0"}))


def test_debians_own_python_is_locked_as_the_interpreter(place: Place) -> None:
    place.archive.add(
        deb("python3", "3.11.2-1", source="python3-defaults", depends="python3.11"),
        deb("python3.11", "3.11.2-6", depends="python3.11-minimal, b"),
        deb("python3.11-minimal", "3.11.2-6+deb12u1", source="python3.11"),
    )
    place.archive.publish("stable")

    locked = place.lock("a", interpreter=("python3",))

    assert locked.python == "3.11.2"
    assert {package.name: package.roles for package in locked.packages} == {
        "a": ("requested",),
        "b": ("dependency",),
        "python3": ("interpreter",),
        "python3.11": ("interpreter",),
        "python3.11-minimal": ("interpreter",),
    }


def test_the_libc_of_the_closure_is_the_level_for_wheels(place: Place) -> None:
    place.archive.add(deb("libc6", "2.36-9+deb12u10"))
    place.archive.publish("stable")

    assert place.lock("libc6").glibc == "2.36"
    assert place.lock("a").glibc is None


def test_parts_of_the_driver_are_locked_with_a_warning(place: Place) -> None:
    place.archive.add(deb("libcuda1", "535", source="nvidia-graphics-drivers"))
    place.archive.publish("stable")

    (note,) = place.lock("libcuda1").notes
    assert "libcuda1" in note
    assert "NVIDIA's driver" in note


def test_a_tie_leaves_a_note_in_the_lock_that_stays(place: Place) -> None:
    place.archive.add(
        deb("x", depends="editor"), deb("nano", provides="editor"), deb("vim", provides="editor")
    )
    place.archive.publish("stable")

    first = place.lock("x")

    (package,) = [one for one in first.packages if one.name == "vim"]
    assert package.note == "one of 2 that provide editor: nano, vim"
    assert any("system.prefer decides" in note for note in first.notes)
    assert place.lock("x", kept=_kept(first)).packages == first.packages


def test_upgrading_everything_asks_the_archive_anew(place: Place) -> None:
    first = place.lock("a")
    place.archive.add(deb("b", "1.1"))
    place.archive.publish("stable", date="2026-01-02T12:00:00Z")

    again = place.lock("a", kept=_kept(first, upgrade=True))

    assert _versions(again) == {"a": "1.0", "b": "1.1"}


def test_offline_locks_from_the_store_or_says_what_is_missing(place: Place) -> None:
    first = place.lock("a")
    origin = Origin("lockenv.toml")
    archive = Archive(
        name="debian", url=DEBIAN, suites=("stable",), components=("main",), signed_by="key.pgp"
    )
    request = SystemRequest(
        target="gpu",
        system=System(distribution="none", archives=(archive,), origin=origin),
        architecture="amd64",
        packages=(SystemPackage(relation="a", origin=origin),),
        base=b"",
    )

    with place.world(offline=True, refresh=False) as world:
        assert _versions(lock_system(request, world)) == _versions(first)
    place.folder = place.folder / "empty"
    with place.world(offline=True, refresh=False) as world, pytest.raises(LockenvError) as caught:
        lock_system(request, world)
    assert caught.value.status == 8


def test_an_index_is_read_once_for_all_locks_of_one_state(place: Place) -> None:
    place.lock("a")
    asked = len([path for path in place.server.asked if "Packages" in path or "by-hash" in path])

    place.lock("a", "c")

    again = [path for path in place.server.asked if "Packages" in path or "by-hash" in path]
    assert len(again) == asked
