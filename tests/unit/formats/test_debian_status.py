"""dpkg's status file."""

from __future__ import annotations

from lockenv.formats.debian import parse_status

TEXT = b"""Package: libgl1
Status: install ok installed
Priority: optional
Architecture: amd64
Multi-Arch: same
Version: 1.6.0-1
Description: a library
 Version: not this one

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: half
Status: install ok half-configured
Architecture: amd64
Version: 1.0

Package: tzdata
Status: hold ok installed
Architecture: all
Version: 2026a-0+deb12u1
"""


def test_only_what_is_installed_counts() -> None:
    assert parse_status(TEXT) == {
        ("libgl1", "amd64"): "1.6.0-1",
        ("tzdata", "all"): "2026a-0+deb12u1",
    }


def test_an_empty_file_and_noise_hold_nothing() -> None:
    assert parse_status(b"") == {}
    assert parse_status(b"\0\xff\n\nPackage\n\nVersion: 1") == {}


def test_both_architectures_of_a_package_are_told_apart() -> None:
    foreign = TEXT.partition(b"\n\n")[0].replace(b"amd64", b"i386").replace(b"1.6.0-1", b"1.5")

    found = parse_status(TEXT + b"\n" + foreign)

    assert found["libgl1", "i386"] == "1.5"
    assert found["libgl1", "amd64"] == "1.6.0-1"
