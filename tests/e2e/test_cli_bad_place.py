"""Places that do not serve: environments of others, read-only ones, full disks, and sudden ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User, finish, snapshot
from tests.support.index_server import Fault, serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

_IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IndexServer, str]]:
    """An index, and the lock of a project on ``app`` and ``lib``."""
    with serve_index() as server:
        main = {"app.py": "import sys\n\n\ndef main():\n    print(sys.prefix)\n"}
        server.publish(
            wheel("app", "1.0", requires=["lib"], files=main, scripts={"app": "app:main"}),
            wheel("lib", "1.0", padding=300_000),
        )
        first = User(tmp_path_factory.mktemp("first"))
        first.write("pyproject.toml", pyproject(server, dependencies=["app"]))
        first.lockenv("lock")
        yield server, first.read("lockenv.lock")


@pytest.fixture
def owner(user: User, locked: tuple[IndexServer, str]) -> User:
    """A user with that project."""
    server, lock = locked
    server.faults.clear()
    user.write("pyproject.toml", pyproject(server, dependencies=["app"]))
    user.write("lockenv.lock", lock)
    return user


def test_an_environment_of_somebody_else_is_left_alone(owner: User) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(owner.venv)], check=True, timeout=120
    )
    before = snapshot(owner.venv)

    answer = owner.lockenv("sync", status=2)

    assert answer.slug == "not-our-environment"
    assert snapshot(owner.venv) == before
    owner.lockenv("check", "--env", status=1)


def test_a_folder_or_file_that_is_no_environment_is_left_alone(owner: User) -> None:
    owner.write(".venv/thesis.txt", "years of work")
    owner.lockenv("sync", status=2)
    assert owner.read(".venv/thesis.txt") == "years of work"
    shutil.rmtree(owner.venv)
    owner.write(".venv", "a file")

    owner.lockenv("sync", status=2)

    assert owner.read(".venv") == "a file"


@pytest.mark.parametrize(
    "damage",
    [
        "lockenv-state.json",
        "pyvenv.cfg",
        "bin/python",
        "lib/python*/site-packages/lib.py",
        "lib/python*/site-packages/lib-1.0.dist-info/RECORD",
        "lib/python*/site-packages/lib-1.0.dist-info/METADATA",
    ],
)
def test_a_half_made_environment_is_told_and_repaired(owner: User, damage: str) -> None:
    owner.lockenv("sync")
    lost = next(owner.venv.glob(damage))
    lost.unlink()

    told = owner.lockenv("check", "--env", status=1)

    assert "LE3" in told.out
    owner.lockenv("sync")
    owner.lockenv("check", "--env")


@pytest.mark.skipif(_IS_ROOT, reason="root may write everywhere")
def test_a_read_only_environment_is_told(owner: User) -> None:
    owner.venv.mkdir(mode=0o555)

    answer = owner.lockenv("sync", status=None)

    assert answer.status in {2, 6}
    assert ".venv" in answer.err


@pytest.mark.skipif(not _IS_ROOT, reason="needs root, to mount")
@pytest.mark.root
def test_a_read_only_disk_is_told(owner: User) -> None:
    owner.lockenv("sync")
    with _mounted(owner.venv, "size=1m", read_only=True):
        answer = owner.lockenv("sync", status=None)

    assert answer.status in {2, 6}, answer.text
    assert ".venv" in answer.err
    owner.lockenv("check", "--env")


@pytest.mark.skipif(not _IS_ROOT, reason="needs root, to mount")
@pytest.mark.root
@pytest.mark.parametrize("place", ["project", "cache", "data"])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(owner: User, place: str) -> None:
    folder = owner.ground / place
    folder.mkdir(exist_ok=True)
    files = {name: owner.read(name) for name in ("pyproject.toml", "lockenv.lock")}
    with _mounted(folder, "size=128k"):
        if place == "project":
            for name, text in files.items():
                owner.write(name, text)
        filler = folder / "filler"
        with filler.open("wb") as file:
            free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
            file.write(bytes(max(free - 16384, 0)))
        answer = owner.lockenv("sync", status=None)
        if place == "project":
            assert owner.read("lockenv.lock") == files["lockenv.lock"]
            assert not (owner.venv / "lib").exists()
        if place != "data":
            assert answer.status in {2, 6}, answer.text
            assert "space" in answer.err
        filler.unlink()
    owner.lockenv("sync")
    owner.lockenv("check", "--env")


class _mounted:  # noqa: N801 - read as a verb
    """A small disk of its own at a folder, for a block."""

    def __init__(self, folder: Path, options: str, *, read_only: bool = False) -> None:
        self._folder = folder
        self._options = options + (",ro" if read_only else "")

    def __enter__(self) -> None:
        command = ["mount", "-t", "tmpfs", "-o", self._options, "tmpfs", str(self._folder)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("this root may not mount")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self._folder)], check=True)


def test_two_syncs_at_once_both_end_well(owner: User) -> None:
    processes = [owner.start("sync") for _ in range(3)]

    answers = [finish(process) for process in processes]

    assert [answer.status for answer in answers] == [0, 0, 0], answers
    owner.lockenv("check", "--env")


def test_an_environment_that_runs_can_be_changed(
    owner: User, locked: tuple[IndexServer, str]
) -> None:
    owner.lockenv("sync")
    command = [str(owner.venv / "bin" / "python"), "-c", "import lib, sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        server, _ = locked
        owner.write("pyproject.toml", pyproject(server, dependencies=[]))
        owner.lockenv("lock")
        owner.lockenv("sync")
        assert running.poll() is None
        running.communicate()
    assert running.returncode == 0
    assert owner.versions() == {}


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_lock_says_so_and_leaves_the_former(
    owner: User, locked: tuple[IndexServer, str], name: str, status: int
) -> None:
    server, former = locked
    owner.write("pyproject.toml", pyproject(server, dependencies=["app", "slow"]))
    server.publish(wheel("slow", "1.0"))
    server.faults["/simple/slow/"] = [Fault(delay=3, lasting=True)]
    server.forget()

    answer = owner.interrupted(
        "lock", by=signal.Signals[name], when=lambda: server.asked("GET", "/simple/slow/") > 0
    )

    assert answer.status == status, answer.text
    assert answer.err.strip().count("\n") <= 1
    assert owner.read("lockenv.lock") == former
    assert {path.name for path in owner.folder.iterdir()} == {"pyproject.toml", "lockenv.lock"}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_sync_that_ends_suddenly_is_repaired_by_the_next(owner: User, name: str) -> None:
    """At moments spread over its whole life."""
    begun = time.monotonic()
    owner.lockenv("sync")
    whole = time.monotonic() - begun
    good = _content(owner)
    for part in (0.3, 0.5, 0.7, 0.8, 0.9, 1.0):
        shutil.rmtree(owner.venv, ignore_errors=True)
        shutil.rmtree(owner.cache / "unpacked", ignore_errors=True)

        answer = owner.interrupted("sync", by=signal.Signals[name], after=whole * part)

        # Before and after our own code runs, the system's answer to a signal is the answer.
        ours = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": 137}[name]
        assert answer.status in {0, ours, -signal.Signals[name]}, answer.text
        assert "Traceback" not in answer.err
    owner.lockenv("sync")
    owner.lockenv("check", "--env")
    assert _content(owner) == good


def _content(user: User) -> dict[str, tuple[int, str]]:
    """The environment's files but its own state, whose times differ."""
    return {
        path: value
        for path, value in snapshot(user.venv).items()
        if not path.startswith((".lockenv", "lockenv-state"))
    }


