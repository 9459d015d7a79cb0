"""A project that its own dependencies ask for: pluggy tested by pytest, dask beside distributed."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    index.publish(
        backend_wheel(),
        wheel("plug", "0.1"),
        wheel("plug", "0.9", extras={"fast": []}),
        wheel("tester", "2.0", requires=["plug[fast]<1"]),
        wheel("tester", "1.0"),
        wheel("speed", "1.0"),
        wheel("slow", "1.0"),
    )
    return index


def project(
    user: User, world: IndexServer, *, version: str = '"0.1"', group: str = "tester"
) -> None:
    text = pyproject(
        world,
        name="plug",
        groups={"dev": [group]},
        extras={"fast": ["speed>=1"], "more": ["slow"]},
        build=True,
    )
    user.write("pyproject.toml", text.replace('version = "0.1"', f"version = {version}"))
    user.write("plug.py", "WHERE = __file__\n")


def own(user: User) -> dict[str, object]:
    [found] = [
        one for one in tomllib.loads(user.read("lockenv.lock"))["packages"] if one["name"] == "plug"
    ]
    assert isinstance(found, dict)
    return found


def test_who_asks_for_the_project_gets_the_project(user: User, world: IndexServer) -> None:
    project(user, world)

    user.lockenv("lock")

    entry = own(user)
    assert entry["directory"] == {"path": ".", "editable": True}
    assert entry["groups"] == ["group:dev", "project"]
    assert entry["extras"] == ["fast"]
    assert entry["dependencies"] == ['speed>=1; extra == "fast"']
    user.lockenv("sync")
    assert set(user.versions()) == {"plug", "speed", "tester"}
    assert user.asks("import plug; print(plug.WHERE)") == str(user.folder / "plug.py")
    user.lockenv("check", "--all")
    assert "tester 2.0 asks plug[fast]<1" in user.lockenv("why", "plug").out
    assert "plug" in user.lockenv("tree").out
    assert "up to date" in user.lockenv("lock").err


def test_without_the_project_it_is_left_out_though_others_ask(
    user: User, world: IndexServer
) -> None:
    project(user, world)
    user.lockenv("lock")

    user.lockenv("sync", "--no-project")

    assert set(user.versions()) == {"speed", "tester"}


def test_a_version_of_the_project_that_nobody_admits_moves_who_asks(
    user: User, world: IndexServer
) -> None:
    project(user, world, version='"1.5"')

    user.lockenv("lock")

    assert "dependencies" not in own(user)
    user.lockenv("sync")
    assert user.versions()["tester"] == "1.0"


def test_where_only_the_projects_own_version_is_in_the_way_that_is_said(
    user: User, world: IndexServer
) -> None:
    project(user, world, version='"1.5"', group="tester>=2")

    answer = user.lockenv("lock", status=3)

    assert "1.5: it is the project itself" in answer.err


def test_a_new_version_of_the_project_is_drift_if_a_package_does_not_admit_it(
    user: User, world: IndexServer
) -> None:
    project(user, world)
    user.lockenv("lock")
    project(user, world, version='"0.2"')
    user.lockenv("check")

    project(user, world, version='"1.5"')

    answer = user.lockenv("check", status=1)
    assert "LE103" in answer.out + answer.err
    assert "the project is plug 1.5, says pyproject.toml:3" in answer.out + answer.err
    user.lockenv("sync", status=1)
    user.lockenv("lock")
    user.lockenv("check")


def test_a_version_that_only_a_build_tells_answers_whoever_asks(
    user: User, world: IndexServer
) -> None:
    project(user, world)
    text = user.read("pyproject.toml").replace('version = "0.1"', 'dynamic = ["version"]')
    user.write("pyproject.toml", text)

    user.lockenv("lock")

    assert own(user)["directory"] == {"path": ".", "editable": True}
    user.lockenv("check")


def test_what_is_not_installed_itself_can_be_had_from_the_index(
    user: User, world: IndexServer
) -> None:
    project(user, world)
    user.write(
        "pyproject.toml",
        user.read("pyproject.toml").replace("[tool.lockenv]", "[tool.lockenv]\npackage = false"),
    )

    user.lockenv("lock")

    assert own(user)["version"] == "0.9"


def test_a_name_that_is_not_normalised_is_the_same_project(user: User, world: IndexServer) -> None:
    project(user, world)
    text = user.read("pyproject.toml").replace('name = "plug"', 'name = "Plug"', 1)
    user.write("pyproject.toml", text)

    user.lockenv("lock")

    assert own(user)["directory"] == {"path": ".", "editable": True}
    user.lockenv("check")
