"""People come from other tools, and some stay with them: `init`, `import`, `follow`, `export`."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.projects import MINOR, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer


def two_versions(index: IndexServer) -> None:
    """``lib`` 1.0 and 2.0, and an ``app`` that needs it."""
    for version in ("1.0", "2.0"):
        index.publish(wheel("lib", version))
    index.publish(wheel("app", "1.0", requires=["lib"]))


def uv_lock(index: IndexServer, version: str, digest: str = "") -> str:
    """A uv.lock of a project that asks for ``app``."""
    registry = f'source = {{ registry = "{index.url}" }}'
    wheels = f'wheels = [{{ url = "x", hash = "sha256:{digest}" }}]' if digest else ""
    return f"""
version = 1
requires-python = ">={MINOR}"
[[package]]
name = "demo-project"
version = "0.1"
source = {{ virtual = "." }}
[package.metadata]
requires-dist = [{{ name = "app" }}]
[[package]]
name = "app"
version = "1.0"
{registry}
[[package]]
name = "lib"
version = "{version}"
{registry}
{wheels}
"""


def locked(user: User) -> dict[str, str]:
    lock = tomllib.loads(user.lock_path.read_text(encoding="utf-8"))
    return {one["name"]: one["version"] for one in lock["packages"]}


def test_a_project_of_uvs_comes_over_with_its_pins(tmp_path: Path) -> None:
    user = User(tmp_path)
    with serve_index() as index:
        two_versions(index)
        user.write(
            "pyproject.toml",
            '[project]\nname = "demo-project"\nversion = "0.1"\n'
            f'requires-python = ">={MINOR}"\ndependencies = ["app"]\n'
            f'[[tool.uv.index]]\nname = "local"\nurl = "{index.url}"\ndefault = true\n',
        )
        user.write("uv.lock", uv_lock(index, "1.0"))

        begun = user.lockenv("init", "--python", MINOR)
        stale = user.lockenv("check", status=1)
        user.lockenv("lock")
        user.lockenv("check")

    assert "2 pins" in begun.out
    assert "LE105" in stale.out
    assert locked(user) == {"app": "1.0", "lib": "1.0"}
    assert "preferences" not in user.read("lockenv.lock")


def test_an_import_adds_what_is_missing_and_says_what_did_not_map(tmp_path: Path) -> None:
    user = User(tmp_path)
    with serve_index() as index:
        two_versions(index)
        user.write("pyproject.toml", pyproject(index, dependencies=["app"]))
        user.lockenv("lock")
        assert locked(user)["lib"] == "2.0"
        user.write(
            "build.envd",
            'def build():\n    install.python_packages(["app", "lib"])\n    run(["make"])\n',
        )
        user.write("requirements.txt", "lib==1.0 --hash=sha256:aa\n    # via app\n")

        envd = user.lockenv("import", "build.envd")
        compiled = user.lockenv("import", "requirements.txt")
        user.lockenv("lock")

    assert "added lib" in envd.out
    assert "build.envd:3: run: make did not map" in envd.err
    assert "1 pins" in compiled.out
    assert locked(user)["lib"] == "1.0"
    assert user.lockenv("import", "nothing.txt", status=2).slug == "no-file"
    (user.folder / "uv.lock").write_bytes(b"\xff\xfe")
    assert user.lockenv("import", "uv.lock", status=2).slug == "not-utf-8"
    with (user.folder / "poetry.lock").open("wb") as file:
        file.truncate(1 << 34)
    assert user.lockenv("import", "poetry.lock", status=2).slug == "too-large"
    (user.folder / "poetry.lock").unlink()
    user.write("notes.md", "x")
    assert user.lockenv("import", "notes.md", status=2).slug == "unknown-file"


def test_a_lock_that_is_followed_stays_in_charge(tmp_path: Path) -> None:
    user = User(tmp_path)
    with serve_index() as index:
        two_versions(index)
        user.write(
            "pyproject.toml",
            pyproject(index, dependencies=["app"], tool='follow = "uv.lock"'),
        )
        assert user.lockenv("lock", status=2).slug == "missing-file"

        user.write("uv.lock", uv_lock(index, "1.0"))
        user.lockenv("lock", "--upgrade")
        user.lockenv("check")
        assert locked(user) == {"app": "1.0", "lib": "1.0"}

        user.write("uv.lock", uv_lock(index, "2.0"))
        assert "error[LE109]: uv.lock has lib 2.0" in user.lockenv("check", status=1).out
        assert user.lockenv("sync", status=1).slug == "stale-lock"
        user.lockenv("lock")
        user.lockenv("check")
        assert locked(user)["lib"] == "2.0"

        user.write("uv.lock", uv_lock(index, "2.0", digest="ab" * 32))
        assert "does not list" in user.lockenv("check", status=1).out
        user.write("uv.lock", uv_lock(index, "2.0").replace('name = "lib"', 'name = "other"'))
        assert user.lockenv("lock", status=2).slug == "LE109"


def test_declared_exports_are_kept_fresh_and_gated(tmp_path: Path) -> None:
    user = User(tmp_path)
    tables = """
