"""Local projects as dependencies: locked with their builds, and stale where they change."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.backends import source_files, source_folder, witness_wheel
from tests.support.commands import snapshot
from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

#: A library whose pyproject.toml says everything.
STATIC = """\
[project]
name = "lib"
version = "0.3"
dependencies = ["base"]

[build-system]
requires = ["tinybackend"]
build-backend = "tinybackend"
"""
EDITABLE = '[tool.lockenv.sources]\nlib = { path = "../lib", editable = true }\n'
FROZEN = '[tool.lockenv.sources]\nlib = { path = "../lib" }\n'


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    index.publish(backend_wheel(), witness_wheel(), wheel("base", "1.0"), wheel("other", "1.0"))
    return index


def lock_of(user: User) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads(user.read("lockenv.lock"))


def entry(user: User, name: str) -> dict[str, object]:
    return next(one for one in lock_of(user)["packages"] if one["name"] == name)


def static_library(user: User, text: str = STATIC) -> None:
    source_folder(user.ground / "lib", {"pyproject.toml": text, "lib.py": "WHERE = __file__\n"})


def direct_url(user: User, name: str) -> dict[str, object]:
    text = next(user.site.glob(f"{name}-*.dist-info/direct_url.json")).read_text()
    found: dict[str, object] = json.loads(text)
    return found


def test_an_editable_library_is_a_link_to_its_folder(user: User, world: IndexServer) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))

    user.lockenv("lock")
    user.lockenv("sync")

    found = entry(user, "lib")
    assert found["directory"] == {"path": "../lib", "editable": True}
    assert "version" not in found
    assert found["dependencies"] == ["base"]
    [build] = lock_of(user)["builds"]
    assert (build["name"], build["kind"]) == ("lib", "editable")
    folder = user.ground / "lib"
    assert user.asks("import lib; print(lib.WHERE)") == str(folder / "lib.py")
    assert direct_url(user, "lib") == {"url": folder.as_uri(), "dir_info": {"editable": True}}
    user.lockenv("check", "--all")
    assert "up to date" in user.lockenv("sync").err


def test_no_editable_installs_a_copy(user: User, world: IndexServer) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))
    user.lockenv("lock")

    user.lockenv("sync", "--no-editable")

    assert user.asks("import lib; print(lib.WHERE)") == str(user.site / "lib.py")
    assert direct_url(user, "lib")["dir_info"] == {}


def test_a_library_that_is_not_editable_is_built_again_when_it_changes(
    user: User, world: IndexServer
) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=FROZEN))
    user.lockenv("lock")
    user.lockenv("sync")
    (user.ground / "lib" / "lib.py").write_text("WHERE = 'changed'\n")

    assert "would change" in user.lockenv("sync", "--dry-run").err
    user.lockenv("sync")

    assert user.asks("import lib; print(lib.WHERE)") == "changed"
    user.lockenv("check", "--all")


def test_metadata_that_only_a_build_tells_are_asked_for(user: User, world: IndexServer) -> None:
    source_folder(user.ground / "lib", source_files("lib", "2.0", requires=["base"]))
    user.write("pyproject.toml", pyproject(world, dependencies=["lib>=2"], tables=FROZEN))

    user.lockenv("lock")
    user.lockenv("sync")

    assert entry(user, "lib")["dependencies"] == ["base"]
    assert user.versions() == {"base": "1.0", "lib": "2.0"}


def test_another_build_requirement_is_drift(user: User, world: IndexServer) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))
    user.lockenv("lock")
    user.lockenv("check")
    static_library(user, STATIC.replace('["tinybackend"]', '["tinybackend", "other"]'))

    found = user.lockenv("check", status=1)

    assert "LE103" in found.out
    assert "local project lib build-requires other" in found.out
    assert user.lockenv("sync", status=1).slug == "stale-lock"
    user.lockenv("lock")
    user.lockenv("check")
    assert "other-1.0" in str(lock_of(user)["builds"])


def test_another_dependency_is_drift(user: User, world: IndexServer) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))
    user.lockenv("lock")
    static_library(user, STATIC.replace('["base"]', '["base", "other"]'))

    assert "LE103" in user.lockenv("check", status=1).out
    user.lockenv("lock")
    user.lockenv("sync")
    assert set(user.versions()) == {"base", "lib", "other"}


def test_a_comment_and_another_version_are_no_drift(user: User, world: IndexServer) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))
    user.lockenv("lock")
    static_library(user, "# ours\n" + STATIC.replace('"0.3"', '"0.4"'))

    user.lockenv("check")


def test_a_file_address_is_locked_relative_to_the_project(user: User, world: IndexServer) -> None:
    static_library(user)
    asked = f"lib @ {(user.ground / 'lib').as_uri()}"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked]))

    user.lockenv("lock")
    user.lockenv("sync")

    assert entry(user, "lib")["directory"] == {"path": "../lib"}
    user.lockenv("check", "--all")


def test_locking_changes_nothing_in_the_library(user: User, world: IndexServer) -> None:
    static_library(user)
    before = snapshot(user.ground / "lib")
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))

    user.lockenv("lock")

    assert snapshot(user.ground / "lib") == before


DENIED = '[tool.lockenv.policy]\nsdist = { lib = "deny" }\n'


def test_a_folder_whose_name_is_denied_is_not_built(user: User, world: IndexServer) -> None:
    source_folder(user.ground / "lib", source_files("lib", "2.0", requires=["base"]))
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=FROZEN + DENIED))

    denied = user.lockenv("lock", status=2)

    assert denied.slug == "build-denied"
    assert "lockenv lock --allow-build lib" in denied.err
    assert not user.lock_path.exists()


def test_a_version_alone_is_not_worth_a_build_that_is_denied(
    user: User, world: IndexServer
) -> None:
    static_library(user, STATIC.replace('version = "0.3"', 'dynamic = ["version"]'))
    tables = EDITABLE + DENIED
    user.write("pyproject.toml", pyproject(world, dependencies=["lib>=7"], tables=tables))

    user.lockenv("lock")

    assert entry(user, "lib")["dependencies"] == ["base"]
    user.lockenv("check")


#: The project itself, where only its backend says what it needs.
OWN = """\
[project]
name = "lab"
dynamic = ["version", "dependencies"]

