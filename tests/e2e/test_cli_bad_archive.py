"""Debian archives in trouble: the exit status tells tampering from passing trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.debian_archive import DebianArchive, deb, serve_files, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.commands import User
    from tests.support.debian_archive import Files

INRELEASE = "dists/stable/InRelease"
PAST = "2026-01-02T12:00:00Z"


@pytest.fixture
def archive() -> DebianArchive:
    archive = DebianArchive()
    archive.add(
        deb("aa", "1.0", source="s"),
        deb("bb", "1.0", source="s"),
        deb("cc", "1.0", essential="yes"),
    )
    archive.publish("stable")
    return archive


@pytest.fixture
def server(archive: DebianArchive) -> Iterator[Files]:
    with serve_files(archive.files) as server:
        yield server


def _project(user: User, archive: DebianArchive, server: Files, more: str = "") -> None:
    (user.folder / "key.pgp").write_bytes(archive.key.public)
    user.write(
        "lockenv.toml",
        f"""python = "3.11"
python-source = "host"
dependencies = []


[system]
distribution = "none"
packages = ["aa", "bb", "cc"]

[[system.archive]]
name = "local"
url = "{server.url}"
suites = ["stable"]
components = ["main"]
signed-by = "key.pgp"
{more}
[target.gpu]
platform = "linux-x86_64"
system = true
""",
    )


def _tampered_release(archive: DebianArchive) -> tuple[str, ...]:
    archive.files[INRELEASE] = archive.files[INRELEASE].replace(b"Origin: Test", b"Origin: Tost")
    return (archive.key.fingerprint,)


def _tampered_packages(archive: DebianArchive) -> tuple[str, ...]:
    for path in [path for path in archive.files if "/by-hash/" in path]:
        archive.files[path] = archive.files[path][:-1] + b"x"
    return ("locked   sha256:", "received sha256:")


def _another_key(archive: DebianArchive) -> tuple[str, ...]:
    other = signing_key("somebody-else")
    text = archive.files[INRELEASE].split(b"\n\n", 1)[1].split(b"-----BEGIN PGP SIGNATURE")[0]
    archive.sign("dists/stable/", text.rstrip(b"\n") + b"\n", "InRelease", other)
    return (archive.key.fingerprint, "signed by ")


def _expired(archive: DebianArchive) -> tuple[str, ...]:
    archive.publish("stable", valid_until=PAST)
    return (f"valid until {PAST}",)


@pytest.mark.parametrize("story", [_tampered_release, _tampered_packages, _another_key, _expired])
def test_an_archive_that_cannot_be_trusted_is_status_4_with_both_sides(
    user: User,
    archive: DebianArchive,
    server: Files,
    story: Callable[[DebianArchive], tuple[str, ...]],
) -> None:
    _project(user, archive, server)
    facts = story(archive)

    answer = user.lockenv("lock", status=4)

    for fact in facts:
        assert fact in answer.err, answer.text
    assert not user.lock_path.exists()


def test_an_expired_release_is_taken_where_the_manifest_says_so(
    user: User, archive: DebianArchive, server: Files
) -> None:
    archive.publish("stable", valid_until=PAST)
    _project(user, archive, server, "check-valid-until = false\n")

    user.lockenv("lock", status=0)


def test_a_mirror_in_the_middle_of_its_sync_is_status_5(
    user: User, archive: DebianArchive, server: Files
) -> None:
    _project(user, archive, server)
    for path in [path for path in archive.files if "/by-hash/" in path]:
        del archive.files[path]
    for ending in ("gz", "xz"):
        archive.files[f"dists/stable/main/binary-amd64/Packages.{ending}"] = b"of yesterday"

    user.lockenv("lock", status=5)


@pytest.mark.parametrize("option", [("-P", "deb:aa"), ("--upgrade=system",)])
def test_an_upgrade_moves_what_it_names(
    user: User, archive: DebianArchive, server: Files, option: tuple[str, ...]
) -> None:
    _project(user, archive, server)
    user.lockenv("lock")
    archive.add(
        deb("aa", "2.0", source="s"),
        deb("bb", "2.0", source="s"),
        deb("cc", "2.0", essential="yes"),
    )
    archive.publish("stable", date="2026-01-05T00:00:00Z")

    user.lockenv("lock")
    assert 'version = "2.0"' not in user.read("lockenv.lock")
    answer = user.lockenv("lock", *option)

    moved = user.read("lockenv.lock").count('version = "2.0"')
    assert moved == (2 if option[0] == "-P" else 3), answer.text
    assert "1.0" in answer.text, answer.text
    assert "2.0" in answer.text, answer.text
