from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import SOURCE, User
from tests.support.index_server import Fault, serve_index
from tests.support.projects import pyproject
from tests.support.startup import watched
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is remembered there")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program, so that an edit of the source during the tests changes no answer."""
    folder = tmp_path_factory.mktemp("roaming")
    shutil.copytree(SOURCE / "lockenv", folder / "lockenv")
    return folder


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as served:
        served.publish(wheel("lib", "1.0", files={"lib.py": "VALUE = 1\n"}))
        yield served


@pytest.fixture
def user(tmp_path: Path, program: Path, index: IndexServer) -> User:
    user = User(tmp_path, variables={"PYTHONPATH": str(program)})
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    return user


def relocked(user: User) -> bool:
    """Lock without the former lock; whether that was answered before anything was loaded."""
    user.lock_path.unlink(missing_ok=True)
    return watched(user, "lock").is_remembered


def test_a_lock_is_found_again_for_the_same_manifest_and_fresh_pages(
    user: User, index: IndexServer
) -> None:
    first = watched(user, "lock")
    text = user.read("lockenv.lock")
    asked = len(index.log)

    user.lock_path.unlink()
    again = watched(user, "lock")

    assert again.is_remembered
    assert again.answer == first.answer
    assert user.read("lockenv.lock") == text
    assert len(index.log) == asked


def test_another_folder_with_the_same_files_has_the_same_lock(user: User) -> None:
    user.lockenv("lock")
    text = user.read("lockenv.lock")
    other = user.ground / "project"
    other.rename(user.ground / "elsewhere")
    other.mkdir()
    shutil.copy(user.ground / "elsewhere" / "pyproject.toml", other)
    (user.ground / "deeper").mkdir()
    shutil.copy(user.ground / "elsewhere" / "pyproject.toml", user.ground / "deeper")

    assert watched(user, "lock").is_remembered
    assert user.read("lockenv.lock") == text
    assert watched(user, "-C", "../deeper", "lock").is_remembered
    assert (user.ground / "deeper" / "lockenv.lock").read_text(encoding="utf-8") == text


def test_a_lock_that_stands_is_not_written_again(user: User) -> None:
    user.lockenv("lock")
    user.lockenv("lock")
    before = user.lock_path.stat()

    assert watched(user, "lock").is_remembered
    assert user.lock_path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_page_that_is_no_longer_fresh_is_asked_for(user: User, index: IndexServer) -> None:
    index.headers["Cache-Control"] = "max-age=1"
    user.lockenv("lock")
    time.sleep(1.1)
    index.publish(wheel("lib", "2.0"))

    assert not relocked(user)
    assert "2.0" in user.read("lockenv.lock")


def test_a_page_that_may_not_be_kept_answers_nothing(user: User, index: IndexServer) -> None:
    index.headers["Cache-Control"] = "no-cache"
    user.lockenv("lock")

    assert not relocked(user)


def test_another_page_in_the_store_is_looked_at(user: User) -> None:
    user.lockenv("lock")
    for page in (user.cache / "pages").rglob("*"):
        if page.is_file():
            page.write_bytes(page.read_bytes())

    assert not relocked(user)
    assert relocked(user)


@pytest.mark.parametrize("words", [("-P", "lib"), ("--upgrade",), ("--as-of", "2030-01-01")])
def test_only_a_plain_lock_is_remembered(user: User, words: tuple[str, ...]) -> None:
    user.lockenv("lock")

    for _ in range(2):
        assert not watched(user, "lock", *words).is_remembered


def test_a_lock_that_a_clock_decides_is_not_remembered(user: User, index: IndexServer) -> None:
    tool = 'minimum-release-age = "1 day"'
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"], tool=tool))
    user.lockenv("lock")

    assert not relocked(user)


def test_a_lock_that_a_folder_decides_is_not_remembered(user: User, index: IndexServer) -> None:
    user.write("near/pyproject.toml", '[project]\nname = "near"\nversion = "1"\n')
    manifest = pyproject(
        index, dependencies=["near"], tables='[tool.lockenv.sources]\nnear = { path = "near" }\n'
    )
    index.publish(wheel("setuptools", "80.0"), wheel("wheel", "1.0"))
    user.write("pyproject.toml", manifest)
    user.lockenv("lock")

    assert not relocked(user)


def test_a_lock_found_while_a_server_was_in_trouble_is_not_remembered(
    user: User, index: IndexServer
) -> None:
    index.sizes = False
    filename = next(iter(index.published))
    index.faults[f"/files/{filename}"] = [Fault(status=404, lasting=True)]
    user.lockenv("lock")
    index.faults.clear()

    assert not relocked(user)


def test_nothing_is_written_where_the_manifest_has_a_fault(user: User) -> None:
    user.lockenv("lock")
    user.lock_path.unlink()
    user.write("pyproject.toml", user.read("pyproject.toml") + "\n[broken")

    assert not watched(user, "lock", status=2).is_remembered
    assert not user.lock_path.exists()


def test_other_files_of_other_tools_are_told(user: User) -> None:
    user.lockenv("lock")
    user.write("uv.lock", "")

    user.lock_path.unlink()
    seen = watched(user, "lock")

    assert not seen.is_remembered
    assert "uv.lock" in seen.answer.err
