"""The merge driver and the textconv as git runs them."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


@pytest.fixture
def cloned(user: User, index: IndexServer) -> User:
    """A project in git with the driver installed, locked at ``lib`` 1.0 and ``tool`` 1.0."""
    index.headers["cache-control"] = "no-cache"
    index.publish(wheel("lib", "1.0"), wheel("tool", "1.0"))
    folder = user.ground / "bin"
    folder.mkdir()
    (folder / "lockenv").write_text(f'#!/bin/sh\nexec {shlex.quote(user.python)} -m lockenv "$@"\n')
    (folder / "lockenv").chmod(0o755)
    user.variables |= {
        "PATH": f"{folder}{os.pathsep}{user.environment()['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.example",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.example",
    }
    user.write("pyproject.toml", pyproject(index, dependencies=["lib", "tool"]))
    git(user, "init", "-q", "-b", "main")
    user.lockenv("lock")
    user.lockenv("doctor", "--install-merge-driver")
    git(user, "add", "-A")
    git(user, "commit", "-qm", "first")
    git(user, "branch", "theirs")
    return user


def git(user: User, *words: str, status: int = 0) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=user.folder,
        env=user.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_git_diff_shows_a_lock_one_line_a_thing(cloned: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "2.0"))
    cloned.lockenv("lock", "--upgrade")

    shown = git(cloned, "diff")

    lines = [
        line for line in shown.splitlines() if line[:1] in {"+", "-"} and line[1:2] not in "+-"
    ]
    assert [line.split(" sha256")[0] for line in lines] == ["-python lib 1.0", "+python lib 2.0"]


def test_where_both_moved_a_pin_the_newer_stays(cloned: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "2.0"))
    cloned.lockenv("lock", "-P", "lib")
    git(cloned, "commit", "-qam", "ours")
    git(cloned, "checkout", "-q", "theirs")
    index.publish(wheel("lib", "3.0"), wheel("tool", "2.0"))
    cloned.lockenv("lock", "--upgrade")
    git(cloned, "commit", "-qam", "theirs")
    git(cloned, "checkout", "-q", "main")

    git(cloned, "merge", "-q", "theirs", "-m", "merge")

    cloned.lockenv("check")
    assert '"lib"\nversion = "3.0"' in cloned.read("lockenv.lock")
    assert '"tool"\nversion = "2.0"' in cloned.read("lockenv.lock")


def _apart(user: User, index: IndexServer) -> None:
    """Both sides move to versions of ``lib`` that the other's ``tool`` does not want."""
    index.publish(wheel("lib", "2.0"), wheel("tool", "2.0", requires=["lib==2.0"]))
    user.lockenv("lock", "--upgrade")
    git(user, "commit", "-qam", "ours")
    git(user, "checkout", "-q", "theirs")
    index.publish(wheel("lib", "3.0"))
    user.lockenv("lock", "-P", "lib==3.0")
    git(user, "commit", "-qam", "theirs")
    git(user, "checkout", "-q", "main")


def test_what_fits_neither_way_is_resolved_again_while_git_merges(
    cloned: User, index: IndexServer
) -> None:
    _apart(cloned, index)
    # The merged manifest asks for both: no side's lock answers that.
    git(cloned, "checkout", "-q", "theirs")
    text = cloned.read("pyproject.toml")
    cloned.write("pyproject.toml", text.replace('"lib"', '"lib>=3"'))
    cloned.lockenv("lock")
    git(cloned, "commit", "-qam", "bound")
    git(cloned, "checkout", "-q", "main")

    git(cloned, "merge", "-q", "theirs", "-m", "merge")

    cloned.lockenv("check")
    lock = cloned.read("lockenv.lock")
    assert '"lib"\nversion = "3.0"' in lock
    assert '"tool"\nversion = "1.0"' in lock


def test_without_the_network_markers_stay_and_lock_mends_them(
    cloned: User, index: IndexServer
) -> None:
    _apart(cloned, index)
    git(cloned, "checkout", "-q", "theirs")
    text = cloned.read("pyproject.toml")
    cloned.write("pyproject.toml", text.replace('"tool"', '"tool", "extra-one"'))
    index.publish(wheel("extra-one", "1.0", requires=["lib>=3"]))
    cloned.lockenv("lock")
    git(cloned, "commit", "-qam", "bound")
    git(cloned, "checkout", "-q", "main")
    cloned.variables["LOCKENV_OFFLINE"] = "1"
    cloned.variables["XDG_CACHE_HOME"] = str(cloned.ground / "empty")

    git(cloned, "merge", "-q", "theirs", "-m", "merge", status=1)

    assert "<<<<<<< ours" in cloned.read("lockenv.lock")
    assert "LE206" in cloned.lockenv("check", status=2).out
    del cloned.variables["LOCKENV_OFFLINE"]
    cloned.lockenv("lock")
    cloned.lockenv("check")


def test_a_lock_that_cannot_be_read_is_left_to_git(cloned: User) -> None:
    for name in ("base", "ours", "theirs"):
        cloned.write(f"{name}.lock", f"this is {name}\n")

    answer = cloned.lockenv("merge-driver", "base.lock", "ours.lock", "theirs.lock", status=1)

    assert "cannot be merged by meaning" in answer.err
    assert "<<<<<<<" in cloned.read("ours.lock")
    cloned.lockenv("merge-driver", "base.lock", status=2)
    cloned.lockenv("merge-driver", "a", "b", "c", status=2)
    assert cloned.lockenv("merge-driver", "--textconv", "ours.lock").out == cloned.read("ours.lock")


def test_doctor_says_how_locks_merge_here(cloned: User) -> None:
    assert "locks merge by meaning" in cloned.lockenv("doctor").out
    git(cloned, "config", "--unset", "merge.lockenv.driver")
    assert "--install-merge-driver" in cloned.lockenv("doctor").out
    assert cloned.lockenv("doctor", "--install-merge-driver").out == "set merge.lockenv.driver\n"
