"""Verifying an environment: each kind of difference has its code, and RECORD cannot hide one."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from lockenv.formats.wheel import encode_digest
from lockenv.materialize import VenvPython, verify_venv
from tests.support.environments import SITE, World
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.model import Finding

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="environments of Unix")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    files = {"demo/__init__.py": "A = 1\n", "demo/data.txt": "x"}
    made.publish(wheel("demo", "1.0", files=files, scripts={"d": "demo:main"}), wheel("lib", "1.0"))
    made.sync("demo", "lib", link_mode="copy")
    return made


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(one.code, one.package, one.file) for one in findings]


def test_an_environment_as_wanted_has_no_difference(world: World) -> None:
    assert verify_venv(world.wanted("demo", "lib"), world.store) == ()
    assert verify_venv(world.wanted("demo", "lib")) == ()


def test_no_environment_is_one_difference(tmp_path: Path) -> None:
    world = World(tmp_path)

    assert codes(verify_venv(world.wanted())) == [("LE301", None, None)]


def test_missing_extra_and_other_packages_are_told_apart(world: World) -> None:
    world.publish(wheel("new", "1.0"), wheel("demo", "2.0"))
    wanted = world.wanted("new", "demo")

    found = codes(verify_venv(wanted, world.store))

    assert found == [("LE301", "new", None), ("LE302", "lib", None), ("LE303", "demo", None)]
    assert ("LE302", "lib", None) not in codes(verify_venv(wanted, exact=False))


def test_another_build_of_the_same_version_is_a_difference(world: World) -> None:
    world.publish(wheel("lib", "1.0", files={"lib.py": "other"}))

    assert codes(verify_venv(world.wanted("demo", "lib"))) == [("LE303", "lib", None)]


@pytest.mark.parametrize(
    "path", [f"{SITE}/demo/data.txt", "bin/d", f"{SITE}/demo-1.0.dist-info/METADATA"]
)
@pytest.mark.parametrize("change", ["modified", "removed"])
def test_a_changed_file_is_found_by_its_path(world: World, path: str, change: str) -> None:
    if change == "modified":
        (world.root / path).write_text("evil")
    else:
        (world.root / path).unlink()

    for store in (world.store, None):
        assert codes(verify_venv(world.wanted("demo", "lib"), store)) == [("LE304", "demo", path)]


@pytest.mark.parametrize("has_store", [True, False])
def test_a_record_that_was_changed_with_its_file_hides_nothing(
    world: World,
    has_store: bool,  # noqa: FBT001 - cases
) -> None:
    path = f"{SITE}/demo/data.txt"
    record = world.root / SITE / "demo-1.0.dist-info" / "RECORD"
    truth, lie = (encode_digest(hashlib.sha256(text).hexdigest()) for text in (b"x", b"evil"))
    (world.root / path).write_bytes(b"evil")
    record.write_text(record.read_text().replace(f"{truth},1", f"{lie},4"))

    found = codes(verify_venv(world.wanted("demo", "lib"), world.store if has_store else None))

    assert ("LE304", "demo", f"{SITE}/demo-1.0.dist-info/RECORD") in found
    assert (("LE304", "demo", path) in found) == has_store


def test_compiled_and_stray_files_are_nobodys_difference(world: World) -> None:
    cache = world.root / SITE / "demo" / "__pycache__"
    cache.mkdir()
    (cache / "__init__.cpython-311.pyc").write_bytes(b"")
    (world.root / SITE / "stray.py").write_text("")

    assert verify_venv(world.wanted("demo", "lib"), world.store) == ()


def test_what_somebody_else_installed_is_a_difference(world: World) -> None:
    shutil.copytree(
        world.root / SITE / "lib-1.0.dist-info", world.root / SITE / "alien-3.dist-info"
    )

    assert codes(verify_venv(world.wanted("demo", "lib"))) == [("LE302", "alien", None)]


def test_another_interpreter_is_a_difference(world: World) -> None:
    wanted = world.wanted("demo", "lib")
    world.python = VenvPython(executable=world.python.executable, version="3.99.0")

    assert codes(verify_venv(world.wanted("demo", "lib")))[-1] == ("LE305", None, None)
    python = world.root / "bin" / "python"
    python.unlink()
    python.symlink_to("/bin/sh")
    assert codes(verify_venv(wanted)) == [("LE305", None, None)]


def test_verifying_changes_nothing(world: World) -> None:
    before = {path: os.lstat(path).st_mtime_ns for path in [world.root, *world.root.rglob("*")]}

    verify_venv(world.wanted("demo"), world.store)

    assert before == {
        path: os.lstat(path).st_mtime_ns for path in [world.root, *world.root.rglob("*")]
    }