[project.optional-dependencies]
more = ["other"]

[build-system]
requires = ["witness"]
build-backend = "witness"

"""


def own_project(user: User, world: IndexServer, *, requires: list[str]) -> None:
    body = pyproject(world)
    for file, text in source_files("lab", "0.1", requires=requires).items():
        user.write(file, text)
    user.write("requirements-test.txt", "".join(f"{line}\n" for line in requires))
    user.write("pyproject.toml", OWN + body[body.index("[tool.lockenv]") :])


def test_a_project_whose_dependencies_are_dynamic_is_built_to_learn_them(
    user: User, world: IndexServer
) -> None:
    own_project(user, world, requires=["base"])

    user.lockenv("lock")

    assert entry(user, "lab")["directory"] == {"path": ".", "editable": True}
    assert entry(user, "lab")["dependencies"] == ["base"]
    assert entry(user, "other")["groups"] == ["extra:more"]
    user.lockenv("check")
    user.lockenv("sync", "--extra", "more")
    assert set(user.versions()) == {"base", "lab", "other"}
    text = user.read("pyproject.toml")
    user.write("pyproject.toml", text.replace("[tool.lockenv]", "# a word\n[tool.lockenv]", 1))
    user.lockenv("check")  # neither words nor what is asked of lockenv change the project
    own_project(user, world, requires=["base", "other"])
    stale = user.lockenv("check", status=1)
    assert "what tells the requirements of the local project lab changed" in stale.out


def test_dynamic_dependencies_of_what_is_not_installed_are_not_lost_without_a_word(
    user: User, world: IndexServer
) -> None:
    own_project(user, world, requires=["base"])
    text = user.read("pyproject.toml")
    user.write("pyproject.toml", text.replace("[tool.lockenv]", "[tool.lockenv]\npackage = false"))

    answer = user.lockenv("lock")

    assert "only a build tells the dependencies of lab: none is locked" in answer.err


def test_a_dry_run_says_the_version_of_what_it_would_build(user: User, world: IndexServer) -> None:
    static_library(user)
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=EDITABLE))
    user.lockenv("lock")
    assert "+ lib 0.3" in user.lockenv("sync", "--dry-run").out
    user.lockenv("sync")
    source_folder(user.ground / "lib", source_files("lib", "2.0", requires=["base"]))
    user.lockenv("lock")

    told = user.lockenv("sync", "--dry-run").out

    assert "~ lib 0.3 -> (its build tells the version)" in told
    user.lockenv("sync")
    assert user.versions()["lib"] == "2.0"
