"""Source archives and interpreters that attack whoever syncs: refused whole, nothing outside.

With LOCKENV_HOSTILE=1 each story is told to the command; else one of each is, and
tests/unit/formats/test_sdist_archive.py and tests/unit/materialize/test_interpreter.py read others.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import parse_lock, render_lock
from lockenv.model import sha256
from lockenv.values import replace
from tests.support.archives import TarEntry, tar_of
from tests.support.backends import source_package, witness_wheel
from tests.support.commands import User, snapshot
from tests.support.hostile_debs import EVIL
from tests.support.hostile_sources import INTERPRETERS, SDISTS
from tests.support.index_server import IndexServer, serve_index
from tests.support.projects import pyproject
from tests.support.wheels import Built, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY = "LOCKENV_HOSTILE" in os.environ
USUAL = ("a file below a link out",)
ALLOWED = '[tool.lockenv.policy]\nsdist = { sourced = "locked-build" }\n'
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="archives of Linux are unpacked")


class World:
    """A project with a source package and one with a standalone interpreter, both locked."""

    def __init__(self, ground: Path, index: IndexServer) -> None:
        self.index = index
        self.outside = ground / "outside"
        self.outside.mkdir()
        (self.outside / "kept").write_text("kept")
        self.good = source_package("sourced", "1.0")
        index.publish(witness_wheel(), self.good, wheel("app", "1.0"))
        self.source = User(ground / "source")
        manifest = pyproject(index, dependencies=["app", "sourced"], tables=ALLOWED)
        self.source.write("pyproject.toml", manifest)
        self.source.lockenv("lock")
        self.python = User(ground / "python")
        text = pyproject(index, dependencies=["app"])
        text = re.sub(r'python-source = ".*"\n', "", text)
        text = re.sub(r'(?m)^python = "[^"]*"', 'python = "3.12"', text)
        text = re.sub(r'requires-python = ".*"', 'requires-python = ">=3.12"', text)
        self.python.write("pyproject.toml", text)
        self.python.lockenv("lock")
        self._locks = {one.folder: one.read("lockenv.lock") for one in (self.source, self.python)}

    def source_becomes(self, extra: list[TarEntry]) -> None:
        """The sdist with further members, locked as somebody did."""
        whole = gzip.decompress(self.good.data)
        data = gzip.compress(_without_end(whole) + tar_of(extra), 1)
        self.index.publish(Built(self.good.filename, data, self.good.metadata))
        text = self._locks[self.source.folder]
        lock = text.replace(self.good.sha256, hashlib.sha256(data).hexdigest())
        lock = lock.replace(f"size = {len(self.good.data)}", f"size = {len(data)}")
        self.source.write("lockenv.lock", render_lock(parse_lock(lock)))

    def python_becomes(self, extra: list[TarEntry]) -> None:
        """An interpreter of one script with further members, locked as somebody did."""
        script = TarEntry("python/bin/python3.12", b"#!/bin/sh\nexit 7\n", mode=0o755)
        data = gzip.compress(tar_of([script, *extra]), 1)
        lock = parse_lock(self._locks[self.python.folder])
        (one,) = lock.interpreters
        assert one.artifact is not None
        url = f"{self.index.root}/python/{one.artifact.name}"
        self.index.pages[f"/python/{one.artifact.name}"] = ("application/octet-stream", data)
        digest = sha256(hashlib.sha256(data).hexdigest())
        artifact = replace(one.artifact, digest=digest, size=len(data), url=url)
        lock = replace(lock, interpreters=(replace(one, artifact=artifact),))
        self.python.write("lockenv.lock", render_lock(lock))
        address = str(one.artifact.url).rpartition("/")[0] + "/"
        self.python.configure(f'[mirrors]\n"{address}" = ["{self.index.root}/python/"]\n')


def _without_end(tar: bytes) -> bytes:
    """The members alone: an archive ends in blocks of zeros."""
    while tar.endswith(bytes(512)):
        tar = tar[:-512]
    return tar


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serve_index() as index:
        yield World(tmp_path_factory.mktemp("sources"), index)


def _refused(world: World, user: User) -> None:
    before = snapshot(world.outside)
    for place in (user.venv, user.ground / "data"):
        shutil.rmtree(place, ignore_errors=True)

    answer = user.lockenv("sync", status=None)

    assert answer.status == 4, answer.text
    assert "fix:" in answer.err
    assert snapshot(world.outside) == before
    assert not list(user.ground.rglob(EVIL))
    assert not list(user.venv.glob("lib/python3*/site-packages/sourced*"))


@pytest.mark.parametrize("story", SDISTS if EVERY else USUAL)
def test_a_hostile_source_is_refused(world: World, story: str) -> None:
    world.source_becomes(list(SDISTS[story](str(world.outside))))

    _refused(world, world.source)


@pytest.mark.parametrize("story", INTERPRETERS if EVERY else USUAL)
def test_a_hostile_interpreter_is_refused(world: World, story: str) -> None:
    world.python_becomes(list(INTERPRETERS[story](str(world.outside))))

    _refused(world, world.python)
    assert not list((world.python.ground / "data").rglob("python3.12"))


def test_what_is_not_hostile_is_unpacked(world: World) -> None:
    """The control of both: a plain member more is no reason to refuse."""
    world.source_becomes([TarEntry("sourced-1.0/more", b"x")])
    world.python_becomes([TarEntry("python/more", b"x")])

    world.source.lockenv("sync")
    world.python.lockenv("sync")

    assert world.source.versions() == {"app": "1.0", "sourced": "1.0"}
    assert list((world.python.ground / "data").rglob("python3.12"))