def test_a_lock_that_is_killed_is_the_old_or_the_new(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"), wheel("lib", "2.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib<2"]))
    begun = time.monotonic()
    user.lockenv("lock")
    whole = time.monotonic() - begun
    old = user.read("lockenv.lock")
    text = pyproject(index, dependencies=["lib>=2"])
    seen = set()
    for part in (0.6, 0.8, 0.9, 1.0, 1.1):
        user.write("lockenv.lock", old)
        user.write("pyproject.toml", text)
        user.interrupted("lock", by=signal.SIGKILL, after=whole * part)
        seen.add(user.read("lockenv.lock"))
    user.lockenv("lock")

    assert seen <= {old, user.read("lockenv.lock")}


def test_pruning_waits_for_what_uses_the_store(owner: User) -> None:
    processes = [owner.start("sync"), *(owner.start("cache", "prune", "--all") for _ in range(3))]

    answers = [finish(process) for process in processes]

    assert [answer.status for answer in answers] == [0, 0, 0, 0], answers
    owner.lockenv("check", "--env")


def test_many_commands_on_one_store_end_well(owner: User, tmp_path: Path) -> None:
    others = []
    for number in range(3):
        other = User(
            tmp_path / f"other{number}", variables={"XDG_CACHE_HOME": str(owner.cache.parent)}
        )
        for name in ("pyproject.toml", "lockenv.lock"):
            other.write(name, owner.read(name))
        others.append(other)

    started = [user.start(verb) for user in (owner, *others) for verb in ("sync", "lock", "sync")]
    answers = [finish(process) for process in started]

    assert {answer.status for answer in answers} == {0}, answers
    for user in (owner, *others):
        user.lockenv("check", "--env")
    owner.lockenv("cache", "verify")


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be any bytes")
def test_a_place_that_is_no_text_takes_no_environment(owner: User) -> None:
    odd = owner.folder.with_name(os.fsdecode(b"odd-\xff"))
    owner.folder.rename(odd)
    owner.folder = odd
    owner.write("lockenv.lock", owner.lock_path.read_text())

    answer = owner.lockenv("sync", status=2)

    assert answer.slug == "unusable-path"
    owner.lockenv("check")


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize(
    "name", ["a b", "it's", "\"both\" 'quotes'", "$HOME `id` $(id)", "back\\slash 7", "tab\there"]
)
def test_scripts_run_whatever_the_folder_is_called(owner: User, name: str) -> None:
    odd = owner.folder.with_name(name)
    owner.folder.rename(odd)
    owner.folder = odd
    owner.lockenv("sync")

    script = subprocess.run(
        [owner.venv / "bin" / "app"], capture_output=True, text=True, check=True
    )

    assert script.stdout == f"{owner.venv}\n"
    assert not script.stderr
    assert owner.lockenv("run", "-q", "app").out == script.stdout
    owner.lockenv("check", "--env")


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_a_folder_that_path_cannot_name_runs_its_own_programs_and_says_so(owner: User) -> None:
    odd = owner.folder.with_name("one:two")
    owner.folder.rename(odd)
    owner.folder = odd
    owner.lockenv("sync")

    for _ in range(2):  # the second time it is remembered
        answer = owner.lockenv("run", "app")
        assert answer.out == f"{owner.venv}\n"
        assert "note: PATH cannot name" in answer.err
