"""``verify``: what indexes, signed archives and registries say against a lock."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import parse_lock, render_lock
from lockenv.model import Digest, Lock
from lockenv.values import replace
from tests.support.commands import User
from tests.support.index_server import Fault, serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lockenv.model import Artifact
    from tests.support.index_server import IndexServer


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        server.publish(wheel("lib", "1.0"), wheel("lib", "2.0", requires=["tool"]))
        server.publish(wheel("tool", "1.0"))
        yield server


@pytest.fixture
def user(tmp_path: Path, index: IndexServer) -> User:
    user = User(tmp_path)
    user.variables |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.example",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.example",
    }
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")
    git(user, "init", "-q", "-b", "main")
    git(user, "add", "-A")
    git(user, "commit", "-qm", "first")
    return user


def git(user: User, *words: str) -> None:
    subprocess.run(
        ["git", *words], cwd=user.folder, env=user.environment(), check=True, capture_output=True
    )


def rewrite(user: User, change: Callable[[Lock], Lock]) -> None:
    """Change the lock as somebody would who writes it as we do, check digits and all."""
    user.lock_path.write_text(render_lock(change(parse_lock(user.read("lockenv.lock")))))


def _file(change: Callable[[Artifact], Artifact]) -> Callable[[Lock], Lock]:
    def on(lock: Lock) -> Lock:
        packages = [
            replace(one, wheels=tuple(change(wheel) for wheel in one.wheels))
            if one.name == "lib"
            else one
            for one in lock.packages
        ]
        return replace(lock, packages=tuple(packages))

    return on


def codes(text: str) -> set[str]:
    return {finding["code"] for finding in json.loads(text)["findings"]}


#: What a stranger writes into a lock that `check` cannot see, and what the index says of it.
SWAPS: dict[str, tuple[Callable[[Artifact], Artifact], str]] = {
    "hash": (lambda file: replace(file, digest=Digest("sha256", "0" * 64)), "hash-differs"),
    "size": (lambda file: replace(file, size=(file.size or 0) + 1), "size-differs"),
    "time": (lambda file: replace(file, upload_time="2025-01-01T00:00:00Z"), "time-differs"),
    "url": (lambda file: replace(file, url=f"{file.url}.other"), "url-differs"),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_what_only_the_network_can_see_is_seen(user: User, swap: str) -> None:
    change, code = SWAPS[swap]
    rewrite(user, _file(change))
    user.lockenv("check")

    answer = user.lockenv("verify", "--format", "json", status=4)

    document = json.loads(answer.out)
    assert document["schema"] == "lockenv/verify/1"
    assert codes(answer.out) == {code}
    finding = document["findings"][0]
    assert finding["file"] == "lockenv.lock"
    assert finding["line"] > 1
    assert "lib" in finding["message"]
    assert codes(user.lockenv("verify", "--since", "main", "--format", "json", status=4).out) == {
        code
    }


def test_a_lock_that_nobody_touched_is_what_its_index_lists(user: User) -> None:
    answer = user.lockenv("verify")

    assert "2 files of 1 place" in answer.err
    assert answer.out == ""
    assert "0 files" in user.lockenv("verify", "--since", "HEAD").err
    user.lockenv("verify", "--since", "no-such-revision", status=2)


def test_since_asks_about_nothing_else(user: User, index: IndexServer) -> None:
    index.publish(wheel("other", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib", "other"]))
    user.lockenv("lock")
    index.forget()

    user.lockenv("verify", "--since", "HEAD")

    assert index.asked("GET", "/simple/other/") == 1
    assert index.asked("GET", "/simple/lib/") == 0


def test_a_new_origin_is_told_once_it_differs_from_the_revision(
    user: User, index: IndexServer
) -> None:
    with serve_index() as stranger:
        stranger.publish(wheel("lib", "9.0"))
        tables = f'[[tool.lockenv.index]]\nname = "new"\nurl = "{stranger.url}"\nexplicit = true\n'
        tables += '[tool.lockenv.sources]\nlib = { index = "new" }\n'
        user.write("pyproject.toml", pyproject(index, dependencies=["lib"], tables=tables))
        user.lockenv("lock")
        user.lockenv("check")

        answer = user.lockenv("verify", "--since", "main", status=1)

        assert f"LE801]: lockenv.lock takes files from {stranger.root}" in answer.out
        user.lockenv("verify")


def test_what_is_gone_and_what_was_yanked_is_told(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "2.0", requires=["tool"]), yanked="it burns")
    assert "warning[LE802]" in user.lockenv("verify").out
    del index.published["lib-2.0-py3-none-any.whl"]

    answer = user.lockenv("verify", status=8)

    assert "error[not-listed]" in answer.out
    assert "error[gone]" in user.lockenv("verify", "--available", status=8).out
    assert "error[gone]" not in answer.out


def test_trouble_of_one_index_does_not_hide_a_swapped_hash(user: User, index: IndexServer) -> None:
    rewrite(user, _file(SWAPS["hash"][0]))
    index.faults["/simple/tool/"] = [Fault(status=503, lasting=True)]

    answer = user.lockenv("verify", "--format", "json", status=4)

    assert codes(answer.out) == {"hash-differs", "network"}
    git(user, "checkout", "-q", "lockenv.lock")
    user.lockenv("verify", status=5)
    user.lockenv("--offline", "verify", status=8)


def test_a_lock_that_contradicts_itself_is_not_asked_about(user: User, index: IndexServer) -> None:
    rewrite(user, lambda lock: replace(lock, packages=lock.packages[:1]))
    index.forget()

    assert "LE201" in user.lockenv("verify", status=4).out
    assert not index.log
