"""The life of a project, from nothing to an environment that is taken apart again."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import snapshot
from tests.support.projects import MINOR, OTHER, PLATFORM, backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


@pytest.fixture
def world(index: IndexServer) -> IndexServer:
    """An application on a library, tools for groups and extras, in several versions."""
    for version, day in (("1.0", "2026-01-01"), ("1.1", "2026-02-01"), ("2.0", "2026-03-01")):
        index.publish(wheel("lib", version), upload_time=f"{day}T00:00:00Z")
    index.publish(
        wheel(
            "app",
            "1.0",
            requires=["lib>=1"],
            scripts={"app": "app:main"},
            files={"app.py": "def main():\n    print('app runs')\n"},
        ),
        wheel("tester", "3.0", requires=["lib"]),
        wheel("painter", "4.0"),
        wheel("plotter", "5.0", requires=["painter"]),
    )
    return index


def test_a_project_lives_from_init_to_remove(user: User, world: IndexServer) -> None:
    user.lockenv("init", "--python", MINOR, "--name", "fresh")
    text = user.read("pyproject.toml")
    tool = tomllib.loads(text)["tool"]["lockenv"]
    assert PLATFORM in tool["targets"]
    text = text.replace("[tool.lockenv]", '[tool.lockenv]\npython-source = "host"', 1)
    text += (
        f'\n[[tool.lockenv.index]] # ours\nname = "local"\nurl = "{world.url}"\ndefault = true\n'
    )
    user.write("pyproject.toml", text)
    assert (user.folder / ".gitattributes").is_file()

    added = user.lockenv("add", "app")
    assert "+ app 1.0" in added.out
    assert "# ours" in user.read("pyproject.toml")
    assert user.versions() == {"app": "1.0", "lib": "2.0"}
    assert user.lockenv("run", "app").out == "app runs\n"
    user.lockenv("check", "--all")

    removed = user.lockenv("remove", "app")
    assert "- app 1.0" in removed.out
    assert user.versions() == {}
    user.lockenv("run", "app", status=127)


def test_adding_what_has_no_solution_changes_nothing(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib<2"]))
    user.lockenv("lock")
    before = snapshot(user.folder)

    answer = user.lockenv("add", "lib>=2", "nonesuch", status=3)

    assert snapshot(user.folder) == before
    assert "nonesuch" in answer.err


def test_pins_stay_until_they_are_moved(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["app", "lib<2"]))
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(world, dependencies=["app", "lib"]))
    assert "lib" not in user.lockenv("lock").out
    dry = user.lockenv("lock", "--upgrade", "--dry-run")
    assert "^ lib 1.1 -> 2.0" in dry.out
    assert "2.0" not in user.read("lockenv.lock")

    user.lockenv("lock", "-P", "lib==1.0")
    assert 'version = "1.0"' in user.read("lockenv.lock")
    moved = user.lockenv("lock", "-P", "lib")
    assert "^ lib 1.0 -> 2.0" in moved.out
    assert user.lockenv("lock").out == ""


def test_as_of_sees_the_files_of_that_day(user: User, world: IndexServer) -> None:
    world.publish(wheel("lib", "1.1", build="2"), upload_time="2026-04-01T00:00:00Z")
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"]))

    user.lockenv("lock", "--as-of", "2026-02-15")

    text = user.read("lockenv.lock")
    assert "lib-1.1-py3-none-any.whl" in text
    assert "lib-1.1-2-py3" not in text
    assert user.lockenv("lock").out == ""
    user.lockenv("check")
    assert "^ lib 1.1 -> 2.0" in user.lockenv("lock", "--upgrade").out


def test_lock_offline_needs_nothing_but_the_store(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"]))
    refused = user.lockenv("lock", "--offline", status=8)
    assert "offline" in refused.err
    user.lockenv("lock")
    text = user.read("lockenv.lock")
    user.lock_path.unlink()
    world.forget()

    user.lockenv("--offline", "lock")

    assert user.read("lockenv.lock") == text
    assert not world.log


def test_lock_check_is_check(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib<2"]))
    assert "LE101" in user.lockenv("lock", "--check", status=1).out
    user.lockenv("lock")
    user.lockenv("lock", "--check")
    user.write("pyproject.toml", pyproject(world, dependencies=["lib>=2"]))
    found = user.lockenv("lock", "--check", status=1)
    assert "error[LE103]" in found.out
    assert "pyproject.toml:5" in found.out


def test_groups_and_extras_are_chosen_and_remembered(user: User, world: IndexServer) -> None:
    user.write(
        "pyproject.toml",
        pyproject(
            world,
            dependencies=["lib"],
            groups={"dev": ["tester"], "docs": ["painter"]},
            extras={"plot": ["plotter"]},
        ),
    )
    user.lockenv("lock")

    user.lockenv("sync")
    assert user.versions() == {"lib": "2.0", "tester": "3.0"}
    user.lockenv("sync", "--group", "docs", "--extra", "plot", "--no-group", "dev")
    assert user.versions() == {"lib": "2.0", "painter": "4.0", "plotter": "5.0"}
    assert "up to date" in user.lockenv("sync").err
    user.lockenv("check", "--env")
    user.lockenv("sync", "--only-group", "docs")
    assert user.versions() == {"painter": "4.0"}
    user.lockenv("run", "python", "-c", "import painter")
    assert user.versions() == {"painter": "4.0"}
    user.lockenv("sync", "--reset")
    assert user.versions() == {"lib": "2.0", "tester": "3.0"}
    user.lockenv("sync", "--all-groups", "--all-extras")
    assert set(user.versions()) == {"lib", "tester", "painter", "plotter"}
    wrong = user.lockenv("sync", "--group", "dcos", status=2)
    assert "--group docs" in wrong.err


def test_a_stale_lock_is_refused_unless_frozen(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib<2"]))
    missing = user.lockenv("sync", status=1)
    assert "LE101" in missing.err
    user.lockenv("lock")
    user.write("pyproject.toml", pyproject(world, dependencies=["lib>=2"]))

    stale = user.lockenv("sync", status=1)

    assert "LE103" in stale.err
    assert not user.venv.exists()
    user.lockenv("sync", "--frozen")
    assert user.versions() == {"lib": "1.1"}


def test_inexact_leaves_strangers_and_exact_removes_them(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"]))
    user.lockenv("lock")
    user.lockenv("sync")
    stranger = user.site / "stranger-9.dist-info"
    stranger.mkdir()
    (stranger / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 9\n")
    (stranger / "RECORD").write_text(
        "stranger-9.dist-info/METADATA,,\nstranger-9.dist-info/RECORD,,\n"
    )

    user.lockenv("sync", "--inexact")
    assert "stranger" in user.versions()
    assert "LE302" in user.lockenv("check", "--env", status=1).out
    dry = user.lockenv("sync", "--dry-run")
    assert "- stranger 9" in dry.out
    assert "stranger" in user.versions()
    user.lockenv("sync")
    assert user.versions() == {"lib": "2.0"}


def test_the_project_is_editable_or_a_wheel_or_left_out(user: User, world: IndexServer) -> None:
    world.publish(backend_wheel())
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], build=True))
    module = user.write("demo_project.py", "WORD = 'first'\n")
    user.lockenv("lock")
    assert "version" not in _entry(user, "demo-project")

    user.lockenv("sync")
    assert user.asks("import demo_project; print(demo_project.__file__)") == str(module)
    user.lockenv("check", "--env")
    user.lockenv("sync", "--no-editable")
    assert user.asks("import demo_project; print(demo_project.__file__)").startswith(str(user.site))
    direct = json.loads(next(user.site.glob("demo_project-*/direct_url.json")).read_text())
    assert direct["url"] == user.folder.as_uri()
    user.lockenv("sync", "--no-project")
    assert user.versions() == {"lib": "2.0"}


def test_a_broken_build_is_status_7_and_leaves_the_environment(
    user: User, world: IndexServer
) -> None:
    world.publish(backend_wheel())
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"], build=True))
    user.write("demo_project.py", "")
    user.lockenv("lock")
    user.write("break-the-build", "")

    answer = user.lockenv("sync", status=7)

    assert "broken on purpose" in answer.err
    (user.folder / "break-the-build").unlink()
    user.lockenv("sync")
    user.lockenv("check", "--env")


def test_an_environment_stands_where_it_is_asked_to(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["lib"]))
    user.lockenv("lock")

    user.lockenv("sync", "--venv", "other")
    user.lockenv("sync", variables={"LOCKENV_VENV": str(user.ground / "third")})

    assert (user.folder / "other" / "pyvenv.cfg").is_file()
    assert (user.ground / "third" / "pyvenv.cfg").is_file()
    assert not user.venv.exists()


def test_another_build_of_the_same_python_is_taken_and_said(user: User, world: IndexServer) -> None:
    text = pyproject(world, dependencies=["lib"])
    version = ".".join(map(str, sys.version_info[:3]))
    user.write("pyproject.toml", text)
    user.lockenv("lock")
    here = Path(sys.base_prefix) / "bin" / f"python{MINOR}"

    answer = user.lockenv("sync", "--python", str(here))

    assert version in answer.err
    assert user.asks("import sys; print(sys.base_prefix)") == sys.base_prefix
    user.lockenv("sync", "--python", "/nonexistent/python", status=6)


def test_tree_why_id_and_diff_tell_what_is_locked(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["app"], groups={"dev": ["tester"]}))
    user.lockenv("lock")
    shown = user.lockenv("tree").out
    assert "app 1.0" in shown
    assert "lib 2.0" in shown
    assert "tester" in user.lockenv("tree", "--invert", "lib").out
    assert "lib" not in user.lockenv("tree", "--depth", "1").out.replace("demo", "")
    assert json.loads(user.lockenv("tree", "--format", "json").out)["schema"] == "lockenv/tree/1"
    why = user.lockenv("why", "lib").out
    assert "app" in why
    assert "pyproject.toml:5" in why or "project: app" in why
    assert user.lockenv("why", "pypi:lib").out == why
    assert json.loads(user.lockenv("why", "lib", "--format", "json").out)
    unknown = user.lockenv("why", "libb", status=2)
    assert "lib" in unknown.err

    first = user.lockenv("id").out
    assert first.startswith("sha256:")
    assert user.lockenv("id", "--no-group", "dev").out != first
    user.lockenv("sync")
    assert user.lockenv("run", "sh", "-c", "echo $LOCKENV_ENVIRONMENT_DIGEST").out == first

    old = user.write("old.lock", user.read("lockenv.lock"))
    user.lockenv("lock", "-P", "lib==1.0")
    changed = user.lockenv("diff", str(old), "lockenv.lock", "--exit-code", status=1)
    assert "v lib 2.0 -> 1.0" in changed.out
    assert user.lockenv("diff", str(old), str(old), "--exit-code").out == ""
    assert "lib" in user.lockenv("diff", "old.lock", "lockenv.lock", "--format", "markdown").out
    document = json.loads(user.lockenv("diff", "old.lock", "lockenv.lock", "--format", "json").out)
    assert document["schema"] == "lockenv/diff/1"


def test_exports_are_written_and_judged(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["app"]))
    user.lockenv("lock")

    printed = tomllib.loads(user.lockenv("export", "pylock").out)
    assert {package["name"] for package in printed["packages"]} == {"app", "lib"}
    user.lockenv("export", "requirements", "-o", "requirements.txt")
    text = user.read("requirements.txt")
    assert "app==1.0" in text
    assert "--hash=sha256:" in text
    user.lockenv("export", "requirements", "-o", "requirements.txt", "--check")
    user.write("requirements.txt", text.replace("1.0", "1.1"))
    stale = user.lockenv("export", "requirements", "-o", "requirements.txt", "--check", status=1)
    assert "LE113" in stale.out
    user.lockenv("export", "pylock", "-o", "wrong.toml", status=2)


def test_a_bundle_stands_in_for_the_network(user: User, world: IndexServer) -> None:
    world.publish(backend_wheel())
    user.write(
        "pyproject.toml",
        pyproject(world, dependencies=["app"], build=True, targets=[PLATFORM, OTHER]),
    )
    user.write("demo_project.py", "")
    user.lockenv("lock")
    user.lockenv("fetch", "--all-targets", "--output", "bundle")
    world.faults = {f"/files/{name}": [] for name in world.published}
    world.published.clear()
    fresh = {"XDG_CACHE_HOME": str(user.ground / "elsewhere")}

    user.lockenv("sync", status=8, variables=fresh)
    user.lockenv("sync", "--from", "bundle", "--offline", variables=fresh)

    assert user.versions() == {"app": "1.0", "demo_project": "0.1", "lib": "2.0"}
    user.lockenv("sync", "--from", "nowhere", status=2)


def test_the_store_is_measured_pruned_and_verified(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["app"]))
    user.lockenv("lock")
    user.lockenv("sync")
    assert user.lockenv("cache", "dir").out.strip() == str(user.cache)
    assert "unpacked" in user.lockenv("cache", "size").out
    assert "0 damaged" in user.lockenv("cache", "verify").out
    blob = next(path for path in (user.cache / "blobs").rglob("*") if path.is_file())
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    user.lockenv("cache", "verify", status=4)
    user.lockenv("cache", "verify")
    user.lockenv("cache", "prune")
    assert "up to date" in user.lockenv("sync").err
    layer = user.cache / "image" / "layers" / "ab" / "cd"
    layer.parent.mkdir(parents=True)
    layer.write_bytes(b"a layer")
    assert "image" in user.lockenv("cache", "size").out
    user.lockenv("cache", "prune", "--all")
    assert not layer.exists()
    user.lockenv("check", "--env")


def test_doctor_says_which_engines_answer(user: User) -> None:
    """Stand-ins of two engines: a client whose daemon is down, and one that works."""
    programs = user.ground / "programs"
    programs.mkdir()
    for name, script in (("docker", "echo no daemon >&2; exit 1"), ("podman", "exit 0")):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    path = os.pathsep.join([str(programs), user.environment()["PATH"]])
    with_both = user.lockenv("doctor", variables={"PATH": path}).out
    (programs / "docker").unlink()
    alone = user.lockenv("doctor", variables={"PATH": str(programs)}).out

    assert "image, by docker" in with_both
    assert "does not work: docker: no daemon" in with_both
    assert f"works ({programs / 'podman'})" in with_both
    assert "does not work: docker is not installed" in alone


def test_doctor_and_completion_answer(user: User, world: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["app"]))
    assert PLATFORM in user.lockenv("doctor").out
    assert (
        json.loads(user.lockenv("doctor", "--format", "json").out)["schema"] == "lockenv/doctor/1"
    )
    for shell in ("bash", "zsh", "fish"):
        assert "_LOCKENV_COMPLETE" in user.lockenv("completion", shell).out


def _entry(user: User, name: str) -> dict[str, object]:
    packages = tomllib.loads(user.read("lockenv.lock"))["packages"]
    return next(one for one in packages if one["name"] == name)


def test_an_upgrade_sees_what_was_published_a_moment_ago(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"), wheel("other", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib", "other"]))
    user.lockenv("lock")
    index.publish(wheel("lib", "2.0"), wheel("other", "2.0"))

    still = user.lockenv("lock")
    one = user.lockenv("lock", "-P", "lib")
    index.publish(wheel("lib", "3.0"))
    every = user.lockenv("lock", "--upgrade")

    assert "up to date" in still.err
    assert "lib 1.0 -> 2.0" in one.out
    assert "other" not in one.out
    assert "lib 2.0 -> 3.0" in every.out
    assert "other 1.0 -> 2.0" in every.out


def test_a_tree_is_turned_around_from_one_package_or_from_all(
    user: User, world: IndexServer
) -> None:
    user.write("pyproject.toml", pyproject(world, dependencies=["app"]))
    user.lockenv("lock")

    from_one = user.lockenv("tree", "--invert", "lib").out
    from_all = user.lockenv("tree", "--invert").out
    document = json.loads(user.lockenv("tree", "--invert", "app", "--format", "json").out)

    assert "project  [app]  pyproject.toml:" in from_one
    assert from_one in from_all
    assert [one["name"] for one in document["packages"]] == ["app"]
    assert "asks python" in user.lockenv("why", "python").out
    lacking = user.lockenv("why", "libnothing.so.1", status=2)
    assert "no system package of lockenv.lock has libnothing.so.1" in lacking.err