[[tool.lockenv.export]]
format = "pylock"
output = "pylock.toml"

[[tool.lockenv.export]]
format = "kubernetes"
output = "deploy/job.yaml"
options = { kind = "job", image = "r.example.com/app@sha256:%s" }

[[tool.lockenv.export]]
format = "github-matrix"
output = "matrix.json"

[[tool.lockenv.export]]
format = "cyclonedx"
output = "bom.json"
""" % ("ab" * 32)
    with serve_index() as index:
        two_versions(index)
        text = pyproject(index, dependencies=["app"], tables=tables, targets=[PLATFORM])
        user.write("pyproject.toml", text)
        user.lockenv("lock")
        user.lockenv("check")

    assert "kind: Job" in user.read("deploy/job.yaml")
    assert json.loads(user.read("matrix.json"))["include"][0]["target"] == PLATFORM
    assert len(json.loads(user.read("bom.json"))["components"]) == 3
    user.write("deploy/job.yaml", "kind: Pod\n")
    stale = user.lockenv("check", status=1)
    assert "error[LE113]: deploy/job.yaml" in stale.out
    fresh = user.lockenv("export", "cyclonedx", "-o", "bom.json", "--check")
    assert "fresh" in fresh.err
    foreign = user.lockenv("export", "compose", "--kind", "job", status=2)
    assert "--kind means nothing for compose" in foreign.err
    user.write(
        "pyproject.toml", text.replace('image = "r.example.com/app@sha256:', 'image = "r/x@')
    )
    assert "carries no digest" in user.lockenv("check", status=1).out


def test_init_reads_what_lies_in_the_folder_and_names_the_rest(tmp_path: Path) -> None:
    user = User(tmp_path)
    user.write("pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["rich"]\n')
    user.write("requirements.txt", "requests<3\n")
    user.write("apt.txt", "ffmpeg\n")
    user.write("Dockerfile", "FROM debian:bookworm\n")

    answer = user.lockenv("init", "--python", MINOR)

    tool = tomllib.loads(user.read("pyproject.toml"))["tool"]["lockenv"]
    assert tool["requirements"] == ["requirements.txt"]
    assert tool["system"]["packages"] == ["ffmpeg"]
    assert "Dockerfile was not read: lockenv import Dockerfile" in answer.err
    assert user.lockenv("init", status=2).slug == "manifest-exists"


def test_a_project_of_poetrys_gets_a_manifest_of_its_own(tmp_path: Path) -> None:
    user = User(tmp_path)
    text = (
        '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "^3.9"\nflask = "^2.3"\n'
    )
    user.write("pyproject.toml", text)

    user.lockenv("init", "--python", MINOR)

    manifest = tomllib.loads(user.read("lockenv.toml"))
    assert manifest["dependencies"] == ["flask>=2.3,<3"]
    assert manifest["requires-python"] == ">=3.9,<4"
    assert user.read("pyproject.toml") == text


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"setup.py": 'import setuptools\nsetuptools.setup(name="My_Lib")\n'}, "my-lib"),
        ({"setup.py": 'NAME = "lib"\nfrom setuptools import setup\nsetup(name=NAME)\n'}, "lib"),
        (
            {
                "setup.cfg": "[metadata]\nname = lib\n[options]\ninstall_requires = x\n",
                "pyproject.toml": "[build-system]\nrequires = ['setuptools']\n",
            },
            "lib",
        ),
        ({"setup.py": "setup(**read('about'))\n"}, None),
        ({"setup.py": "print 'python 2'\n"}, None),
    ],
)
def test_a_project_that_only_its_setup_script_describes_is_its_own_local_source(
    tmp_path: Path, files: dict[str, str], name: str | None
) -> None:
    user = User(tmp_path)
    for file, text in files.items():
        user.write(file, text)
    user.write("MANIFEST.in", "include LICENSE\n")

    answer = user.lockenv("init", "--python", MINOR)

    manifest = tomllib.loads(user.read("lockenv.toml"))
    expected = name or "project"  # the folder's name
    assert manifest["dependencies"] == [expected]
    assert manifest["sources"] == {expected: {"path": ".", "editable": True}}
    assert "policy" not in manifest  # one's own folder needs none
    assert ("is a guess" in answer.err) == (name is None)
    assert "which runs it" in answer.err
    assert "MANIFEST.in" not in answer.err
    for file, text in files.items():
        assert user.read(file) == text


def test_a_setup_cfg_that_only_configures_tools_describes_no_project(tmp_path: Path) -> None:
    user = User(tmp_path)
    user.write("setup.cfg", "[flake8]\nmax-line-length = 100\n")

    user.lockenv("init", "--python", MINOR)

    assert tomllib.loads(user.read("pyproject.toml"))["project"]["dependencies"] == []
