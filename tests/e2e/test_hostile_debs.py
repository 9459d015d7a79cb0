"""Debian packages that attack whoever makes an image of them: refused whole, nothing outside.

With LOCKENV_HOSTILE=1 each story is told to the command; else a few are, and
tests/unit/materialize/test_debian_members.py reads the others without it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import parse_lock, render_lock
from lockenv.model import sha256
from lockenv.sandbox import abilities
from lockenv.values import replace
from tests.support.commands import User, snapshot
from tests.support.debian_archive import Deb, DebianArchive, serve_files
from tests.support.debs import can_make_host_base, deb, file, host_base
from tests.support.hostile_debs import CONTAINED, EVIL, HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.debs import TinyDeb

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(
        not any(one.works for one in abilities()), reason="needs root or user namespaces"
    ),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
]
#: One for each place that refuses.
USUAL = (
    "a path that leaves",
    "another package's program",
    "the environment's python",
    "a bomb of zstd",
)
EVERY = "LOCKENV_HOSTILE" in os.environ
PATH = "pool/main/evil_1.0_amd64.deb"
MANIFEST = """python = "3.11"
python-source = "host"
dependencies = []

[system]
distribution = "none"
packages = ["evil"]

[[system.archive]]
name = "local"
url = "{url}"
suites = ["stable"]
components = ["main"]
signed-by = "key.pgp"

[image]
compression = "none"
project = false

[target.gpu]
platform = "linux-x86_64"
"""


class World:
    """A user who has made an image of a good package, which now becomes another one."""

    def __init__(self, ground: Path, files: dict[str, bytes]) -> None:
        self.user = User(ground / "user")
        self.outside = ground / "outside"
        self.outside.mkdir()
        (self.outside / "kept").write_text("kept")
        self._files = files
        self._lock = ""

    def prepare(self, url: str, key: bytes) -> None:
        """Lock and build with the good package."""
        (self.user.folder / "key.pgp").write_bytes(key)
        self.user.write("lockenv.toml", MANIFEST.format(url=url))
        self.user.lockenv("lock")
        self.user.lockenv("image")
        self._lock = self.user.read("lockenv.lock")

    def becomes(self, data: bytes) -> None:
        """Publish other bytes, and lock them as somebody did."""
        self._files[PATH] = data
        digest = sha256(hashlib.sha256(data).hexdigest())
        lock = parse_lock(self._lock)
        packages = [
            replace(one, digest=digest, size=len(data)) if one.name == "evil" else one
            for one in lock.system_packages
        ]
        self.user.write("lockenv.lock", render_lock(replace(lock, system_packages=tuple(packages))))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    archive = DebianArchive()
    archive.add(
        _listed(host_base(), Essential="yes"), _listed(deb("evil", members=[file("usr/share/e")]))
    )
    archive.publish("stable")
    made = World(tmp_path_factory.mktemp("hostile"), archive.files)
    with serve_files(archive.files) as server:
        made.prepare(server.url, archive.key.public)
        yield made
    shutil.rmtree(made.user.ground)


def _listed(tiny: TinyDeb, **fields: str) -> Deb:
    named = {"Package": tiny.name, "Version": tiny.version, "Architecture": tiny.architecture}
    return Deb(
        {**named, "Maintainer": "N <n@example.com>", "Description": "x", **fields}, tiny.data
    )


@pytest.mark.parametrize("story", HOSTILE if EVERY else USUAL)
def test_a_hostile_package_is_refused(world: World, story: str) -> None:
    """Its hash is right, since somebody locked it: what is inside must be judged all the same."""
    world.becomes(HOSTILE[story](str(world.outside)))
    before = snapshot(world.outside)

    answer = world.user.lockenv("image", status=None)

    assert answer.status == 4, answer.text
    assert "evil" in answer.err
    assert "fix:" in answer.err
    assert answer.out == ""
    assert snapshot(world.outside) == before
    assert not list(world.user.ground.rglob(EVIL))


@pytest.mark.parametrize("story", CONTAINED if EVERY else ("a script that writes outside",))
def test_what_a_root_may_hold_stays_in_it(world: World, story: str) -> None:
    world.becomes(CONTAINED[story](str(world.outside)))
    before = snapshot(world.outside)

    answer = world.user.lockenv("image", status=None)

    assert answer.status == 0, answer.text
    assert snapshot(world.outside) == before
