"""The machine's apt sources serve as mirrors of the same archives, and of no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.model import Origin, System
from lockenv.tables.addresses import DEBIAN, DEBIAN_SECURITY, UBUNTU, UBUNTU_PORTS
from lockenv.workflows.locking.apt_mirrors import apt_mirrors

if TYPE_CHECKING:
    from pathlib import Path

BOOKWORM = System(suite="bookworm", origin=Origin("lockenv.toml"))
DEBIAN_KEY, SECURITY_KEY = DEBIAN.rstrip("/"), DEBIAN_SECURITY.rstrip("/")


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    folder = tmp_path / "etc/apt"
    (folder / "sources.list.d").mkdir(parents=True)
    return folder


def test_both_styles_are_read(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "# deb http://commented.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://old.example/debian/ bookworm main # near\n"
        "deb-src http://source.example/debian bookworm main\n"
    )
    (apt / "sources.list.d/debian.sources").write_text(
        "Types: deb deb-src\nURIs: http://new.example/debian http://two.example/pub/debian/\n"
        "Suites: bookworm bookworm-updates\nComponents: main\n\n"
        "Types: deb\nURIs: http://new.example/debian-security\nSuites: bookworm-security\n"
        "Components: main\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: bookworm\n"
        "Components: main\n"
    )

    assert apt_mirrors(BOOKWORM, apt) == {
        DEBIAN_KEY: (
            "http://old.example/debian",
            "http://new.example/debian",
            "http://two.example/pub/debian",
        ),
        SECURITY_KEY: ("http://new.example/debian-security",),
    }


@pytest.mark.parametrize(
    "line",
    [
        "deb https://third.example/linux/debian bookworm stable",
        "deb https://third.example/debian/12/prod bookworm main",
        "deb https://third.example/debian trixie main",
        "deb https://user:secret@third.example/debian bookworm main",
        "deb cdrom:[Disc]/debian bookworm main",
        "deb http://[bad/debian bookworm main",
        f"deb {DEBIAN.replace('https', 'http')} bookworm main",
        f"deb {DEBIAN_KEY} bookworm main",
    ],
)
def test_other_archives_and_the_origin_itself_are_no_mirrors(apt: Path, line: str) -> None:
    (apt / "sources.list.d/other.list").write_text(line + "\n")

    assert apt_mirrors(BOOKWORM, apt) == {}


def test_lists_of_mirrors_are_followed(apt: Path) -> None:
    (apt / "mirrors").mkdir()
    (apt / "mirrors/debian.list").write_text(
        f"{DEBIAN}\nhttp://near.example/debian priority:1\n# none\n"
    )
    (apt / "sources.list").write_text(
        "deb mirror+file:///etc/apt/mirrors/debian.list bookworm main\n"
        "deb mirror+file:///etc/apt/mirrors/none.list bookworm main\n"
    )

    assert apt_mirrors(BOOKWORM, apt) == {DEBIAN_KEY: ("http://near.example/debian",)}


def test_ubuntus_ports_are_an_archive_of_their_own(apt: Path) -> None:
    system = System(distribution="ubuntu", suite="noble", origin=Origin("lockenv.toml"))
    (apt / "sources.list").write_text(
        "deb http://near.example/ubuntu noble main universe\n"
        "deb http://near.example/ubuntu-ports noble main\n"
    )

    assert apt_mirrors(system, apt) == {
        UBUNTU_PORTS.rstrip("/"): ("http://near.example/ubuntu-ports",),
        UBUNTU.rstrip("/"): ("http://near.example/ubuntu",),
    }


def test_a_machine_without_apt_has_none(tmp_path: Path) -> None:
    assert apt_mirrors(BOOKWORM, tmp_path / "etc/apt") == {}
