"""Files that lie elsewhere than the lock can say: a mirror's own addresses, an index that moved."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lockenv.tables.addresses import PYTHON_INDEX
from tests.support.commands import User
from tests.support.index_server import Fault, IndexServer, serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "/files/app-1.0-py3-none-any.whl"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as served:
        served.publish(wheel("app", "1.0", files={"app.py": "VALUE = 1\n"}))
        yield served


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


def through_mirror(user: User, index: IndexServer) -> None:
    """Lock what the public index has, through a mirror whose files lie under its own addresses."""
    text = pyproject(index, dependencies=["app"])
    user.write("pyproject.toml", text.partition("[[tool.lockenv.index]]")[0])
    user.configure(f'[mirrors]\n"{PYTHON_INDEX}" = ["{index.url}"]\n')
    user.lockenv("lock")
    shutil.rmtree(user.cache)


def test_a_lock_made_through_a_mirror_is_synced_through_one(user: User, index: IndexServer) -> None:
    through_mirror(user, index)

    assert "127.0.0.1" not in user.read("lockenv.lock")
    user.lockenv("sync")
    assert user.versions() == {"app": "1.0"}
    shutil.rmtree(user.venv)
    shutil.rmtree(user.cache)
    user.lockenv("sync", "--frozen")
    assert user.versions() == {"app": "1.0"}


def test_other_bytes_of_that_name_are_refused(user: User, index: IndexServer) -> None:
    through_mirror(user, index)
    index.faults[FILE] = [Fault(body=b"other", lasting=True)]

    user.lockenv("sync", status=4)

    assert not user.venv.exists() or user.versions() == {}


def test_a_file_that_no_mirror_lists_is_not_to_be_had(user: User, index: IndexServer) -> None:
    through_mirror(user, index)
    with serve_index() as empty:
        user.configure(f'[mirrors]\n"{PYTHON_INDEX}" = ["{empty.url}"]\n')

        user.lockenv("sync", status=8)


def test_offline_it_is_said_that_it_is_not_in_the_store(user: User, index: IndexServer) -> None:
    through_mirror(user, index)

    answer = user.lockenv("sync", "--offline", status=8)

    assert "offline" in answer.err


def test_an_index_that_moved_its_files_is_asked_for_them(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["app"]))
    user.lockenv("lock")
    shutil.rmtree(user.cache)
    index.faults[FILE] = [Fault(status=404, lasting=True)]
    with serve_index() as elsewhere:
        elsewhere.publish(wheel("app", "1.0", files={"app.py": "VALUE = 1\n"}))
        index.files_at = elsewhere.root

        user.lockenv("sync")

    assert user.versions() == {"app": "1.0"}
