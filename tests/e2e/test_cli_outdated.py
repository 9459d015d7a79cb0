"""``outdated``: what could move and what holds it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.support.projects import MINOR, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


def test_what_could_move_and_what_holds_it(user: User, index: IndexServer) -> None:
    index.headers["cache-control"] = "no-cache"
    index.publish(wheel("app", "1.0", requires=["lib<3"]), wheel("lib", "1.0"))
    index.publish(wheel("free", "1.0"), wheel("bound", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["app", "free", "bound<2"]))
    user.lockenv("lock")
    assert user.lockenv("outdated").out == ""
    before = user.read("lockenv.lock")
    index.publish(wheel("lib", "2.0"), wheel("lib", "3.0"), wheel("free", "2.0"))
    index.publish(wheel("free", "3.0a1"), wheel("bound", "2.0"))

    answer = user.lockenv("outdated")

    lines = [line.split("  (")[0] for line in answer.out.splitlines()]
    assert lines == [
        "bound 1.0",
        "  newest 2.0, held by: pyproject.toml:5 asks bound<2",
        "free 1.0 -> 2.0",
        "lib 1.0 -> 2.0",
        "  newest 3.0, held by: app 1.0 asks lib<3",
    ]
    document = json.loads(user.lockenv("outdated", "--format", "json").out)
    assert document["schema"] == "lockenv/outdated/1"
    assert [row["possible"] for row in document["packages"]] == ["1.0", "2.0", "2.0"]
    assert user.read("lockenv.lock") == before
    user.lockenv("outdated", "--target", "nowhere", status=2)


def test_a_newer_interpreter_and_files_that_are_too_young_are_told_with_what_holds_them(
    user: User, index: IndexServer
) -> None:
    index.headers["cache-control"] = "no-cache"
    index.publish(wheel("app", "1.0"), upload_time="2026-01-01T00:00:00Z")
    index.publish(wheel("app", "2.0"), upload_time="2026-03-01T00:00:00Z")
    text = pyproject(index, dependencies=["app"], tool='as-of = "2026-02-01"')
    text = text.replace('python-source = "host"', "").replace(f'"{MINOR}"', '"3.11"')
    user.write("pyproject.toml", text.replace(f">={MINOR}", ">=3.11"))
    user.lockenv("lock")

    answer = user.lockenv("outdated")

    assert "held by: it was uploaded on 2026-03-01, after as-of" in answer.out
    assert "python 3.11." in answer.out
    assert re.search(r"held by: pyproject.toml:\d+ asks python 3.11", answer.out)
    assert "nothing is newer than as-of = 2026-02-01" in answer.err


def test_each_layer_that_moved_is_explained(user: User, index: IndexServer) -> None:
    index.publish(wheel("app", "1.0"))
    text = pyproject(index, dependencies=["app"]).replace('python-source = "host"', "")
    text = text.replace(f">={MINOR}", ">=3.11")
    user.write("pyproject.toml", text.replace(f'"{MINOR}"', '"3.11"'))
    user.lockenv("lock")
    user.write("pyproject.toml", text.replace(f'"{MINOR}"', '"3.12"'))

    explained = user.lockenv("lock", "--explain").err

    assert re.search(
        r"python 3\.11\.\d+ -> 3\.12\.\d+: the manifest now says python 3\.12", explained
    )
