"""The locked system packages against a machine: what is told, and the line for apt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import ArchiveState, Lock, LockedSystemPackage, LockedTarget
from lockenv.workflows.syncing.host_system import (
    SystemHost,
    compare_system,
    read_host,
    system_findings,
    system_notes,
)
from tests.support.locks import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TARGET = LockedTarget(name="gpu", platform="linux-x86_64", python="3.11.7", suite="bookworm")
MAC = LockedTarget(name="mac", platform="macos-arm64", python="3.11.7", table="mac")


def _package(
    name: str, role: str, version: str = "1.0", architecture: str = "amd64"
) -> LockedSystemPackage:
    return LockedSystemPackage(
        name=name,
        version=version,
        architecture=architecture,
        source=name,
        path=f"pool/{name}.deb",
        archive="debian bookworm 2026-01-02T00:00:00Z",
        digest=digest_of(name),
        size=1,
        roles=(role,),
        targets=("gpu",),
    )


def _lock(*packages: LockedSystemPackage) -> Lock:
    state = ArchiveState(
        name="debian",
        url="https://archive.example.com/debian/",
        suite="bookworm",
        codename="bookworm",
        release=digest_of("release"),
        date="2026-01-02T00:00:00Z",
        signer="A",
        targets=("gpu",),
    )
    return Lock(targets=(TARGET, MAC), system_packages=packages, system_archives=(state,))


def _debian(installed: Mapping[tuple[str, str], str], codename: str = "bookworm") -> SystemHost:
    return SystemHost(
        name="Debian", distribution="debian", codename=codename, installed=dict(installed)
    )


LOCK = _lock(
    _package("ffmpeg", "requested", "7:5.1"),
    _package("libgl1", "native-library", "1.6"),
    _package("libx11-6", "dependency", "2:1.8"),
    _package("libold", "dependency", "1.0", "i386"),
    _package("bash", "base", "5.2"),
)


def test_each_package_is_present_of_another_version_or_missing() -> None:
    host = _debian(
        {("ffmpeg", "amd64"): "7:5.1", ("libx11-6", "amd64"): "2:1.7", ("bash", "amd64"): "5.1"}
    )

    found = compare_system(LOCK, TARGET, host)

    assert [one.name for one in found.present] == ["ffmpeg"]
    assert [(one.name, version) for one, version in found.other] == [
        ("libx11-6", "2:1.7"),
        ("bash", "5.1"),
    ]
    assert [one.name for one in found.missing] == ["libgl1", "libold"]
    assert found.apt_line == "apt-get install libgl1=1.6 libold:i386=1.0 libx11-6=2:1.8"


def test_findings_are_warnings_each_with_what_mends_it() -> None:
    host = _debian({("ffmpeg", "amd64"): "7:5.0", ("bash", "amd64"): "5.1"})

    findings = system_findings(LOCK, TARGET, host)

    assert [(one.code, one.package, one.fix) for one in findings] == [
        ("LE401", "libgl1", "apt-get install libgl1=1.6"),
        ("LE401", "libold", "apt-get install libold:i386=1.0"),
        ("LE401", "libx11-6", "apt-get install libx11-6=2:1.8"),
        ("LE402", "bash", "use the image where the versions of the base system matter"),
        ("LE402", "ffmpeg", "apt-get install ffmpeg=7:5.1"),
    ]
    assert {one.severity for one in findings} == {"warning"}


def test_a_machine_with_everything_has_nothing_to_tell() -> None:
    host = _debian({(one.name, one.architecture): one.version for one in LOCK.system_packages})

    assert system_findings(LOCK, TARGET, host) == []
    assert system_notes(LOCK, TARGET, host) == []


def test_another_base_alone_is_no_note() -> None:
    installed = {(one.name, one.architecture): one.version for one in LOCK.system_packages}
    host = _debian({**installed, ("bash", "amd64"): "5.1"})

    assert system_notes(LOCK, TARGET, host) == []


def test_a_package_that_became_one_for_all_architectures_is_there() -> None:
    host = _debian({("libx11-6", "all"): "2:1.8"})

    assert "libx11-6" in [one.name for one in compare_system(LOCK, TARGET, host).present]


def test_sync_says_one_line() -> None:
    (note,) = system_notes(
        LOCK, TARGET, _debian({("bash", "amd64"): "5.2", ("ffmpeg", "amd64"): "7:5.0"})
    )

    assert note == (
        "of 5 system packages 3 missing (LE401) and 1 in another version (LE402) here:"
        " apt-get install ffmpeg=7:5.1 libgl1=1.6 libold:i386=1.0 libx11-6=2:1.8"
    )


def test_a_long_line_is_left_to_check() -> None:
    many = [_package(f"lib{number:02}", "dependency") for number in range(40)]
    lock = _lock(_package("ffmpeg", "requested", "7:5.1"), *many)

    (note,) = system_notes(lock, TARGET, _debian({("bash", "amd64"): "1"}))

    assert note.endswith(
        "apt-get install ffmpeg=7:5.1 (lockenv check --host prints the whole line)"
    )


def test_another_suite_is_asked_by_name_alone() -> None:
    host = _debian({("ffmpeg", "amd64"): "7:7.1"}, codename="trixie")

    assert compare_system(LOCK, TARGET, host).apt_line == "apt-get install libgl1"
    (note,) = system_notes(LOCK, TARGET, host)
    assert "debian bookworm" in note
    assert "libgl" in note
    assert "ffmpeg" not in note


def test_another_distribution_is_told_generic_names() -> None:
    host = SystemHost(name="Fedora Linux 42", distribution="fedora")

    (finding,) = system_findings(LOCK, TARGET, host)
    (note,) = system_notes(LOCK, TARGET, host)

    assert finding.message == "Fedora Linux 42 has no dpkg to ask: it needs ffmpeg, libgl"
    assert note.endswith("this is Fedora Linux 42: make sure that it has ffmpeg, libgl (LE401)")


def test_a_mac_hears_what_the_others_are_given() -> None:
    (note,) = system_notes(LOCK, MAC, SystemHost())

    assert "others have ffmpeg, libgl" in note


def test_a_machine_is_read_by_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(
        'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n# no\nVERSION_CODENAME=bookworm\nBAD="\n'
    )
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n"
    )

    assert read_host(tmp_path) == SystemHost(
        name="Debian GNU/Linux 12",
        distribution="debian",
        codename="bookworm",
        installed={("bash", "amd64"): "5.2"},
    )


def test_a_machine_without_these_files_is_unknown(tmp_path: Path) -> None:
    assert read_host(tmp_path) == SystemHost()
