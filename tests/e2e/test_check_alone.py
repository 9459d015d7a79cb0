"""``check`` by itself: no network, another clock, nothing writable, and no variable that helps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.projects import OTHER, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

#: What stands before the command, and the program that it needs.
ROOMS = {
    "no network": ["unshare", "--net"],
    "the year 2040": ["faketime", "2040-01-01"],
    "a read-only file system": [
        "unshare",
        "--mount",
        "sh",
        "-c",
        (
            'mount --bind "$PWD/.." "$PWD/.." && mount -o remount,ro,bind "$PWD/.."'
            ' && cd "$PWD" && exec "$@"'
        ),
        "sh",
    ],
}


@pytest.mark.parametrize("asked", ["lib", "lib<2"])
@pytest.mark.parametrize("room", ROOMS)
def test_the_answer_is_the_same_everywhere(
    user: User, index: IndexServer, room: str, asked: str
) -> None:
    words = ROOMS[room]
    if shutil.which(words[0]) is None or (words[0] == "unshare" and os.geteuid() != 0):
        pytest.skip(f"needs {words[0]}, as root")
    index.publish(wheel("lib", "2.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(index, dependencies=[asked]))
    before = user.lockenv("check", "--format", "json", status=None)
    shutil.rmtree(user.cache)  # no answer from memory

    done = subprocess.run(
        [*words, user.python, "-m", "lockenv", "check", "--format", "json"],
        cwd=user.folder,
        env=user.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (before.status, before.out), done.stderr


def test_no_variable_and_no_configuration_weakens_it(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "2.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(index, dependencies=["lib<2"]))
    plain = user.lockenv("check", "--format", "json", status=1).out
    user.configure("jobs = 1\n")
    names = ("TARGET", "VENV", "OFFLINE", "CACHE_DIR", "DATA_DIR")
    values = (OTHER, "nowhere", "1", "elsewhere", "elsewhere")
    variables = {f"LOCKENV_{name}": value for name, value in zip(names, values, strict=True)}

    for name, value in variables.items():
        assert (
            user.lockenv("check", "--format", "json", status=1, variables={name: value}).out
            == plain
        )
    answer = user.lockenv("check", "--format", "json", status=1, variables=variables)
    assert {one["code"] for one in json.loads(answer.out)["findings"]} == {"LE103"}
