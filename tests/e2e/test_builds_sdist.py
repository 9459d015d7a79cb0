"""Packages that only an sdist has: locked with the environment that builds them, and built."""

from __future__ import annotations

import json
import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.backends import source_package, witness_wheel
from tests.support.commands import User, snapshot
from tests.support.projects import OTHER, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

#: The policy line that allows one package's build.
ALLOWED = '[tool.lockenv.policy]\nsdist = { sourced = "locked-build" }\n'


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    """``sourced`` has an sdist alone and depends on ``base``, as only a build can tell."""
    index.publish(
        witness_wheel(requires=["builddep"]),
        wheel("builddep", "1.0"),
        wheel("base", "1.0"),
        source_package("sourced", "1.0", requires=["base"], reaches=f"127.0.0.1:{index.port}"),
    )
    return index


def lock_of(user: User) -> dict[str, list[dict[str, object]]]:
    return tomllib.loads(user.read("lockenv.lock"))


def circumstances(user: User, name: str = "sourced") -> dict[str, object]:
    text = user.asks(f"import json, {name}_built as b; print(json.dumps(b.CIRCUMSTANCES))")
    found: dict[str, object] = json.loads(text)
    return found


def test_a_denied_sdist_is_explained_with_the_command_that_allows_it(
    user: User, world: IndexServer
) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"]))

    refused = user.lockenv("lock", status=3)

    assert "its sdist may be built with policy.sdist" in refused.err
    assert "lockenv lock --allow-build sourced" in refused.err
    user.lockenv("lock", "--allow-build", "sourced")
    assert 'sourced = "locked-build"' in user.read("pyproject.toml")
    user.lockenv("check")
    user.lockenv("sync")
    assert user.versions() == {"base": "1.0", "sourced": "1.0"}


def test_the_build_environment_is_locked_with_hashes(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))

    user.lockenv("lock")

    [build] = lock_of(user)["builds"]
    assert (build["name"], build["version"], build["backend"]) == ("sourced", "1.0", "witness")
    members = build["packages"]
    assert isinstance(members, list)
    assert [(one["name"], one["version"]) for one in members] == [
        ("builddep", "1.0"),
        ("witness", "1.0"),
    ]
    assert all(len(one["artifact"]["hashes"]["sha256"]) == 64 for one in members)
    package = next(one for one in lock_of(user)["packages"] if one["name"] == "sourced")
    assert package["dependencies"] == ["base"]
    assert user.lockenv("lock").out == ""


def test_a_build_is_cut_off_from_user_and_network(user: User, world: IndexServer) -> None:
    user.variables |= {"SECRET": "hunter2", "TZ": "Asia/Tokyo"}
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))
    user.lockenv("lock")

    user.lockenv("sync")

    found = circumstances(user)
    variables = found["variables"]
    assert isinstance(variables, dict)
    assert variables["SECRET"] is None
    assert variables["SOURCE_DATE_EPOCH"] == "315532800"
    assert (variables["TZ"], variables["LC_ALL"]) == ("UTC0", "C.UTF-8")
    assert variables["HOME"] != str(user.ground / "home")
    assert found["umask"] == 0o022
    assert found["reaches"] is not True
    assert found["installed"] == {"builddep": "1.0", "witness": "1.0"}


def test_two_machines_build_the_same_wheel(tmp_path: Path, world: IndexServer) -> None:
    texts = []
    for name, variables in (
        ("one", {"TZ": "Pacific/Auckland", "LC_ALL": "C"}),
        ("another-machine", {"TZ": "America/Lima", "PYTHONHASHSEED": "7"}),
    ):
        user = User(tmp_path / name, variables=variables)
        user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))
        user.lockenv("lock")
        user.lockenv("sync")
        record = next(user.site.glob("sourced-*.dist-info/RECORD"))
        texts.append((user.read("lockenv.lock"), record.read_text(), circumstances(user)))

    assert texts[0] == texts[1]


def test_what_was_built_is_not_built_again(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))
    user.lockenv("lock")
    user.lockenv("sync")
    (user.site / "sourced.py").unlink()
    assert "LE304" in user.lockenv("check", "--env", status=1).out

    user.lockenv("sync", "--offline")
    user.lockenv("check", "--env")
    dry = user.lockenv("sync", "--dry-run")

    assert "up to date" in dry.err


def test_a_bundle_has_all_that_a_build_needs(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))
    user.lockenv("lock")
    user.lockenv("fetch", "--output", "bundle")
    elsewhere = User(user.ground / "elsewhere")
    elsewhere.write("pyproject.toml", user.read("pyproject.toml"))
    elsewhere.write("lockenv.lock", user.read("lockenv.lock"))
    world.forget()

    elsewhere.lockenv("sync", "--offline", "--from", str(user.folder / "bundle"))

    assert elsewhere.versions() == {"base": "1.0", "sourced": "1.0"}
    assert not world.log


