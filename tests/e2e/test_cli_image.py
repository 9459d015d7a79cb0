"""Images that cannot be made of what is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


def test_an_image_on_a_base_that_is_not_locked_is_refused(user: User, index: IndexServer) -> None:
    index.publish(wheel("app", "1.0"))
    manifest = pyproject(index, dependencies=["app"])
    image = '\n[tool.lockenv.image]\nbase = "registry.example.com/debian:12"\n'
    user.write("pyproject.toml", manifest + image)
    user.lockenv("lock")

    answer = user.lockenv("image", status=2)

    assert answer.slug == "base-not-locked"
