"""What networks and liars do to answers: the status and the message, in a time that is bounded.

With LOCKENV_TROUBLES=1 every trouble meets every place; else a few do.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_cli_shared_store import serve_puts
from tests.support.commands import User
from tests.support.debian_archive import DebianArchive, deb, serve_files
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.registry import memory_registry
from tests.support.troubled import TROUBLES, troubled
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.troubled import Before

#: Pauses between four attempts take 3.5 s; Debian's indexes have three places.
LONGEST = 60.0
#: What may pass is 5, what is a lie 4, what is refused or no such thing 8.
EXPECTED = {
    **{key: {5} for key in ("busy", "too many", "nonsense", "silence", "reset", "cut", "headers")},
    **{key: {8} for key in ("forbidden", "gone", "loop")},
    "portal": {4, 8},
    "flipped": {4, 8},
    "bomb": {4, 5, 8},
    "longer": {4, 5, 8},
    "shorter": {4, 5, 8},
}


class World:
    """A project per kind of server, each server behind one that makes trouble."""

    def __init__(self, ground: Path, stack: ExitStack) -> None:
        self._ground = ground
        self._stack = stack
        self.index = stack.enter_context(serve_index())
        self.index.relative = True
        self.index.publish(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0", padding=9000))
        self.before_index = stack.enter_context(troubled(self.index.port))
        self.python = User(ground / "python")
        url = f"http://127.0.0.1:{self.before_index.port}/simple/"
        self.python.write("pyproject.toml", pyproject(self.index, dependencies=["app"], url=url))
        self.python.lockenv("lock")
        self._debian()
        self._base()
        self._shared()

    def _debian(self) -> None:
        archive = DebianArchive()
        archive.add(deb("aa", "1.0"), deb("cc", "1.0", essential="yes"))
        archive.publish("stable")
        server = self._stack.enter_context(serve_files(archive.files))
        port = int(server.url.rstrip("/").rpartition(":")[2])
        self.before_debian = self._stack.enter_context(troubled(port))
        self.debian = User(self._ground / "debian")
        (self.debian.folder / "key.pgp").write_bytes(archive.key.public)
        place = f"http://127.0.0.1:{self.before_debian.port}/"
        self.debian.write("lockenv.toml", _DEBIAN.format(url=place))
        self.debian.lockenv("lock")

    def _base(self) -> None:
        registry = self._stack.enter_context(memory_registry())
        self.before_base = self._stack.enter_context(
            troubled(int(registry.address.rpartition(":")[2]))
        )
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as layer:
            member = tarfile.TarInfo("etc/motd")
            member.size = 90_000
            layer.addfile(member, io.BytesIO(bytes(90_000)))
        registry.publish("team/base", "1", stream.getvalue())
        self.base = User(self._ground / "base")
        base = f"127.0.0.1:{self.before_base.port}/team/base:1"
        table = f'[tool.lockenv.image]\nbase = "{base}"\n'
        manifest = pyproject(self.index, dependencies=["app"], tables=table)
        self.base.write("pyproject.toml", manifest)
        self.base.lockenv("lock")

    def _shared(self) -> None:
        server = self._stack.enter_context(serve_puts())
        self.before_shared = self._stack.enter_context(troubled(server.server_address[1]))
        self.shared = User(self._ground / "shared")
        self.shared.write("pyproject.toml", pyproject(self.index, dependencies=["app"]))
        self.shared.lockenv("lock")
        self.shared.lockenv("fetch", "--push", server.address)
        place = f"http://127.0.0.1:{self.before_shared.port}/team"
        self.shared.configure(f'shared-store = "{place}"\n')

    def meets(self, where: str) -> tuple[User, Before, str, tuple[str, ...]]:
        """Who asks, who makes trouble, for which requests, and the command."""
        return {
            "pages, verified": (self.python, self.before_index, "/simple/", ("verify",)),
            "pages, locked": (self.python, self.before_index, "/simple/", ("lock", "--upgrade")),
            "files": (self.python, self.before_index, "/files/", ("sync",)),
            "a release": (self.debian, self.before_debian, "InRelease", ("lock", "--upgrade")),
            "an index of packages": (
                *(self.debian, self.before_debian, "by-hash|/Packages"),
                ("lock", "--upgrade"),
            ),
            "packages": (self.debian, self.before_debian, "/pool/", ("image",)),
            "a manifest": (self.base, self.before_base, "/manifests/", ("verify",)),
            "a config": (self.base, self.before_base, "/blobs/", ("lock", "--upgrade")),
            "a shared store": (self.shared, self.before_shared, "/team/", ("sync",)),
        }[where]


_DEBIAN = """python = "3.11"
python-source = "host"
dependencies = []
[system]
distribution = "none"
packages = ["aa"]
[[system.archive]]
name = "local"
url = "{url}"
suites = ["stable"]
components = ["main"]
signed-by = "key.pgp"
[image]
project = false
[target.gpu]
platform = "linux-x86_64"
"""
PLACES = (
    *("pages, verified", "pages, locked", "files", "a release", "an index of packages"),
    *("packages", "a manifest", "a config", "a shared store"),
)
USUAL = [
    ("pages, verified", "portal"),
    ("files", "too many"),
    ("a release", "flipped"),
    ("an index of packages", "shorter"),
    ("packages", "loop"),
    ("a manifest", "too many"),
    ("a config", "flipped"),
    ("a shared store", "flipped"),
    ("a shared store", "headers"),
]
CASES = (
    [(where, kind) for where in PLACES for kind in TROUBLES]
    if "LOCKENV_TROUBLES" in os.environ
    else USUAL
)
#: A page with another hash in it is a page; a longer body than asked for is cut to its size.
HARMLESS = {("pages, locked", "flipped"), ("a config", "longer"), ("a manifest", "longer")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("troubles"), stack)


@pytest.mark.parametrize(("where", "kind"), CASES)
def test_trouble_has_its_status_and_an_end(world: World, where: str, kind: str) -> None:
    user, before, pattern, words = world.meets(where)
    lock = user.read("lockenv.lock")
    for place in (user.cache, user.venv):
        shutil.rmtree(place, ignore_errors=True)
    before.trouble = {kind: pattern}
    began = time.monotonic()

    answer = user.lockenv(*words, status=None)

    spent = time.monotonic() - began
    before.trouble = {}
    expected = EXPECTED[kind]
    if where == "a shared store":
        expected = {0}  # the files' own places have them
    elif (where, kind) in HARMLESS:
        expected = {*expected, 0}
    elif (where, kind) == ("pages, locked", "gone"):
        expected = {3}  # the index has no such project
    assert answer.status in expected, answer.text
    assert spent < LONGEST
    if answer.status:
        assert "fix:" in answer.text or words[0] == "verify", answer.text
        assert user.read("lockenv.lock") == lock
    user.write("lockenv.lock", lock)