def test_a_wheel_is_taken_where_there_is_one(user: User, world: IndexServer) -> None:
    world.publish(wheel("sourced", "1.0", requires=["base"]))
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))

    user.lockenv("lock")

    assert "builds" not in lock_of(user)


def test_the_sdist_serves_only_targets_without_a_wheel(user: User, world: IndexServer) -> None:
    world.publish(wheel("sourced", "1.0", requires=["base"], tag="py3-none-macosx_11_0_arm64"))
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["sourced"], targets=[PLATFORM, OTHER], tables=ALLOWED),
    )

    user.lockenv("lock")

    package = next(one for one in lock_of(user)["packages"] if one["name"] == "sourced")
    assert package["wheels"]
    assert package["sdist"]["targets"] == [PLATFORM]  # type: ignore[index]
    [build] = lock_of(user)["builds"]
    assert build["targets"] == [PLATFORM]


def test_another_platform_s_dynamic_metadata_are_told_here(user: User, world: IndexServer) -> None:
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["sourced"], targets=[OTHER], tables=ALLOWED),
    )

    user.lockenv("lock")

    [build] = lock_of(user)["builds"]
    assert build["targets"] == [OTHER]


def test_a_broken_build_shows_what_it_printed(user: User, index: IndexServer) -> None:
    index.publish(witness_wheel(), source_package("sourced", "1.0", breaks=True))
    user.write("pyproject.toml", pyproject(index, dependencies=["sourced"], tables=ALLOWED))

    broken = user.lockenv("lock", status=7)

    assert broken.slug == "build-failed"
    assert "the build is broken on purpose" in broken.err


def test_a_backend_that_asks_for_more_is_refused_unless_it_may_make_do(
    user: User, index: IndexServer
) -> None:
    index.publish(witness_wheel(), source_package("sourced", "1.0", asks=["unlocked>=2"]))
    user.write("pyproject.toml", pyproject(index, dependencies=["sourced"], tables=ALLOWED))
    user.lockenv("lock")

    refused = user.lockenv("sync", status=7)

    assert refused.slug == "undeclared-build-requirement"
    loose = ALLOWED.replace("locked-build", "allow")
    user.write("pyproject.toml", pyproject(index, dependencies=["sourced"], tables=loose))
    user.lockenv("lock")
    user.lockenv("sync")
    assert user.versions() == {"sourced": "1.0"}


def test_a_build_that_makes_another_version_is_refused(user: User, index: IndexServer) -> None:
    index.publish(witness_wheel(), source_package("sourced", "1.0", static=True, comes_out="2.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["sourced"], tables=ALLOWED))
    user.lockenv("lock")

    refused = user.lockenv("sync", status=7)

    assert refused.slug == "built-another"


def test_a_build_requirement_is_built_where_it_has_no_wheel_either(
    user: User, world: IndexServer
) -> None:
    world.publish(
        source_package("tool", "1.0"),
        source_package("made", "1.0", build_requires=["witness", "tool"], static=True),
    )
    tables = '[tool.lockenv.policy]\nsdist = { made = "locked-build", tool = "locked-build" }\n'
    user.write("pyproject.toml", pyproject(world, dependencies=["made"], tables=tables))

    user.lockenv("lock")

    assert [one["name"] for one in lock_of(user)["builds"]] == ["made", "tool"]
    user.lockenv("sync")
    assert circumstances(user, "made")["installed"] == {
        "builddep": "1.0",
        "tool": "1.0",
        "witness": "1.0",
    }


def test_what_is_built_with_itself_is_refused(user: User, world: IndexServer) -> None:
    world.publish(source_package("sourced", "2.0", build_requires=["witness", "sourced"]))
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced>=2"], tables=ALLOWED))

    assert user.lockenv("lock", status=2).slug == "build-circle"


def test_a_build_is_against_the_version_that_it_runs_with(user: User, index: IndexServer) -> None:
    index.publish(
        witness_wheel(),
        wheel("torch", "1.0"),
        wheel("torch", "2.0"),
        source_package(
            "flash", "1.0", requires=["torch"], build_requires=["witness", "torch"], static=True
        ),
    )
    tables = '[tool.lockenv.policy]\nsdist = "locked-build"\n'
    user.write("pyproject.toml", pyproject(index, dependencies=["flash", "torch<2"], tables=tables))

    user.lockenv("lock")
    user.lockenv("sync")

    installed = circumstances(user, "flash")["installed"]
    assert installed == {"torch": "1.0", "witness": "1.0"}


def test_a_build_environment_stays_until_it_is_moved(user: User, world: IndexServer) -> None:
    world.publish(wheel("builddep", "2.0"), wheel("more", "1.0"))
    old = pyproject(
        world, dependencies=["sourced"], tables=ALLOWED, tool='constraints = ["builddep<2"]'
    )
    user.write("pyproject.toml", old)
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced", "more"], tables=ALLOWED))

    user.lockenv("lock")

    [build] = lock_of(user)["builds"]
    assert "builddep-1.0" in str(build)
    user.lockenv("lock", "--upgrade")
    [build] = lock_of(user)["builds"]
    assert "builddep-2.0" in str(build)


def test_locking_one_target_keeps_the_builds_of_the_others(user: User, world: IndexServer) -> None:
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["sourced"], targets=[PLATFORM, OTHER], tables=ALLOWED),
    )
    user.lockenv("lock")
    before = lock_of(user)["builds"]

    user.lockenv("lock", "--target", PLATFORM, "--upgrade")

    assert lock_of(user)["builds"] == before


