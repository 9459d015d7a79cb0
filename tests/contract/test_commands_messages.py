"""The messages of the main errors, word for word, in 60 columns and without colour.

``LOCKENV_WRITE_GOLDEN=1 pytest tests/contract/test_commands_messages.py`` writes them anew.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import SOURCE, User
from tests.support.index_server import Fault, serve_index
from tests.support.projects import MINOR, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.commands import Answer
    from tests.support.index_server import IndexServer

GOLDEN = SOURCE / "tests" / "golden" / "messages"


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        server.publish(
            wheel("app", "1.0", requires=["lib<2"]), wheel("lib", "1.0"), wheel("lib", "2.0")
        )
        yield server


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = User(tmp_path)
    user.variables |= {"COLUMNS": "60", "NO_COLOR": "1"}
    return user


def _clash(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["app", "lib>=2"]))
    return user.lockenv("lock", status=3)


def _faults(user: User, index: IndexServer) -> Answer:
    text = pyproject(index, dependencies=["bad one!"], tool="targts = 1")
    user.write("pyproject.toml", text)
    return user.lockenv("lock", status=2)


def _other_file(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")
    index.faults["/files/lib-2.0-py3-none-any.whl"] = [Fault(body=b"other", lasting=True)]
    answer = user.lockenv("sync", status=4)
    index.faults.clear()
    return answer


def _stale(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib<2"]))
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(index, dependencies=["lib>=2"], tool='align = "off"'))
    return user.lockenv("check", status=1)


def _refused_sync(user: User, index: IndexServer) -> Answer:
    _stale(user, index)
    return user.lockenv("sync", status=1)


def _missing_lock(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    return user.lockenv("check", status=1)


def _offline(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    return user.lockenv("--offline", "lock", status=8)


def _server_error(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    index.faults["/simple/lib/"] = [Fault(status=503, lasting=True)]
    answer = user.lockenv("lock", status=5)
    index.faults.clear()
    return answer


def _refused_login(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    index.faults["/simple/lib/"] = [Fault(status=401, lasting=True)]
    answer = user.lockenv("lock", status=8)
    index.faults.clear()
    return answer


def _strange_venv(user: User, index: IndexServer) -> Answer:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")
    user.write(".venv/thesis.txt", "mine")
    return user.lockenv("sync", status=2)


def _no_manifest(user: User, index: IndexServer) -> Answer:
    del index
    (user.folder / ".git").mkdir()
    return user.lockenv("lock", status=2)


STORIES: dict[str, Callable[[User, IndexServer], Answer]] = {
    "clash": _clash,
    "faults-of-a-manifest": _faults,
    "another-file-than-locked": _other_file,
    "drift": _stale,
    "sync-of-a-stale-lock": _refused_sync,
    "no-lock": _missing_lock,
    "offline": _offline,
    "server-error": _server_error,
    "refused-login": _refused_login,
    "strange-environment": _strange_venv,
    "no-manifest": _no_manifest,
}


@pytest.mark.parametrize("story", STORIES)
def test_messages_are_as_they_were_reviewed(user: User, index: IndexServer, story: str) -> None:
    answer = STORIES[story](user, index)

    text = _neutral(answer.out + answer.err, user, index)
    path = GOLDEN / f"{story}.txt"
    if os.environ.get("LOCKENV_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert "\x1b" not in text


def _neutral(text: str, user: User, index: IndexServer) -> str:
    """The text without what differs from one run to the next."""
    text = text.replace(index.root, "http://index.example").replace(f":{index.port}", "")
    text = text.replace(str(user.ground), "/home/user").replace(PLATFORM, "PLATFORM")
    text = re.sub(rf"\b{re.escape(MINOR)}(\.\d+)?", "X.Y", text)
    return re.sub(r"sha256:[0-9a-f]{64}", lambda match: match[0][:15] + "...", text)


def test_colour_is_asked_for_and_refused(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    coloured = user.lockenv("--color", "always", "check", status=1, variables={"NO_COLOR": ""})
    plain = user.lockenv("--color", "never", "check", status=1)

    assert "\x1b[" in coloured.out
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.out) == plain.out
