"""Sources under git: a branch, tag or commit is one commit in the lock, and built from there."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.backends import source_files, source_folder, witness_wheel
from tests.support.commands import User
from tests.support.git_server import Repository, serve_git
from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

ALLOWED = '[tool.lockenv.policy]\nsdist = { lib = "locked-build" }\n'


def static(version: str, dependencies: str = '["base"]') -> dict[str, str]:
    text = f'[project]\nname = "lib"\nversion = "{version}"\ndependencies = {dependencies}\n'
    text += '[build-system]\nrequires = ["tinybackend"]\nbuild-backend = "tinybackend"\n'
    return {"pyproject.toml": text, "lib.py": f"VERSION = '{version}'\n"}


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    index.publish(backend_wheel(), witness_wheel(), wheel("base", "1.0"))
    return index


@pytest.fixture
def lib(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "upstream")


def rule(lib: Repository, more: str = "") -> str:
    return f'[tool.lockenv.sources]\nlib = {{ git = "{lib.url}"{more} }}\n{ALLOWED}'


def entry(user: User, name: str = "lib") -> dict[str, object]:
    lock = tomllib.loads(user.read("lockenv.lock"))
    found: dict[str, object] = next(one for one in lock["packages"] if one["name"] == name)
    return found


def commit_of(user: User) -> object:
    vcs = entry(user)["vcs"]
    assert isinstance(vcs, dict)
    return vcs["commit-id"]


def test_a_branch_stays_at_its_commit_until_it_is_moved(
    user: User, world: IndexServer, lib: Repository
) -> None:
    first = lib.commit(static("1.0"))
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["lib"], tables=rule(lib, ', branch = "main"')),
    )
    user.lockenv("lock")
    second = lib.commit(static("2.0"))
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["lib", "base"], tables=rule(lib, ', branch = "main"')),
    )

    user.lockenv("lock")
    assert commit_of(user) == first
    assert entry(user)["vcs"] == {
        "type": "git",
        "url": lib.url,
        "requested-revision": "main",
        "commit-id": first,
    }
    user.lockenv("sync")
    assert user.versions() == {"base": "1.0", "lib": "1.0"}
    moved = user.lockenv("lock", "-P", "lib")

    assert "lib" in moved.out
    assert commit_of(user) == second
    user.lockenv("sync")
    assert user.versions()["lib"] == "2.0"
    user.lockenv("check", "--all")


def test_the_installed_package_says_which_commit_it_is(
    user: User, world: IndexServer, lib: Repository
) -> None:
    commit = lib.commit(static("1.0"), tag="v1")
    lib.commit(static("2.0"))
    user.write(
        "pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule(lib, ', tag = "v1"'))
    )
    user.lockenv("lock")
    user.lockenv("sync")

    text = next(user.site.glob("lib-*.dist-info/direct_url.json")).read_text()
    assert json.loads(text) == {
        "url": lib.url,
        "vcs_info": {"vcs": "git", "commit_id": commit, "requested_revision": "v1"},
    }


@pytest.mark.parametrize("length", [40, 9])
def test_a_commit_may_be_named_by_its_start(
    user: User, world: IndexServer, lib: Repository, length: int
) -> None:
    commit = lib.commit(static("1.0"))
    lib.commit(static("2.0"))
    asked = f"lib @ git+{lib.url}@{commit[:length]}"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

    user.lockenv("lock")

    assert commit_of(user) == commit
    user.lockenv("check")
    assert user.lockenv("lock").out == ""


def test_a_subdirectory_and_a_submodule(user: User, world: IndexServer, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit({"part.py": "PART = 1\n"})
    outer = Repository(tmp_path / "outer")
    outer.commit({f"packages/lib/{name}": text for name, text in static("1.0").items()})
    outer.git("submodule", "--quiet", "add", "../inner", "packages/lib/inner")
    outer.commit({"packages/lib/lib.py": "import pathlib\n"})
    asked = f"lib @ git+{outer.url}#subdirectory=packages/lib"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

    user.lockenv("lock")
    user.lockenv("sync")

    vcs = entry(user)["vcs"]
    assert isinstance(vcs, dict)
    assert vcs["subdirectory"] == "packages/lib"
    [checkout] = (user.cache / "git").glob("*/[0-9a-f]*")
    assert (checkout / "packages/lib/inner/part.py").is_file()
    assert user.versions() == {"base": "1.0", "lib": "1.0"}


def test_metadata_that_only_a_build_tells(user: User, world: IndexServer, lib: Repository) -> None:
    lib.commit(source_files("lib", "3.0", requires=["base"]))
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule(lib)))

    user.lockenv("lock")
    user.lockenv("sync")

    assert user.versions() == {"base": "1.0", "lib": "3.0"}


def test_a_source_under_git_is_only_built_where_that_is_allowed(
    user: User, world: IndexServer, lib: Repository
) -> None:
    lib.commit(static("1.0"))
    tables = rule(lib).replace(ALLOWED, "")
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=tables))

    refused = user.lockenv("lock", status=2)

    assert refused.slug == "build-denied"
    assert "lockenv lock --allow-build lib" in refused.err
    user.lockenv("lock", "--allow-build", "lib")


def test_a_revision_that_is_not_there_is_said(
    user: User, world: IndexServer, lib: Repository
) -> None:
    lib.commit(static("1.0"))
    user.write(
        "pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule(lib, ', tag = "v9"'))
    )

    refused = user.lockenv("lock", status=2)

    assert refused.slug == "no-revision"
    assert "no tag v9" in refused.err


def test_a_repository_that_is_not_there_is_said(user: User, world: IndexServer) -> None:
    asked = f"lib @ git+{(user.ground / 'nowhere').as_uri()}"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

    assert user.lockenv("lock", status=8).slug == "git-refused"


def test_no_hook_and_no_configuration_of_the_user_runs(
    user: User, world: IndexServer, lib: Repository
) -> None:
    lib.commit(static("1.0"))
    witness = user.ground / "ran"
    hooks = user.ground / "hooks"
    source_folder(hooks, {"post-checkout": f"#!/bin/sh\ntouch {witness}\n"})
    (hooks / "post-checkout").chmod(0o755)
    (user.ground / "home" / ".gitconfig").write_text(
        f'[core]\nhooksPath = {hooks}\n[url "file:///nowhere"]\ninsteadOf = {lib.url}\n'
    )
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule(lib)))

    user.lockenv("lock")
    user.lockenv("sync")

    assert not witness.exists()


def test_offline_the_store_is_enough(user: User, world: IndexServer, lib: Repository) -> None:
    lib.commit(static("1.0"))
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule(lib)))
    user.lockenv("lock")
    user.lockenv("sync")
    lib.folder.rename(lib.folder.with_name("away"))
    user.lockenv("sync", "--offline", "--venv", "another")

    fresh = User(user.ground / "fresh")
    fresh.write("pyproject.toml", user.read("pyproject.toml"))
    fresh.write("lockenv.lock", user.read("lockenv.lock"))

    assert fresh.lockenv("sync", "--offline", status=8).slug


def test_a_bundle_has_the_commits_too(
    user: User, world: IndexServer, lib: Repository, tmp_path: Path
) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit({"part.py": "PART = 1\n"})
    lib.commit(static("1.0"))
    lib.git("submodule", "--quiet", "add", "../inner", "inner")
    lib.commit({"more.py": "\n"})
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], tables=rule(lib)))
    user.lockenv("lock")
    user.lockenv("fetch", "--output", "bundle")
    fresh = User(user.ground / "fresh")
    fresh.write("pyproject.toml", user.read("pyproject.toml"))
    fresh.write("lockenv.lock", user.read("lockenv.lock"))
    lib.folder.rename(lib.folder.with_name("away"))
    inner.folder.rename(inner.folder.with_name("gone"))

    fresh.lockenv("sync", "--offline", "--from", str(user.folder / "bundle"))

    assert fresh.versions() == {"base": "1.0", "lib": "1.0"}


def test_a_server_is_asked_over_http(user: User, world: IndexServer, tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    inner = Repository(upstream / "inner")
    inner.commit({"part.py": "PART = 1\n"})
    lib = Repository(upstream / "lib")
    first = lib.commit(static("1.0"), tag="v1")
    lib.git("submodule", "--quiet", "add", "../inner", "inner")
    second = lib.commit(static("2.0"))
    with serve_git(upstream) as server:
        for revision, commit in (("", second), ("@v1", first), (f"@{first[:9]}", first)):
            asked = f"lib @ git+{server.root}/lib{revision}"
            user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

            user.lockenv("lock")
            user.lockenv("sync")

            assert commit_of(user) == commit
            user.lockenv("check", "--all")
    checkouts = (user.cache / "git").glob(f"*/{second}/inner/part.py")
    assert next(checkouts).is_file()


def test_a_server_that_refuses_is_status_8_and_netrc_opens_it(
    user: User, world: IndexServer, tmp_path: Path
) -> None:
    Repository(tmp_path / "upstream" / "lib").commit(static("1.0"))
    with serve_git(tmp_path / "upstream") as server:
        server.credentials = ("me", "secret")
        asked = f"lib @ git+{server.root}/lib"
        user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

        assert user.lockenv("lock", status=8).slug == "git-refused"
        netrc = user.ground / "home" / ".netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        netrc.chmod(0o600)
        user.lockenv("lock")

    assert "secret" not in user.read("lockenv.lock")


def test_a_commit_that_the_server_no_longer_has_is_gone(
    user: User, world: IndexServer, tmp_path: Path
) -> None:
    lib = Repository(tmp_path / "upstream" / "lib")
    lib.commit(static("1.0"))
    with serve_git(tmp_path / "upstream") as server:
        asked = f"lib @ git+{server.root}/lib@{'0' * 40}"
        user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

        refused = user.lockenv("lock", status=8)

    assert refused.slug == "gone"
    assert f"has no commit {'0' * 40}" in refused.err


@pytest.mark.parametrize("inner", ["../..", "/etc", "a/../../b"])
def test_a_subdirectory_stays_inside(
    user: User, world: IndexServer, lib: Repository, inner: str
) -> None:
    lib.commit(static("1.0"))
    asked = f"lib @ git+{lib.url}#subdirectory={inner}"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))

    refused = user.lockenv("lock", status=2)

    assert refused.slug == "unusable-address"
    assert "is not inside it" in refused.err


def test_another_revision_in_an_address_is_drift_and_moves_the_commit(
    user: User, world: IndexServer, lib: Repository
) -> None:
    first = lib.commit(static("1.0"), tag="v1")
    second = lib.commit(static("2.0"))
    asked = f"lib @ git+{lib.url}"
    user.write("pyproject.toml", pyproject(world, dependencies=[asked], tables=ALLOWED))
    user.lockenv("lock")
    assert commit_of(user) == second
    user.write("pyproject.toml", pyproject(world, dependencies=[f"{asked}@v1"], tables=ALLOWED))

    assert "LE103" in user.lockenv("check", status=1).out
    user.lockenv("lock")

    assert commit_of(user) == first
    user.lockenv("check")
