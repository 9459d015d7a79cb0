"""Wheels that lie or attack: status 4, nothing outside touched, the environment as it was."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.archives import Entry, lying_wheel
from tests.support.commands import User, snapshot
from tests.support.index_server import serve_index
from tests.support.projects import MINOR, pyproject
from tests.support.wheels import Built, core_metadata, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer


def _with(*extra: Entry) -> Built:
    return lying_wheel("lib", "1.0", extra=list(extra))


#: A wheel that every installer must refuse, by what is wrong with it.
HOSTILE = {
    "a path that leaves": _with(Entry("../../../../evil.py", b"evil")),
    "an absolute path": _with(Entry("/tmp/evil-absolute.py", b"evil")),
    "a path with a backslash": _with(Entry("..\\evil.py", b"evil")),
    "a path with a drive": _with(Entry("C:/evil.py", b"evil")),
    "a symbolic link": _with(Entry("lib/link", b"/etc/passwd", mode=0o120777)),
    "a device": _with(Entry("lib/device", b"", mode=0o020666)),
    "the same path twice": _with(Entry("lib/a.py", b"1"), Entry("lib/a.py", b"2")),
    "data that leaves": _with(Entry("lib-1.0.data/scripts/../../../evil", b"#!python\n")),
    "the environment's own python": _with(Entry("lib-1.0.data/scripts/python", b"#!python\n")),
    "the environment's own configuration": _with(Entry("lib-1.0.data/data/pyvenv.cfg", b"x")),
    "the environment's activation": _with(Entry("lib-1.0.data/scripts/activate", b"evil")),
    "the environment's own state": _with(Entry("lib-1.0.data/data/lockenv-state.json", b"{}")),
    "another name of the library folder": _with(
        Entry(f"lib-1.0.data/data/lib64/python{MINOR}/site-packages/app.py", b"evil")
    ),
    "another package's file by way of data": _with(
        Entry(f"lib-1.0.data/data/lib/python{MINOR}/site-packages/app.py", b"evil")
    ),
    "a command that is the environment's python": wheel("lib", "1.0", scripts={"python": "lib:x"}),
    "a command that leaves": wheel("lib", "1.0", scripts={"../../evil": "lib:x"}),
    "a command that is code": wheel("lib", "1.0", scripts={"evil": "os:system('touch evil')"}),
    "a set-user-ID bit": _with(Entry("lib-1.0.data/scripts/evil", b"#!/bin/sh\n", mode=0o104755)),
    "a pipe": _with(Entry("lib/pipe", b"", mode=0o010644)),
    "an encrypted member": _with(Entry("lib/a.py", b"1", flags=1)),
    "two names in the two headers": _with(Entry("lib/a.py", b"1", local_name=b"lib/b.py")),
    "a file that is a folder too": _with(Entry("lib/a", b"1"), Entry("lib/a/b", b"2")),
    "two paths that differ in case": _with(Entry("lib/A.py", b"1"), Entry("lib/a.py", b"2")),
    "a name that ends its line": _with(Entry("lib/a\n.py", b"1")),
    "a scheme that there is not": _with(Entry("lib-1.0.data/elsewhere/a", b"1")),
    "the metadata of another package": _with(Entry("app-1.0.dist-info/RECORD", b"")),
    "a packing that wheels may not use": _with(Entry("lib/a.py", b"1", method=12)),
    "a bomb": _with(Entry("lib/bomb", bytes(200 << 20), declared=10)),
    "a wrong checksum": _with(Entry("lib/a.py", b"1", crc=7)),
    "no RECORD": wheel("lib", "1.0", record=b""),
    "a RECORD that lies": wheel("lib", "1.0", record=b"lib.py,sha256=AAAA,1\n"),
    "another name inside": wheel("lib", "1.0", metadata=core_metadata("other", "1.0")),
    "another version inside": wheel("lib", "1.0", metadata=core_metadata("lib", "2.0")),
    "no archive at all": Built(
        "lib-1.0-py3-none-any.whl", b"not a zip", core_metadata("lib", "1.0")
    ),
    "an archive cut short": Built(
        "lib-1.0-py3-none-any.whl", wheel("lib", "1.0").data[:-30], core_metadata("lib", "1.0")
    ),
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IndexServer, str, Built]]:
    """An index, and the lock of a project on ``app`` and ``lib``, with the good ``lib``."""
    good = wheel("lib", "1.0")
    with serve_index() as server:
        server.publish(wheel("app", "1.0"), good)
        first = User(tmp_path_factory.mktemp("first"))
        first.write("pyproject.toml", pyproject(server, dependencies=["app", "lib"]))
        first.lockenv("lock")
        yield server, first.read("lockenv.lock"), good


@pytest.mark.parametrize("story", HOSTILE)
def test_a_hostile_wheel_is_refused(
    user: User, locked: tuple[IndexServer, str, Built], story: str
) -> None:
    """Its hash is right, since somebody locked it: what is inside must be judged all the same."""
    server, lock, good = locked
    bad = HOSTILE[story]
    server.publish(Built(good.filename, bad.data, good.metadata))
    user.write("pyproject.toml", pyproject(server, dependencies=["app", "lib"]))
    user.write("lockenv.lock", _with_file(lock, good, bad))
    outside = {"evil", "evil.py", "evil-absolute.py"}

    answer = user.lockenv("sync", status=None)

    assert answer.status == 4, answer.text
    assert "lib" in answer.err
    assert "fix:" in answer.err
    assert not list(user.venv.glob("lib/python3*/site-packages/lib*"))
    assert not outside & {path.name for path in user.ground.rglob("*")}


def test_a_hostile_wheel_leaves_the_former_environment(
    user: User, locked: tuple[IndexServer, str, Built]
) -> None:
    server, lock, good = locked
    server.publish(good)
    user.write("pyproject.toml", pyproject(server, dependencies=["app", "lib"]))
    user.write("lockenv.lock", lock)
    user.lockenv("sync")
    before = snapshot(user.venv)
    bad = HOSTILE["a path that leaves"]
    server.publish(Built(good.filename, bad.data, good.metadata))
    user.write("lockenv.lock", _with_file(lock, good, bad))

    user.lockenv("sync", status=4)

    assert snapshot(user.venv) == before


def _with_file(lock: str, good: Built, bad: Built) -> str:
    """The lock with another file for ``lib``: the hash and the size of the bad one."""
    text = lock.replace(good.sha256, hashlib.sha256(bad.data).hexdigest())
    size = f'size = {len(good.data)}, hashes = {{ sha256 = "{bad.sha256}"'
    assert size in text
    return text.replace(size, re.sub(r"\d+", str(len(bad.data)), size, count=1))


def test_a_wheel_with_another_name_inside_is_not_locked(user: User, index: IndexServer) -> None:
    index.core_metadata = False
    index.publish(HOSTILE["another name inside"])
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))

    answer = user.lockenv("lock", status=None)

    assert answer.status in {3, 4}, answer.text
    assert "other" in answer.err
    assert not user.lock_path.exists()


def test_two_packages_that_write_one_path_are_refused(user: User, index: IndexServer) -> None:
    index.publish(
        wheel("one", "1.0", files={"shared.py": "1"}),
        wheel("two", "1.0", files={"shared.py": "2"}),
        wheel("upper", "1.0", files={"SHARED_CASE.py": "1"}),
        wheel("lower", "1.0", files={"shared_case.py": "2"}),
    )
    user.write("pyproject.toml", pyproject(index, dependencies=["one", "two"]))

    answer = user.lockenv("lock", status=3)

    assert answer.slug == "LE704"
    assert "shared.py" in answer.err
    assert "one" in answer.err
    assert "two" in answer.err
    user.write("pyproject.toml", pyproject(index, dependencies=["upper", "lower"]))
    user.lockenv("lock")
    user.lockenv("sync")  # two names on this system; a system that knows one refuses


def test_a_zip64_wheel_is_installed(user: User, index: IndexServer) -> None:
    index.publish(_with(Entry("big.py", b"VALUE = 64\n", zip64=True)))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")

    user.lockenv("sync")

    assert user.asks("import big; print(big.VALUE)") == "64"
