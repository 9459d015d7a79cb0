"""Virtual environments: made, changed, moved, repaired; and left alone where they are not ours."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lockenv.errors import HostError, InputError, IntegrityError
from lockenv.materialize import (
    STATE_NAME,
    UnpackedStore,
    is_current,
    read_installed,
    verify_venv,
    write_venv,
)
from tests.support.archives import Entry, lying_wheel
from tests.support.environments import SITE, World
from tests.support.wheels import wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="environments of Unix")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run(world: World, *command: str) -> str:
    program = world.root / "bin" / command[0]
    done = subprocess.run(
        [program, *command[1:]], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_an_environment_runs_its_packages_and_their_commands(world: World) -> None:
    files = {"demo.py": "def main():\n    print('hello')\n"}
    world.publish(wheel("demo", "1.0", files=files, scripts={"hello": "demo:main"}))

    world.sync("demo")

    assert run(world, "hello") == "hello"
    assert run(world, "python", "-c", "import sys; print(sys.prefix)") == str(world.root)
    question = "import importlib.metadata as m; print(m.version('demo'), m.files('demo') != [])"
    assert run(world, "python3", "-c", question) == "1.0 True"
    assert (world.root / ".gitignore").read_text() == "*\n"
    assert (world.root / "lib64").readlink() == Path("lib")


def test_the_metadata_says_who_installed_it_from_where_and_whether_it_was_asked_for(
    world: World,
) -> None:
    world.publish(wheel("demo", "1.0"))

    world.sync(world.package("demo", requested=True, direct_url='{"url": "https://example.com/"}'))

    info = world.root / SITE / "demo-1.0.dist-info"
    assert (info / "INSTALLER").read_text() == "lockenv\n"
    assert (info / "REQUESTED").read_text() == ""
    assert (info / "direct_url.json").read_text() == '{"url": "https://example.com/"}'
    assert not (info / "provenance_url.json").exists()
    listed = [line.split(",")[0] for line in (info / "RECORD").read_text().splitlines()]
    documents = ("INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL", "direct_url.json")
    assert listed == [*(f"demo-1.0.dist-info/{name}" for name in documents), "demo.py"]


def test_every_scheme_goes_to_its_place_and_scripts_get_their_interpreter(world: World) -> None:
    data = "demo-1.0.data"
    world.publish(
        lying_wheel(
            "demo",
            "1.0",
            extra=[
                Entry(f"{data}/data/share/demo/x.txt", b"x"),
                Entry(f"{data}/data/lib64/y.txt", b"y"),
                Entry(f"{data}/headers/demo.h", b"h"),
                Entry(f"{data}/purelib/pure.py", b""),
                Entry(f"{data}/platlib/plat.py", b""),
                Entry(f"{data}/scripts/tool", b"#!python\nprint('tool')\n"),
                Entry(f"{data}/scripts/shell", b"#!/bin/sh\necho shell\n"),
            ],
        )
    )

    world.sync("demo")

    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for path in (
        "share/demo/x.txt",
        "lib/y.txt",
        f"include/site/python{minor}/demo/demo.h",
        f"{SITE}/pure.py",
        f"{SITE}/plat.py",
    ):
        assert (world.root / path).is_file(), path
    assert run(world, "tool") == "tool"
    assert run(world, "shell") == "shell"
    assert verify_venv(world.wanted("demo"), world.store) == ()


@pytest.mark.parametrize("link_mode", ["auto", "hardlink", "copy"])
def test_every_link_mode_gives_the_same_files(tmp_path: Path, link_mode: str) -> None:
    trees = []
    for mode in ("copy", link_mode):
        world = World(tmp_path / mode)
        world.publish(wheel("demo", "1.0"))
        world.sync("demo", link_mode=mode)
        trees.append({path: data for path, data in world.tree().items() if path.startswith("lib")})

    assert trees[0] == trees[1]


def test_shared_files_cannot_be_written_by_accident_and_copies_can(world: World) -> None:
    world.publish(wheel("demo", "1.0"))

    world.sync("demo", link_mode="hardlink")
    shared = (world.root / SITE / "demo.py").stat()
    shutil.rmtree(world.root)
    world.sync("demo", link_mode="copy")
    private = (world.root / SITE / "demo.py").stat()

    assert (shared.st_mode & 0o777, shared.st_nlink) == (0o444, 2)
    assert (private.st_mode & 0o777, private.st_nlink) == (0o644, 1)


def test_what_is_wanted_replaces_what_was(world: World) -> None:
    world.publish(wheel("one", "1.0"), wheel("two", "1.0", scripts={"two": "two:main"}))
    world.sync("one", "two")
    (world.root / SITE / "__pycache__").mkdir()
    (world.root / SITE / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"")
    world.publish(wheel("one", "2.0", files={"one/__init__.py": "", "one/deep/x.py": ""}))

    done = world.sync("one")

    assert [(change.name, change.reason) for change in done.changes] == [
        ("one", "version"),
        ("two", "not wanted"),
    ]
    assert names(world.root / SITE) == ["one", "one-2.0.dist-info"]
    assert not (world.root / "bin" / "two").exists()
    world.publish(wheel("one", "1.0"))
    world.sync("one")
    assert names(world.root / SITE) == ["one-1.0.dist-info", "one.py"]


def test_nothing_to_do_is_known_from_the_state_alone(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo")
    key = world.wanted("demo").key

    assert is_current(world.root, key)
    assert world.sync("demo").is_empty
    assert not is_current(world.root, "another")
    (world.root / SITE / "stray.py").write_text("")
    assert not is_current(world.root, key)
    assert world.sync("demo").is_empty
    assert is_current(world.root, key)
    shutil.rmtree(world.root / SITE / "demo-1.0.dist-info")
    assert not is_current(world.root, key)
    assert not world.plan("demo").is_empty


def test_the_selection_is_remembered(world: World) -> None:
    world.publish(wheel("demo", "1.0"))

    world.sync("demo")

    assert read_installed(world.root).selection == {"target": "linux-x86_64", "groups": ("dev",)}


def test_a_changed_origin_or_artifact_of_the_same_version_is_installed_anew(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo")

    (change,) = world.plan(world.package("demo", requested=True)).changes
    assert change.reason == "origin"
    world.publish(wheel("demo", "1.0", files={"demo.py": "other"}))
    (change,) = world.plan("demo").changes
    assert change.reason == "content"


def test_what_others_installed_is_removed_by_its_record_and_stray_files_stay(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo")
    site = world.root / SITE
    info = site / "alien-3.dist-info"
    info.mkdir()
    (site / "alien.py").write_text("")
    (site / "stray.py").write_text("")
    (info / "RECORD").write_text("alien.py,,\nalien-3.dist-info/RECORD,,\n../../../../../x,,\n")
    outside = world.root.parent / "x"
    outside.write_text("precious")

    assert world.plan("demo", exact=False).is_empty
    done = world.sync("demo")

    assert [change.name for change in done.remove] == ["alien"]
    assert names(site) == ["demo-1.0.dist-info", "demo.py", "stray.py"]
    assert outside.read_text() == "precious"


def test_a_package_without_record_is_not_guessed_at(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo")
    info = world.root / SITE / "alien-3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("")

    with pytest.raises(InputError) as caught:
        world.sync("demo")

    assert caught.value.slug == "no-record"
    assert verify_venv(world.wanted("demo"), exact=False) == ()


def test_nothing_is_removed_or_written_through_a_link_to_another_place(world: World) -> None:
    files = {"pkg/__init__.py": "", "pkg/a.py": ""}
    world.publish(wheel("demo", "1.0", files=files))
    world.sync("demo")
    outside = world.root.parent / "mine"
    outside.mkdir()
    (outside / "a.py").write_text("precious")
    shutil.rmtree(world.root / SITE / "pkg")
    (world.root / SITE / "pkg").symlink_to(outside)
    world.publish(wheel("demo", "2.0", files=files))

    with pytest.raises(InputError) as caught:
        world.sync("demo")

    assert caught.value.slug in {"not-a-folder", "foreign-file"}
    assert (outside / "a.py").read_text() == "precious"
    assert names(outside) == ["a.py"]


def test_a_folder_that_is_not_ours_is_refused_and_left_alone(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.root.mkdir(parents=True)
    (world.root / "precious.txt").write_text("x")

    with pytest.raises(InputError) as caught:
        world.sync("demo")

    assert caught.value.slug == "not-our-environment"
    assert names(world.root) == ["precious.txt"]


def test_an_empty_folder_is_taken(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.root.mkdir(parents=True)

    world.sync("demo")

    assert verify_venv(world.wanted("demo"), world.store) == ()


def test_a_file_that_no_package_owns_is_not_overwritten(world: World) -> None:
    world.publish(wheel("demo", "1.0"), wheel("other", "1.0"))
    world.sync("demo")
    (world.root / SITE / "other.py").write_text("mine")
    before = world.tree()

    with pytest.raises(InputError) as caught:
        world.sync("demo", "other")

    assert caught.value.slug == "foreign-file"
    assert world.tree() == before


def test_two_wheels_may_share_a_file_only_if_it_is_the_same(world: World) -> None:
    shared = {"space/__init__.py": "", "space/a.py": ""}
    world.publish(
        wheel("one", "1.0", files=shared),
        wheel("two", "1.0", files={"space/__init__.py": "", "space/b.py": ""}),
        wheel("bad", "1.0", files={"space/__init__.py": "", "space/a.py": "other"}),
        wheel("file", "1.0", files={"space": ""}),
    )
    world.sync("one", "two")
    before = world.tree()

    for other in ("bad", "file"):
        with pytest.raises(IntegrityError) as caught:
            world.sync("one", "two", other)
        assert caught.value.slug == "file-clash"
        assert other in caught.value.what
        assert world.tree() == before
    world.sync("two")
    assert names(world.root / SITE / "space") == ["__init__.py", "b.py"]
    assert verify_venv(world.wanted("two"), world.store) == ()


def test_of_stray_files_that_differ_the_one_of_the_last_name_stands(world: World) -> None:
    for name in ("one", "two"):
        files = {f"{name}/__init__.py": "", "tests/__init__.py": name, "build_backend.py": name}
        world.publish(wheel(name, "1.0", files=files))

    world.sync("two")
    world.sync("one", "two")

    assert (world.root / SITE / "build_backend.py").read_text() == "two"
    assert verify_venv(world.wanted("one", "two"), world.store) == ()
    (world.root / SITE / "build_backend.py").unlink()
    (world.root / SITE / "build_backend.py").write_text("neither")
    assert [one.package for one in verify_venv(world.wanted("one", "two"), world.store)]
    world.sync("one")
    assert (world.root / SITE / "one/__init__.py").exists()


def test_a_package_that_comes_later_takes_a_stray_file_over_from_one_that_stays(
    world: World,
) -> None:
    for name in ("one", "two"):
        world.publish(wheel(name, "1.0", files={f"{name}/__init__.py": "", "setup.py": name}))
    world.sync("one")

    world.sync("one", "two")

    assert (world.root / SITE / "setup.py").read_text() == "two"
    assert verify_venv(world.wanted("one", "two"), world.store) == ()


@pytest.mark.parametrize(
    "path",
    [
        "scripts/python",
        "scripts/Python3",
        "scripts/python3.11",
        "scripts/activate",
        "scripts/Activate.ps1",
        "data/bin/python",
        "data/pyvenv.cfg",
        "data/PYVENV.CFG",
        "data/.gitignore",
        "data/lockenv-state.json",
        "data/.lockenv-lock",
        "purelib/other-1.0.dist-info/RECORD",
        f"data/{SITE}/other-1.0.dist-info/RECORD",
    ],
)
def test_no_wheel_replaces_what_belongs_to_the_environment(world: World, path: str) -> None:
    world.publish(lying_wheel("demo", "1.0", extra=[Entry(f"demo-1.0.data/{path}", b"evil")]))

    with pytest.raises(IntegrityError) as caught:
        world.sync("demo")

    assert caught.value.slug == "protected-path"
    assert not (world.root / STATE_NAME).exists()


def test_no_command_replaces_the_interpreter(world: World) -> None:
    world.publish(wheel("demo", "1.0", scripts={"python3": "demo:main"}))

    with pytest.raises(IntegrityError) as caught:
        world.sync("demo")

    assert caught.value.slug == "protected-path"


def test_metadata_that_only_an_installer_writes_is_not_taken_from_a_wheel(world: World) -> None:
    info = "demo-1.0.dist-info"
    world.publish(
        lying_wheel(
            "demo",
            "1.0",
            extra=[Entry(f"{info}/direct_url.json", b"{}"), Entry(f"{info}/INSTALLER", b"pip\n")],
        )
    )

    world.sync("demo")

    assert (world.root / SITE / info / "INSTALLER").read_text() == "lockenv\n"
    assert not (world.root / SITE / info / "direct_url.json").exists()


def test_a_moved_environment_gets_scripts_for_its_new_place(world: World) -> None:
    world.publish(wheel("demo", "1.0", files={"demo.py": "main = int\n"}), wheel("lib", "1.0"))
    world.publish(
        wheel("tool", "1.0", files={"tool.py": "main = int\n"}, scripts={"t": "tool:main"})
    )
    world.sync("demo", "tool")
    moved = world.root.parent / "elsewhere"
    world.root.rename(moved)
    world.root = moved

    done = world.sync("demo", "tool")

    assert [(change.name, change.reason) for change in done.changes] == [("tool", "moved")]
    assert run(world, "t") == ""
    assert str(moved) in (moved / "bin" / "t").read_text().splitlines()[0]


def test_an_environment_that_lost_its_state_is_taken_up_again(world: World) -> None:
    world.publish(wheel("demo", "1.0"), wheel("gone", "1.0"))
    world.sync("demo", "gone")
    (world.root / STATE_NAME).write_text("{ broken")

    world.sync("demo")

    assert verify_venv(world.wanted("demo"), world.store) == ()
    assert names(world.root / SITE) == ["demo-1.0.dist-info", "demo.py"]


def test_another_micro_version_of_python_keeps_the_packages(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo")
    minor = ".".join(map(str, sys.version_info[:2]))
    other = world.root.parent / "python"
    other.symlink_to(world.python.executable)
    world.python = type(world.python)(
        executable=str(other), version=f"{minor}.99", system=sys.platform
    )

    done = world.sync("demo")

    assert (done.interpreter, done.changes) == (True, ())
    assert f"version = {minor}.99" in (world.root / "pyvenv.cfg").read_text()
    assert (world.root / "bin" / "python").readlink() == other


def test_another_minor_version_of_python_moves_every_package(world: World) -> None:
    world.publish(wheel("demo", "1.0", scripts={"d": "demo:main"}))
    world.sync("demo")
    world.python = type(world.python)(
        executable=world.python.executable, version="3.99.1", system=sys.platform
    )

    done = world.sync("demo")

    assert [(change.name, change.reason) for change in done.changes] == [("demo", "interpreter")]
    assert (world.root / "lib/python3.99/site-packages/demo.py").exists()
    assert not (world.root / SITE / "demo.py").exists()


def test_a_wheel_that_was_not_unpacked_is_said(world: World) -> None:
    world.publish(wheel("demo", "1.0"))

    with pytest.raises(IntegrityError) as caught:
        write_venv(world.wanted("demo"), {})

    assert caught.value.slug == "store-changed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_may_not_be_written_is_said(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.root.mkdir(parents=True)
    world.root.chmod(0o500)

    with pytest.raises(HostError) as caught:
        world.sync("demo")

    assert caught.value.slug == "permission-denied"


def test_activation_puts_the_environment_in_front_and_takes_it_away_again(world: World) -> None:
    world.sync()
    script = (
        f'PS1="$ "; before="$PATH"; . {world.root}/bin/activate; '
        'echo "$VIRTUAL_ENV"; command -v python; echo "$PS1"; '
        'deactivate; test "$PATH" = "$before" && echo "${VIRTUAL_ENV-gone}"'
    )

    for shell in ("sh", "bash"):
        if shutil.which(shell) is not None:
            lines = subprocess.run(
                [shell, "-c", script], check=True, capture_output=True, text=True, timeout=60
            ).stdout.splitlines()
            assert lines == [str(world.root), f"{world.root}/bin/python", "(demo) $ ", "gone"]


def test_the_store_finds_what_was_changed_in_it(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo", link_mode="hardlink")
    digest = world.wheels["demo"].digest
    shared = world.root / SITE / "demo.py"
    shared.chmod(0o644)
    shared.write_text("evil")

    assert world.store.load(digest) is None
    assert verify_venv(world.wanted("demo"), world.store) != ()
    shutil.rmtree(world.root)
    world.sync("demo", link_mode="hardlink")
    assert shared.read_text() == "VERSION = '1.0'\n"
    assert verify_venv(world.wanted("demo"), world.store) == ()


def stopped_after(number: int, world: World, *, error: int | None) -> int | None:
    """Sync in a child that stops at its n-th change of the disk: killed, or by an error.

    None if it came to its end; else 1 where it saw the error and ended orderly, 2 where it was cut.
    """
    child = os.fork()
    if child == 0:  # pragma: no cover - a process of its own
        left = [number]

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            writes = event == "open" and isinstance(arguments[1], str) and arguments[1] != "r"
            writes = writes and arguments[1] != "rb"
            if writes or event in {"os.mkdir", "os.link", "os.symlink", "os.rename"}:
                if event == "os.rename" and error is not None:
                    return  # renaming needs no space
                left[0] -= 1
                if left[0] == 0 and error is None:
                    os._exit(2)
                if left[0] <= 0 and error is not None:
                    raise OSError(error, os.strerror(error), str(arguments[0]))

        sys.addaudithook(watch)
        try:
            world.sync("kept", "new", link_mode="hardlink")
        except HostError as failure:
            os._exit(1 if failure.slug == "disk-full" else 3)
        except BaseException:  # noqa: BLE001 - whatever it is, the parent tells
            os._exit(4)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 1, 2}
    return status or None


def prepared(folder: Path) -> World:
    world = World(folder)
    old = {"old.py": "", "moved/x.py": "1", "moved/y.py": ""}
    world.publish(
        wheel("old", "1.0", files=old, scripts={"o": "old:main"}),
        wheel("kept", "1.0"),
        wheel("new", "1.0", files={"moved/x.py": "2", "new/z.py": ""}, scripts={"n": "new:main"}),
    )
    world.sync("old", "kept", link_mode="hardlink")
    world.store.unpack([world.wheels["new"]])
    return world


def test_an_environment_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    whole = prepared(tmp_path / "whole")
    whole.sync("kept", "new", link_mode="hardlink")
    points = 0

    for number in range(1, 200):
        world = prepared(tmp_path / str(number))
        if stopped_after(number, world, error=None) is None:
            break
        points += 1
        world.sync("kept", "new", link_mode="hardlink")
        assert verify_venv(world.wanted("kept", "new"), world.store) == (), number
        assert world.tree().keys() == whole.tree().keys(), number

    assert points > 15


def test_a_full_disk_leaves_the_former_environment(tmp_path: Path) -> None:
    points = 0

    for number in range(1, 200):
        world = prepared(tmp_path / str(number))
        before = world.tree()
        if stopped_after(number, world, error=errno.ENOSPC) is None:
            break
        points += 1
        assert world.tree() == before, number
        assert verify_venv(world.wanted("kept", "old"), world.store) == (), number
        assert world.plan("kept", "old").is_empty, number

    assert points > 10


def test_syncs_of_one_environment_at_once_take_turns(tmp_path: Path) -> None:
    world = prepared(tmp_path)
    children = []
    for packages in (("kept", "new"), ("old", "kept")) * 3:
        child = os.fork()
        if child == 0:  # pragma: no cover - a process of its own
            try:
                world.sync(*packages, link_mode="hardlink")
            except BaseException:  # noqa: BLE001 - whatever it is, the parent tells
                os._exit(1)
            os._exit(0)
        children.append(child)

    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert statuses == [0] * 6
    findings = [verify_venv(world.wanted(*one)) for one in (("kept", "new"), ("old", "kept"))]
    assert () in findings


def test_the_state_can_be_read_by_people(world: World) -> None:
    world.publish(wheel("demo", "1.0"))
    world.sync("demo")

    state = json.loads((world.root / STATE_NAME).read_text())

    assert state["status"] == "complete"
    assert [(one["name"], one["version"]) for one in state["packages"]] == [("demo", "1.0")]


def test_an_empty_store_folder_is_no_hindrance(tmp_path: Path) -> None:
    assert UnpackedStore(tmp_path / "no").unpack([]) == {}
