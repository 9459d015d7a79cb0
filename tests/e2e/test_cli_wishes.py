"""A lock that was made here and never synced: its first environment, from parts in the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.startup import watched
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are made otherwise there")

ASKED = ["app==1.0", "lib"]


@pytest.fixture
def index() -> Iterator[IndexServer]:
    many = {f"lib/part{number}.py": f"N = {number}\n" for number in range(40)}
    with serve_index() as served:
        served.publish(
            wheel("lib", "1.0", files={"lib/__init__.py": "", "lib/data.txt": "data\n", **many}),
            wheel(
                "app",
                "1.0",
                requires=["lib"],
                files={"app.py": "def main():\n    return 3\n", "other.py": "V = 1\n"},
                scripts={"app": "app:main"},
            ),
            wheel(
                "app",
                "2.0",
                requires=["lib"],
                files={"app.py": "def main():\n    return 4\n", "other.py": "V = 2\n"},
                scripts={"app": "app:main"},
            ),
            wheel("also", "1.0", files={"also.py": "", "lib/data.txt": "data\n"}),
        )
        yield served


@pytest.fixture
def user(tmp_path: Path, index: IndexServer) -> User:
    """A user with every wheel in the store, and a lock that was synced once and forgotten."""
    user = User(tmp_path)
    user.write("pyproject.toml", pyproject(index, dependencies=ASKED))
    user.lockenv("lock")
    user.lockenv("sync")
    forget(user)
    return user


def forget(user: User) -> None:
    """Forget environments and that they were ever made; wheels stay in the store."""
    shutil.rmtree(user.venv)
    subprocess.run(["rm", "-rf", user.ground / "data" / "lockenv" / "trees"], check=True)


def files(user: User) -> dict[str, tuple[bytes, int]]:
    """Every file of the environment, and whether it can be run; not the times in its state."""
    found = {}
    for path in user.venv.rglob("*"):
        if path.is_file() and not path.is_symlink() and ".lockenv" not in path.name:
            found[str(path)] = (path.read_bytes(), path.stat().st_mode & 0o111)
    del found[str(user.venv / "lockenv-state.json")]
    return found


def test_it_is_made_before_anything_is_loaded(user: User) -> None:
    user.lockenv("lock")

    seen = watched(user, "sync")

    assert seen.is_remembered
    assert "lockenv.workflows.joined" in seen.modules
    assert seen.answer.err == "+ app 1.0\n+ lib 1.0\n.venv is ready: 2 installed\n" or (
        seen.answer.err.startswith("+ app 1.0\n+ lib 1.0\nnote: ")
    )
    user.lockenv("check", "--env")
    assert "up to date" in user.lockenv("sync").err
    assert subprocess.run([user.venv / "bin" / "app"], check=False).returncode == 3


def test_it_is_what_a_sync_without_it_makes(user: User) -> None:
    slow = user.lockenv("sync", "--link-mode", "hardlink").err
    ordinary = files(user)
    forget(user)
    user.lockenv("lock")

    seen = watched(user, "sync")

    assert seen.is_remembered
    assert seen.answer.err == slow
    assert files(user) == ordinary


def test_further_ones_come_from_a_list(user: User) -> None:
    user.lockenv("lock")
    user.lockenv("sync")
    for _ in range(2):
        shutil.rmtree(user.venv)
        user.lockenv("sync")
        user.lockenv("check", "--env")

    assert list((user.ground / "data" / "lockenv" / "trees").glob("*/list"))


def test_a_manifest_that_moved_on_is_refused_as_ever(user: User, index: IndexServer) -> None:
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(index, dependencies=["app==2.0", "lib"]))

    answer = user.lockenv("sync", status=1)

    assert "stale-lock" in answer.err
    assert not user.venv.exists()


def test_files_of_the_store_that_were_changed_do_not_get_there(user: User) -> None:
    user.lockenv("lock")
    (victim,) = (user.ground / "cache" / "lockenv" / "unpacked").rglob("lib/part7.py")
    victim.chmod(0o644)
    victim.write_text("N = 'evil'\n", encoding="utf-8")

    user.lockenv("sync")

    assert user.asks("from lib import part7; print(part7.N)") == "7"
    user.lockenv("check", "--env")


@pytest.mark.parametrize("name", ["RECORD", "INSTALLER"])
def test_what_is_said_of_packages_is_mended_where_it_rotted(user: User, name: str) -> None:
    user.lockenv("lock")
    user.lockenv("sync")
    (victim,) = user.venv.rglob(f"lib-*.dist-info/{name}")
    times = victim.stat()
    victim.chmod(0o644)
    with victim.open("r+b") as file:
        file.write(b"l1c")
    victim.chmod(0o444)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert "LE304" in user.lockenv("check", "--env", status=1).out
    user.lockenv("sync")

    user.lockenv("check", "--env")
    forget(user)
    user.lockenv("lock")
    user.lockenv("sync")
    user.lockenv("check", "--env")


def test_rot_of_what_is_said_is_found_by_verify_and_made_anew(user: User) -> None:
    user.lockenv("lock")
    (victim,) = (user.ground / "cache" / "lockenv" / "unpacked" / "made").glob("e54d61*")
    victim.chmod(0o644)
    victim.write_bytes(b"lockemv\n")

    assert "damaged" in user.lockenv("cache", "verify", status=4).text
    user.lockenv("lock")
    user.lockenv("sync")

    user.lockenv("check", "--env")


def test_one_that_was_killed_half_way_lets_another_lock_come(
    user: User, index: IndexServer
) -> None:
    user.lockenv("lock")
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=link,linkat"]
    rule = ["-e", "inject=link,linkat:signal=KILL:when=12"]
    killed = subprocess.run(
        [*strace, *rule, user.python, "-m", "lockenv", "sync", "-q"],
        cwd=user.folder,
        env=user.environment(),
        check=False,
    )
    assert killed.returncode != 0
    user.write("pyproject.toml", pyproject(index, dependencies=["app==2.0", "lib"]))
    user.lockenv("lock")

    user.lockenv("sync")

    assert user.versions() == {"app": "2.0", "lib": "1.0"}
    user.lockenv("check", "--env")


def test_packages_that_share_a_file_are_left_to_the_whole_program(
    user: User, index: IndexServer
) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=[*ASKED, "also"]))
    user.lockenv("lock")
    user.lockenv("sync")
    forget(user)
    user.lockenv("lock")

    user.lockenv("sync")

    user.lockenv("check", "--env")
    assert user.versions() == {"also": "1.0", "app": "1.0", "lib": "1.0"}


def test_pruning_leaves_what_an_environment_needs(user: User) -> None:
    user.lockenv("lock")
    user.lockenv("sync")

    user.lockenv("cache", "prune")
    shutil.rmtree(user.venv)
    user.lockenv("sync")
    user.lockenv("cache", "prune", "--all")
    user.lockenv("check", "--env")
