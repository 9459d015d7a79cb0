"""Which target and which interpreter a command means, and what is said where that is not clear."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from lockenv.tables.builds import newest_build
from tests.support.projects import MINOR, OTHER, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

_TABLES = f"""
[tool.lockenv.target.small]
platform = "{PLATFORM}"

[tool.lockenv.target.large]
platform = "{PLATFORM}"
dependencies = ["extra-lib"]

[tool.lockenv.target.mac]
platform = "{OTHER}"
"""


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    index.publish(wheel("lib", "1.0"), wheel("extra-lib", "1.0"))
    return index


def test_several_targets_for_this_machine_must_be_told_apart(
    user: User, world: IndexServer
) -> None:
    targets = ["small", "large", "mac"]
    text = pyproject(world, dependencies=["lib"], targets=targets, tables=_TABLES)
    user.write("pyproject.toml", text)
    user.lockenv("lock")

    unclear = user.lockenv("sync", status=2)

    assert "small" in unclear.err
    assert "large" in unclear.err
    user.lockenv("sync", "--target", "large")
    assert set(user.versions()) == {"lib", "extra_lib"}
    assert "up to date" in user.lockenv("sync").err  # the environment remembers
    user.lockenv("sync", variables={"LOCKENV_TARGET": "small"})
    assert set(user.versions()) == {"lib"}
    near = user.lockenv("sync", "--target", "smal", status=2)
    assert "--target small" in near.err
    user.lockenv("sync", "--target", "mac", status=6)


def test_a_default_target_is_taken(user: User, world: IndexServer) -> None:
    tool = 'default-target = "large"'
    targets = ["small", "large", "mac"]
    text = pyproject(world, dependencies=["lib"], targets=targets, tables=_TABLES, tool=tool)
    user.write("pyproject.toml", text)
    user.lockenv("lock")

    user.lockenv("sync")

    assert set(user.versions()) == {"lib", "extra_lib"}


def test_no_target_for_this_machine_says_which_line_to_add(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], targets=[OTHER]))
    user.lockenv("lock")

    answer = user.lockenv("sync", status=2)

    assert answer.slug == "no-target"
    assert PLATFORM in answer.err


def test_locking_one_target_leaves_the_others(user: User, world: IndexServer) -> None:
    text = pyproject(world, dependencies=["lib"], targets=["small", "mac"], tables=_TABLES)
    user.write("pyproject.toml", text.replace("large", "big"))
    user.lockenv("lock")
    first = user.read("lockenv.lock")
    user.lockenv("lock", "--target", "small", "--upgrade")
    assert user.read("lockenv.lock") == first  # nothing new: nothing moves, no entry is split
    world.publish(wheel("lib", "2.0"))
    user.lockenv("cache", "prune")  # an index page is good for ten minutes

    answer = user.lockenv("lock", "--target", "small", "--upgrade")

    assert "2.0" in answer.out
    user.lockenv("check")
    assert user.read("lockenv.lock").count('name = "lib"\nversion = ') == 2
    user.lockenv("lock", "--upgrade")
    assert user.read("lockenv.lock").count('name = "lib"\nversion = "2.0"') == 1


def test_the_lock_does_not_look_at_this_machine(user: User, world: IndexServer) -> None:
    """No target declared: one for Linux is locked, wherever this runs, and said."""
    text = pyproject(world, dependencies=["lib"]).replace(f'targets = ["{PLATFORM}"]\n', "")
    user.write("pyproject.toml", text)

    answer = user.lockenv("lock", variables={"LOCKENV_TARGET": "nonsense"})

    assert "linux-x86_64 alone" in answer.err


def _standalone(world: IndexServer, version: str) -> str:
    text = pyproject(world, dependencies=["lib"])
    return text.replace(f'python = "{MINOR}"\npython-source = "host"', f'python = "{version}"')


def test_an_installed_interpreter_stands_in_for_a_build_that_cannot_be_had(
    user: User, world: IndexServer
) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    if newest_build(version, PLATFORM) is None:
        pytest.skip(f"the table of builds has no Python {version}")
    user.write("pyproject.toml", _standalone(world, version))
    # Nobody answers at the address of the builds.
    user.variables |= {"https_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
    user.lockenv("lock")
    assert f'version = "{version}"' in user.read("lockenv.lock")

    answer = user.lockenv("sync")

    assert version in answer.err
    assert "not at hand" in answer.err
    user.lockenv("check", "--env")


def test_another_version_is_never_taken_silently(user: User, world: IndexServer) -> None:
    wanted = next(
        f"{MINOR}.{patch}"
        for patch in range(20)
        if patch != sys.version_info[2] and newest_build(f"{MINOR}.{patch}", PLATFORM)
    )
    user.write("pyproject.toml", _standalone(world, wanted))
    user.variables |= {"https_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
    user.lockenv("lock")

    refused = user.lockenv("sync", status=6)

    assert wanted in refused.err
    assert "fix:" in refused.err
    assert not (user.venv / "bin").exists()
    taken = user.lockenv("sync", "--python", sys.executable)
    assert wanted in taken.err
    assert "LE305" in user.lockenv("check", "--env", status=1).out


def test_a_matrix_is_synced_cell_by_cell(user: User, world: IndexServer) -> None:
    text = pyproject(world, dependencies=["lib"])
    both = f'python = ["{MINOR}", "3.{sys.version_info[1] + 1}"]'
    user.write("pyproject.toml", text.replace(f'python = "{MINOR}"', both))
    user.lockenv("lock")

    user.lockenv("sync", status=2)
    user.lockenv("sync", "--python", MINOR)

    assert user.asks("import sys; print('%d.%d' % sys.version_info[:2])") == MINOR


def test_what_differs_between_targets_says_what_the_older_one_cannot_take(
    user: User, index: IndexServer
) -> None:
    index.publish(wheel("only", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64"))
    index.publish(wheel("only", "0.5", tag="cp311-cp311-macosx_11_0_arm64"))
    text = pyproject(index, dependencies=["only"], targets=["linux-x86_64", "macos-arm64"])
    user.write("pyproject.toml", text.replace(f'python = "{MINOR}"', 'python = "3.11"'))

    told = user.lockenv("lock").err

    assert "1.0 for macos-arm64: it has no wheel for this target" in told


def test_a_version_that_no_index_has_is_not_taken_for_a_name_that_none_has(
    user: User, index: IndexServer
) -> None:
    index.publish(wheel("lib", "1.0"), wheel("lib", "2.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")

    told = user.lockenv("lock", "-P", "lib==9", status=3).err

    assert "lib 2.0 to 1.0 (2 versions): lib==9 is all that may be taken" in told
    assert "spelling" not in told


def test_a_python_that_no_target_has_is_said(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index))
    user.lockenv("lock")

    refused = user.lockenv("sync", "--python", "3.9", status=2)

    assert f"{MINOR}" in refused.err
    assert "lockenv.lock has no target with Python 3.9" in refused.err