def test_a_source_archive_at_an_address_is_built(user: User, world: IndexServer) -> None:
    asked = f"sourced @ {world.root}/files/sourced-1.0.tar.gz"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked]))
    assert user.lockenv("lock", status=2).slug == "build-denied"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

    user.lockenv("lock")
    user.lockenv("sync")

    assert user.versions() == {"base": "1.0", "sourced": "1.0"}
    text = next(user.site.glob("sourced-*.dist-info/direct_url.json")).read_text()
    assert json.loads(text)["url"] == f"{world.root}/files/sourced-1.0.tar.gz"
    user.lockenv("check", "--all")


def test_a_source_archive_beside_the_project_is_built(user: User, world: IndexServer) -> None:
    source_package("sourced", "1.0", requires=["base"]).write(user.folder / "vendor")
    tables = '[tool.lockenv.sources]\nsourced = { path = "vendor/sourced-1.0.tar.gz" }\n'
    user.write(
        "pyproject.toml", pyproject(world, dependencies=["sourced"], tables=tables + ALLOWED)
    )

    user.lockenv("lock")
    user.lockenv("sync")

    assert user.versions() == {"base": "1.0", "sourced": "1.0"}
    user.lockenv("check", "--all")
    user.lockenv("cache", "prune", "--all", status=None)
    user.lockenv("sync", "--venv", "again")


def test_where_the_installed_wheel_is_from_is_said(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"], tables=ALLOWED))
    user.lockenv("lock")
    user.lockenv("sync")

    text = next(user.site.glob("sourced-*.dist-info/provenance_url.json")).read_text()
    assert json.loads(text)["url"] == f"{world.root}/files/sourced-1.0.tar.gz"


def test_a_folder_of_files_beside_the_project_is_an_index(user: User, index: IndexServer) -> None:
    for built in (witness_wheel(), wheel("base", "1.0"), source_package("sourced", "1.0")):
        built.write(user.folder / "files")
    text = pyproject(index, dependencies=["sourced", "base"], url="files", tables=ALLOWED)
    user.write("pyproject.toml", text.replace('url = "files"', 'url = "files"\nformat = "flat"'))
    user.lockenv("lock")
    elsewhere = User(user.ground / "elsewhere")
    shutil.copytree(user.folder, elsewhere.folder, dirs_exist_ok=True)

    elsewhere.lockenv("sync")

    assert elsewhere.versions() == {"base": "1.0", "sourced": "1.0"}
    assert str(user.folder) not in user.read("lockenv.lock")


def test_a_build_is_allowed_only_together_with_its_lock(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced", "nowhere"]))
    before = snapshot(user.folder)

    assert user.lockenv("lock", "--allow-build", "sourced", status=3).slug == "no-solution"
    assert snapshot(user.folder) == before
    user.write("pyproject.toml", pyproject(world, dependencies=["sourced"]))
    before = snapshot(user.folder)
    user.lockenv("lock", "--allow-build", "sourced", "--dry-run")
    assert snapshot(user.folder) == before
    refused = user.lockenv("lock", "--allow-build", "sourced", "--allow-build", "ghost", status=2)
    assert refused.slug == "needless-build"
    assert snapshot(user.folder) == before
    user.lockenv("lock", "--allow-build", "sourced")

    assert 'sdist = {sourced = "locked-build"}' in user.read("pyproject.toml")
    user.lockenv("check")


def test_a_build_that_is_allowed_for_all_needs_no_word_of_its_own(
    user: User, world: IndexServer
) -> None:
    tables = '[tool.lockenv.policy]\nsdist = "allow"\n'
    text = pyproject(world, dependencies=["sourced"], tables=tables)
    user.write("pyproject.toml", text)

    user.lockenv("lock", "--allow-build", "sourced")

    assert user.read("pyproject.toml") == text
