"""The real apt and ours on archives of our own: Ubuntu's layout, third parties, flat archives."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.fetch import FetchOptions, Patience, open_fetcher
from lockenv.model import Archive, Origin, System, SystemPackage
from lockenv.sources.debian import SystemRequest, World, lock_system, wanted_package
from lockenv.tables.addresses import UBUNTU
from tests.support.debian_archive import Deb, DebianArchive, Redirected, deb, serve_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt"),
]

ORIGIN = Origin("lockenv.toml", ("system", "packages"))
BACKPORTS = {"NotAutomatic": "yes", "ButAutomaticUpgrades": "yes"}


class Machine:
    """A machine with nothing installed: what apt and ours take from the same archives."""

    def __init__(self, folder: Path, *archives: tuple[DebianArchive, Archive]) -> None:
        self._folder = folder
        self._archives = [declared for _, declared in archives]
        self._keys = {"key": archives[0][0].key.public}
        (folder / "apt/lists/partial").mkdir(parents=True)
        for name in ("status", "preferences"):
            (folder / "apt" / name).touch()
        (folder / "apt/cache").mkdir()
        sources, pins = [], []
        for archive, declared in archives:
            place = folder / declared.name
            for path, data in archive.files.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(data)
            for suite in declared.suites:
                parts = " ".join(("[trusted=yes]", f"file:{place}", suite, *declared.components))
                sources.append(f"deb {parts}\n")
            if declared.priority is not None:
                pins.append(f"Package: *\nPin: release o=Test-{declared.name}\n")
                pins.append(f"Pin-Priority: {declared.priority}\n\n")
        (folder / "apt/sources.list").write_text("".join(sources))
        (folder / "apt/preferences").write_text("".join(pins))
        self._apt("update")

    def _apt(self, *words: str) -> str | None:
        apt = self._folder / "apt"
        options = {
            "Dir::Etc::sourcelist": str(apt / "sources.list"),
            "Dir::Etc::sourceparts": "/nonexistent",
            "Dir::Etc::preferences": str(apt / "preferences"),
            "Dir::Etc::preferencesparts": "/nonexistent",
            "Dir::State::lists": str(apt / "lists"),
            "Dir::State::status": str(apt / "status"),
            "Dir::State::extended_states": str(apt / "extended"),
            "Dir::Cache": str(apt / "cache"),
            "Debug::NoLocking": "1",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Sandbox::User": "root",
            "APT::Get::Always-Include-Phased-Updates": "true",
            "Acquire::Languages": "none",
        }
        told = [word for key, text in options.items() for word in ("-o", f"{key}={text}")]
        ran = subprocess.run(
            ["apt-get", *told, "--no-install-recommends", *words],
            check=False,
            capture_output=True,
            text=True,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        return None if ran.returncode else ran.stdout

    def apt(self, *names: str) -> dict[str, str] | None:
        """What the real apt would install."""
        told = self._apt("install", "--print-uris", "-y", *names)
        if told is None:
            return None
        files = re.findall(r"^'\S+' (\S+)_(\S+)_\S+\.deb ", told, re.MULTILINE)
        return {name: version.replace("%3a", ":") for name, version in files}

    def lock(self, *names: str) -> dict[str, str]:
        """What ours would."""
        archives = tuple(
            replace(one, url=(self._folder / one.name).as_uri()) for one in self._archives
        )
        with open_fetcher(self._folder / "store") as fetcher:
            world = World(
                fetcher=fetcher,
                cache_dir=self._folder / "store",
                now="2026-01-03T00:00:00Z",
                keyrings=self._keys,
            )
            request = SystemRequest(
                target="t",
                system=System(distribution="none", archives=archives, origin=ORIGIN),
                architecture="amd64",
                packages=_packages(names),
                base=b"",
            )
            locked = lock_system(request, world)
            states = {state.key: state for state in locked.archives}
            for package in locked.packages:
                fetcher.blob(wanted_package(package, states[package.archive]))
        return {package.name: package.version for package in locked.packages}


def _packages(names: Sequence[str]) -> tuple[SystemPackage, ...]:
    return tuple(SystemPackage(relation=name, origin=ORIGIN) for name in names)


def _phased(package: Deb, percentage: int) -> Deb:
    return Deb({**package.fields, "Phased-Update-Percentage": str(percentage)}, package.data)


def _ubuntu() -> DebianArchive:
    """Four pockets, two components, and members that zstd compressed."""
    archive = DebianArchive()

    def pocket(
        suite: str,
        main: Sequence[Deb],
        universe: Sequence[Deb] = (),
        extra: dict[str, str] | None = None,
    ) -> None:
        archive.packages = {"main": [], "universe": []}
        archive.add(*main)
        archive.add(*universe, component="universe")
        archive.publish(suite, components=("main", "universe"), extra=extra)

    def made(name: str, version: str, **relations: str) -> Deb:
        return deb(name, version, "amd64", content=None, compression=".zst", **relations)

    pocket(
        "noble",
        [
            made("libc6", "2.39-0ubuntu8", multi_arch="same"),
            made("app", "1:1.0-1build1", depends="libc6 (>= 2.38), helper | other"),
            made("helper", "1.0", depends="mail-transport-agent"),
            made("ssl", "3.0.13-0ubuntu3"),
        ],
        [
            made("exim", "4", provides="mail-transport-agent", depends="ssl"),
            made("postfix", "3", provides="mail-transport-agent", priority="standard"),
        ],
    )
    pocket("noble-updates", [_phased(made("app", "1:1.0-1ubuntu0.1", depends="libc6"), 10)])
    pocket("noble-security", [made("ssl", "3.0.13-0ubuntu3.5")])
    pocket("noble-backports", [made("helper", "2.0~bpo24.04")], extra=BACKPORTS)
    return archive


@pytest.mark.parametrize(
    "names",
    [
        ("app",),
        ("helper",),
        ("helper", "exim"),
        ("app=1:1.0-1build1",),
        ("app/noble", "ssl"),
        ("helper/noble-backports",),
        ("exim", "postfix"),
    ],
)
def test_ubuntus_layout_is_answered_as_by_apt(tmp_path: Path, names: tuple[str, ...]) -> None:
    pockets = ("noble", "noble-updates", "noble-security", "noble-backports")
    declared = Archive(
        name="ubuntu",
        url="",
        suites=pockets,
        components=("main", "universe"),
        signed_by="key",
    )
    machine = Machine(tmp_path, (_ubuntu(), declared))

    wanted = machine.apt(*names)

    assert wanted is not None
    assert machine.lock(*names) == wanted


def test_an_ubuntu_signed_by_another_key_is_refused_with_both(tmp_path: Path) -> None:
    archive = _ubuntu()
    request = SystemRequest(
        target="t",
        system=System(distribution="ubuntu", suite="noble", origin=ORIGIN),
        architecture="amd64",
        packages=_packages(("app",)),
    )
    with serve_files(archive.files) as server:
        options = FetchOptions(
            mirrors=Redirected({UBUNTU: server.url}), patience=Patience(attempts=1)
        )
        with open_fetcher(tmp_path, options) as fetcher:
            world = World(
                fetcher=fetcher, cache_dir=tmp_path, now="2026-01-03T00:00:00Z", keyrings={}
            )
            with pytest.raises(IntegrityError) as caught:
                lock_system(request, world)

    assert caught.value.status == 4
    told = "\n".join(caught.value.why)
    # The library names the key of the signature, which may be a subkey.
    assert re.search(r"^signed by [0-9A-F]{40}$", told, re.MULTILINE)
    # Ubuntu's archive signing key of 2018.
    assert "F6ECB3762474EDA9D21B7022871920D1991BC93C" in told


def _third_parties(*, flat: str) -> tuple[DebianArchive, DebianArchive]:
    first = DebianArchive()
    first.add(
        deb("app", "1.0", depends="lib (>= 1)"),
        deb("lib", "1.0"),
        deb("tool", "1.0", depends="engine"),
    )
    first.publish("stable", extra={"Origin": "Test-first"})
    second = DebianArchive(pool="")
    second.add(
        deb("lib", "2.0"),
        deb("lib", "3.0"),
        deb("engine", "1.0", depends="lib (<< 3)"),
        deb("engine", "2.0", depends="lib (= 3.0)"),
        deb("driver", "1.0", depends="engine (= 1.0)"),
    )
    second.publish(flat, extra={"Origin": "Test-second"})
    return first, second


@pytest.mark.parametrize("flat", ["./", "/", "sub/"])
@pytest.mark.parametrize("priority", [None, 600, 100])
def test_flat_archives_with_several_versions_are_answered_as_by_apt(
    tmp_path: Path, flat: str, priority: int | None
) -> None:
    first, second = _third_parties(flat=flat)
    one = Archive(name="first", url="", suites=("stable",), components=("main",), signed_by="key")
    two = Archive(
        name="second", url="", suites=(flat,), components=(), signed_by="key", priority=priority
    )
    machine = Machine(tmp_path, (first, one), (second, two))

    for names in (("app",), ("tool",), ("lib=2.0", "tool"), ("engine=1.0", "lib=2.0"), ("driver",)):
        wanted = machine.apt(*names)
        if wanted is not None:
            assert machine.lock(*names) == wanted, names
    assert machine.apt("app") is not None
