"""Sources under git: a branch, tag or commit is one commit in the lock, and built from there."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.backends import source_files, source_folder, witness_wheel
from tests.support.commands import User
from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.index_server import IndexServer

ALLOWED = '[tool.lockenv.policy]\nsdist = { lib = "locked-build" }\n'


class Repository:
    """A repository of another user's: no configuration of this machine has a part in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def git(self, *words: str) -> str:
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "file",
            **{f"GIT_{who}_NAME": "A U Thor" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "author@example.com" for who in ("AUTHOR", "COMMITTER")},
        }
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], *, tag: str = "") -> str:
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")
        if tag:
            self.git("tag", "--annotate", tag, "--message", tag)
        return self.git("rev-parse", "HEAD")


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
