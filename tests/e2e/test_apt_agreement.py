"""The real apt, in a fresh minimal system, and ours, on the same live archive: the same answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import NoSolutionError
from lockenv.fetch import open_fetcher
from lockenv.model import Origin, System, SystemPackage
from lockenv.sources.debian import SystemRequest, World, lock_system, verify_closure
from lockenv.tables.addresses import DEBIAN, DEBIAN_SECURITY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.sources.debian import LockedSystem

pytestmark = [
    pytest.mark.network,
    pytest.mark.root,
    pytest.mark.tools,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for chroot"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap"),
]

COMPONENTS = ("main", "contrib", "non-free", "non-free-firmware")
SUITES = ("bookworm", "trixie")
SETS = """
ffmpeg libgl1 libsndfile1 git
build-essential git openssh-server
libopenmpi-dev
texlive
default-jdk
kde-plasma-desktop
mailutils postfix
apache2 libapache2-mod-php
nvidia-cuda-toolkit
python3-pip python3-venv
python3-numpy python3-scipy python3-matplotlib
python3-opencv
r-base
postgresql
rustc cargo
qtbase5-dev
tesseract-ocr poppler-utils
gdal-bin libgdal-dev
podman
systemd-sysv
wine
qgis
devscripts
runit
gcc-multilib
libz-dev
awk
mail-transport-agent
postfix exim4-daemon-light
no-such-package
""".strip().splitlines()


class Reference:
    """A minimal system with the real apt, and a store for ours."""

    def __init__(self, suite: str, folder: Path, world: World) -> None:
        self.suite = suite
        self.root = folder / suite
        self._world = world
        lines = [
            f"deb {url} {name} {' '.join(COMPONENTS)}"
            for url, name in (
                (DEBIAN, suite),
                (DEBIAN, f"{suite}-updates"),
                (DEBIAN_SECURITY, f"{suite}-security"),
            )
        ]
        sources = folder / f"{suite}.list"
        sources.write_text("\n".join(lines) + "\n")
        command = ["mmdebstrap", "--variant=minbase", "--mode=root", "--skip=cleanup/apt/lists"]
        command += [suite, str(self.root), str(sources)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["chroot", str(self.root), *command],
            check=False,
            capture_output=True,
            text=True,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )

    def minimal(self) -> dict[str, str]:
        """The packages of the minimal system."""
        listed = self._run("dpkg-query", "-W", "-f", "${Package} ${Version}\\n").stdout
        return dict(line.split(" ") for line in listed.splitlines())

    def apt(self, names: str) -> dict[str, str] | None:
        """What apt would install on top, or None where it refuses."""
        ran = self._run("apt-get", "install", "-s", "--no-install-recommends", *names.split())
        if ran.returncode:
            return None
        return dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", ran.stdout, re.MULTILINE))

    def lock(self, names: str) -> LockedSystem:
        """Ours, with the minimal system."""
        origin = Origin("lockenv.toml", ("system", "packages"))
        packages = tuple(SystemPackage(relation=name, origin=origin) for name in names.split())
        request = SystemRequest(
            target="apt",
            system=System(suite=self.suite, components=COMPONENTS, origin=origin),
            architecture="amd64",
            packages=packages,
        )
        return lock_system(request, self._world)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("store")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open_fetcher(folder) as fetcher:
        yield World(fetcher=fetcher, cache_dir=folder / "system", now=now, keyrings={})


@pytest.fixture(scope="module", params=SUITES)
def reference(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, world: World
) -> Reference:
    return Reference(request.param, tmp_path_factory.mktemp("apt"), world)


def test_the_minimal_system_is_that_of_a_minbase_bootstrap(reference: Reference) -> None:
    locked = reference.lock("")

    assert {package.name: package.version for package in locked.packages} == reference.minimal()


@pytest.mark.parametrize("names", SETS)
def test_the_locked_set_is_what_apt_would_install(reference: Reference, names: str) -> None:
    wanted = reference.apt(names)

    if wanted is None:
        with pytest.raises(NoSolutionError):
            reference.lock(names)
        return
    locked = reference.lock(names)

    assert not verify_closure(locked.packages, "amd64")
    assert {
        package.name: package.version for package in locked.packages if "base" not in package.roles
    } == wanted
