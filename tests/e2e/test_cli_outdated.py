"""``outdated``: what could move and what holds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.projects import pyproject
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
        "  newest 2.0, held by: project asks bound<2",
        "free 1.0 -> 2.0",
        "lib 1.0 -> 2.0",
        "  newest 3.0, held by: app 1.0 asks lib<3",
    ]
    document = json.loads(user.lockenv("outdated", "--format", "json").out)
    assert document["schema"] == "lockenv/outdated/1"
    assert [row["possible"] for row in document["packages"]] == ["1.0", "2.0", "2.0"]
    assert user.read("lockenv.lock") == before
    user.lockenv("outdated", "--target", "nowhere", status=2)
