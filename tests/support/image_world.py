"""A machine on which images are made in seconds: a Debian archive of this machine's own tools.

with image_world(tmp_path) as world:
    world.user.lockenv("image")             # of a root with dpkg, a shell, and the package evil
    world.becomes(deb("evil", …).data)      # whose file is now another, as the lock says too
"""

from __future__ import annotations

import hashlib
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lockenv.lockfile import parse_lock, render_lock
from lockenv.model import sha256
from lockenv.values import replace
from tests.support.commands import User
from tests.support.debian_archive import Deb, DebianArchive, serve_files
from tests.support.debs import deb, file, host_base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.debian_archive import Files
    from tests.support.debs import TinyDeb

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

    def __init__(self, ground: Path, server: Files) -> None:
        self.user = User(ground / "user")
        self.outside = ground / "outside"
        self.outside.mkdir()
        (self.outside / "kept").write_text("kept")
        self.server = server
        self._lock = ""

    def prepare(self, key: bytes) -> None:
        """Lock and build with the good package."""
        (self.user.folder / "key.pgp").write_bytes(key)
        self.user.write("lockenv.toml", MANIFEST.format(url=self.server.url))
        self.user.lockenv("lock")
        self.user.lockenv("image")
        self._lock = self.user.read("lockenv.lock")

    def becomes(self, data: bytes) -> None:
        """Publish other bytes, and lock them as somebody did."""
        self.server.files[PATH] = data
        digest = sha256(hashlib.sha256(data).hexdigest())
        lock = parse_lock(self._lock)
        packages = [
            replace(one, digest=digest, size=len(data)) if one.name == "evil" else one
            for one in lock.system_packages
        ]
        self.user.write("lockenv.lock", render_lock(replace(lock, system_packages=tuple(packages))))


@contextmanager
def image_world(ground: Path) -> Iterator[World]:
    """A user with a lock and an image of a good package."""
    archive = DebianArchive()
    archive.add(
        _listed(host_base(), Essential="yes"), _listed(deb("evil", members=[file("usr/share/e")]))
    )
    archive.publish("stable")
    with serve_files(archive.files) as server:
        made = World(ground, server)
        made.prepare(archive.key.public)
        yield made
    subprocess.run(["rm", "-rf", made.user.ground], check=True)  # roots, which are large


def _listed(tiny: TinyDeb, **fields: str) -> Deb:
    named = {"Package": tiny.name, "Version": tiny.version, "Architecture": tiny.architecture}
    return Deb(
        {**named, "Maintainer": "N <n@example.com>", "Description": "x", **fields}, tiny.data
    )
