"""Debian packages that attack whoever makes an image of them: refused whole, nothing outside.

With LOCKENV_HOSTILE=1 each story is told to the command; else a few are, and
tests/unit/materialize/test_debian_members.py reads the others without it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lockenv.sandbox import abilities
from tests.support.commands import snapshot
from tests.support.debs import can_make_host_base
from tests.support.hostile_debs import CONTAINED, EVIL, HOSTILE
from tests.support.image_world import image_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.image_world import World

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(
        not any(one.works for one in abilities()), reason="needs root or user namespaces"
    ),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
]
#: One for each place that refuses.
USUAL = (
    "a path that leaves",
    "another package's program",
    "the environment's python",
    "a bomb of zstd",
)
EVERY = "LOCKENV_HOSTILE" in os.environ


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with image_world(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.mark.parametrize("story", HOSTILE if EVERY else USUAL)
def test_a_hostile_package_is_refused(world: World, story: str) -> None:
    """Its hash is right, since somebody locked it: what is inside must be judged all the same."""
    world.becomes(HOSTILE[story](str(world.outside)))
    before = snapshot(world.outside)

    answer = world.user.lockenv("image", status=None)

    assert answer.status == 4, answer.text
    assert "evil" in answer.err
    assert "fix:" in answer.err
    assert answer.out == ""
    assert snapshot(world.outside) == before
    assert not list(world.user.ground.rglob(EVIL))


@pytest.mark.parametrize("story", CONTAINED if EVERY else ("a script that writes outside",))
def test_what_a_root_may_hold_stays_in_it(world: World, story: str) -> None:
    world.becomes(CONTAINED[story](str(world.outside)))
    before = snapshot(world.outside)

    answer = world.user.lockenv("image", status=None)

    assert answer.status == 0, answer.text
    assert snapshot(world.outside) == before
