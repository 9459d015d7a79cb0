"""Images that cannot be made of what is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


def test_a_base_in_a_registry_that_does_not_answer_is_network_trouble(
    user: User, index: IndexServer
) -> None:
    index.publish(wheel("app", "1.0"))
    image = '\n[tool.lockenv.image]\nbase = "127.0.0.1:1/debian:12"\n'
    user.write("pyproject.toml", pyproject(index, dependencies=["app"]) + image)

    answer = user.lockenv("lock", status=5)

    assert answer.slug == "registry-trouble"
    assert not user.lock_path.exists()
