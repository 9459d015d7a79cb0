"""Laws of lock and check over random manifests and random worlds."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.projects import OTHER, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    import pytest

    from tests.support.index_server import IndexServer

_NAMES = ("alpha", "beta", "gamma", "delta")
_MARKERS = ("", "; sys_platform == 'linux'", "; python_version < '3'", "; sys_platform == 'darwin'")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[tuple[str, str, list[str]]], dict[str, object]]:
    """Releases with what they require, and the parts of a manifest."""
    releases = []
    for name in _NAMES:
        for version in draw(
            st.lists(st.sampled_from(["1.0", "1.5", "2.0"]), min_size=1, unique=True)
        ):
            others = [other for other in _NAMES if other != name]
            requires = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
            releases.append((name, version, [_asked(draw, other) for other in requires]))
    asked = st.lists(st.sampled_from(_NAMES), max_size=3, unique=True)
    parts: dict[str, object] = {
        "dependencies": [_asked(draw, name) for name in draw(asked)],
        "groups": {
            group: [_asked(draw, name) for name in draw(asked)]
            for group in draw(st.lists(st.sampled_from(["dev", "docs"]), unique=True))
        },
        "extras": {
            extra: [_asked(draw, name) for name in draw(asked)]
            for extra in draw(st.lists(st.sampled_from(["fast", "more"]), unique=True))
        },
        "targets": draw(st.sampled_from([[PLATFORM], [PLATFORM, OTHER]])),
    }
    return releases, parts


def _asked(draw: st.DrawFn, name: str) -> str:
    specifier = draw(st.sampled_from(["", "", ">=1", "<2", "!=1.5", ">=1.5,<3"]))
    return f"{name}{specifier}{draw(st.sampled_from(_MARKERS))}"


#: A command is a process: few examples, the same ones each time, and no search for smaller ones.
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(world=worlds(), seed=st.integers(0, 2**16))
def test_lock_then_check_is_0_and_locking_again_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    world: tuple[list[tuple[str, str, list[str]]], dict[str, object]],
    seed: int,
) -> None:
    releases, parts = world
    user = User(tmp_path_factory.mktemp("user"))
    with serve_index() as index:
        for name, version, requires in releases:
            index.publish(wheel(name, version, requires=requires))
        text = _text(index, parts)
        user.write("pyproject.toml", text)
        locked = user.lockenv("lock", status=None)
        assert locked.status in {0, 3}, locked.text
        if locked.status == 3:
            assert not user.lock_path.exists()
            return
        first = user.read("lockenv.lock")

        user.lockenv("check")
        user.write("pyproject.toml", _reformatted(text, random.Random(seed)))  # noqa: S311 - a shuffle
        user.lockenv("check")
        again = user.lockenv("lock")

        assert again.out == ""
        assert user.read("lockenv.lock") == first


def _text(index: IndexServer, parts: dict[str, object]) -> str:
    return pyproject(index, **parts)  # type: ignore[arg-type]  # the strategy above says which


def _reformatted(text: str, chance: random.Random) -> str:
    """The same manifest as another person would write it: order, blanks, quotes, comments."""
    head, *tables = re.split(r"(?m)^(?=\[)", text)
    chance.shuffle(tables)
    mixed = []
    for table in tables:
        lines = table.rstrip("\n").split("\n")
        body = [line for line in lines[1:] if line]
        chance.shuffle(body)
        spaced = [re.sub(r"^([\w-]+) = ", r"  \1   =  ", line) for line in body]
        mixed.append("\n".join([lines[0] + "  # a remark", *(f"{line} # why" for line in spaced)]))
    return head + "\n\n\n".join(mixed) + "\n"
