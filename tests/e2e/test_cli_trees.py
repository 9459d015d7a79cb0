"""Environments that a machine has made before, had again from the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from importlib.util import source_hash
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User, snapshot
from tests.support.index_server import serve_index
from tests.support.projects import backend_wheel, pyproject
from tests.support.startup import watched
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are made otherwise there")

#: Enough files for a folder that is shared whole, and for an environment where that is done.
LARGE = "from large.part7 import VALUE\n\n\ndef tool():\n    return 3\n"
MODULES = {f"large/part{number}.py": f"VALUE = {number}\n" for number in range(2100)}


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as served:
        served.publish(
            wheel(
                "large",
                "1.0",
                files={"large/__init__.py": LARGE, **MODULES},
                scripts={"large-tool": "large:tool"},
            ),
            wheel("large", "2.0", files={"large/__init__.py": "VALUE = 2\n", **MODULES}),
            wheel("small", "1.0", files={"small.py": "VALUE = 1\n"}),
            backend_wheel(),
        )
        yield served


@pytest.fixture
def user(tmp_path: Path, index: IndexServer) -> User:
    """A user who has synced a project twice, in the same folder."""
    user = User(tmp_path)
    user.write("pyproject.toml", pyproject(index, dependencies=["large==1.0", "small"]))
    user.lockenv("lock")
    user.lockenv("sync")
    return user


def anew(user: User, *words: str) -> None:
    """Sync as another checkout would: nothing is there yet."""
    shutil.rmtree(user.venv)
    user.lockenv("sync", *words)


def everything(folder: Path) -> dict[str, bytes]:
    """The files of an environment as its programs see them, but for our own state."""
    found = {}
    left_out = {"__pycache__", "lib64", "python"}
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name not in left_out]
        for name in names:
            path = Path(place, name)
            if not name.startswith((".lockenv", "lockenv-state")):
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def test_the_first_environment_of_a_set_is_ordinary(user: User) -> None:
    assert not (user.site / "large").is_symlink()
    assert not list((user.ground / "data" / "lockenv" / "trees").glob("*/list"))


def test_every_further_one_has_the_same_files(user: User) -> None:
    first = everything(user.venv)

    for _ in range(3):
        anew(user)

        assert (user.site / "large").is_symlink()
        assert not (user.site / "small.py").is_symlink()
        assert everything(user.venv) == first
        assert user.asks("import large, small; print(large.VALUE, small.VALUE)") == "7 1"
        user.lockenv("check", "--env")
        assert "up to date" in user.lockenv("sync").err


def test_a_further_one_is_made_before_anything_is_loaded(user: User) -> None:
    anew(user)
    second = user.lockenv("sync", "--dry-run")
    shutil.rmtree(user.venv)

    seen = watched(user, "sync")

    assert seen.is_remembered
    assert "2 installed" in seen.answer.err
    assert user.lockenv("sync", "--dry-run").err == second.err


def test_another_folder_gets_scripts_of_its_own(user: User) -> None:
    anew(user)
    anew(user)
    elsewhere = user.ground / "elsewhere"
    elsewhere.mkdir()
    for name in ("pyproject.toml", "lockenv.lock"):
        shutil.copy(user.folder / name, elsewhere)

    user.lockenv("sync", cwd=elsewhere)
    user.lockenv("check", "--env", cwd=elsewhere)

    script = (elsewhere / ".venv" / "bin" / "large-tool").read_text(encoding="utf-8")
    assert script.startswith(f"#!{elsewhere}/.venv/bin/python\n")
    activate = (elsewhere / ".venv" / "bin" / "activate").read_text(encoding="utf-8")
    assert f"VIRTUAL_ENV='{elsewhere}/.venv'" in activate
    assert "elsewhere" in (elsewhere / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")


def test_a_place_with_an_odd_name_gets_an_ordinary_one(user: User) -> None:
    anew(user)
    odd = user.ground / "a place, 'odd'"
    odd.mkdir()
    for name in ("pyproject.toml", "lockenv.lock"):
        shutil.copy(user.folder / name, odd)

    user.lockenv("sync", cwd=odd)

    user.lockenv("check", "--env", cwd=odd)


def test_a_project_of_its_own_stands_beside_shared_folders(user: User, index: IndexServer) -> None:
    user.write("src/demo_project/__init__.py", "HERE = 1\n")
    manifest = pyproject(index, dependencies=["large==1.0", "small"], build=True)
    user.write("pyproject.toml", manifest)
    user.lockenv("lock")
    for _ in range(3):
        anew(user)

    assert (user.site / "large").is_symlink()
    assert "demo_project" in user.versions()
    user.lockenv("check", "--env")


def test_a_changed_lock_makes_only_what_it_concerns_ordinary(
    user: User, index: IndexServer
) -> None:
    anew(user)
    anew(user)
    user.write("pyproject.toml", pyproject(index, dependencies=["large==2.0", "small"]))
    user.lockenv("lock")

    user.lockenv("sync")

    assert user.asks("import large; print(large.VALUE)") == "2"
    assert not (user.site / "large").is_symlink()
    user.lockenv("check", "--env")
    user.write("pyproject.toml", pyproject(index, dependencies=["large==1.0", "small"]))
    user.lockenv("lock")
    anew(user)
    assert user.asks("import large; print(large.VALUE)") == "7"


def test_a_change_beside_it_leaves_a_shared_folder_shared(user: User, index: IndexServer) -> None:
    anew(user)
    user.write("pyproject.toml", pyproject(index, dependencies=["large==1.0"]))
    user.lockenv("lock")

    user.lockenv("sync")

    assert (user.site / "large").is_symlink()
    assert user.versions() == {"large": "1.0"}
    user.lockenv("check", "--env")


@pytest.mark.parametrize("mode", ["copy", "hardlink"])
def test_link_modes_give_ordinary_ones(user: User, mode: str) -> None:
    anew(user)

    anew(user, "--link-mode", mode)

    assert not (user.site / "large").is_symlink()
    links = (user.site / "large" / "part1.py").stat().st_nlink
    assert links == 1 if mode == "copy" else links > 1


def test_a_package_can_be_made_writable_without_touching_others(user: User) -> None:
    anew(user)
    tree = (user.site / "large").resolve()

    user.lockenv("run", "--writable", "large", "true")

    assert not (user.site / "large").is_symlink()
    (user.site / "large" / "part7.py").write_text("VALUE = 77\n", encoding="utf-8")
    assert user.asks("import large; print(large.VALUE)") == "77"
    assert (tree / "part7.py").read_text(encoding="utf-8") == "VALUE = 7\n"


def test_modules_of_shared_folders_are_compiled_once_for_all_by_their_hash(
    user: User, tmp_path: Path
) -> None:
    anew(user)
    anew(user)
    other = tmp_path / "other"
    shutil.copytree(user.folder, other, ignore=shutil.ignore_patterns(".venv"))
    user.lockenv("sync", cwd=other)
    code = "import large.part7 as m; print(m.VALUE, m.__cached__)"

    for options in ([], ["--check-hash-based-pycs", "never"]):
        said = [
            subprocess.run(
                [folder / ".venv/bin/python", *options, "-c", code],
                env=user.environment(),
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()
            for folder in (user.folder, other)
        ]
        assert [value for value, _ in said] == ["7", "7"]
        assert len({Path(path).stat().st_ino for _, path in said}) == 1

    compiled = Path(said[0][1]).read_bytes()
    never = Path(said[0][1].replace("part7", "part8")).read_bytes()
    assert compiled[4:8] == never[4:8] == b"\x03\0\0\0"
    assert compiled[8:16] == source_hash((user.site / "large/part7.py").read_bytes())


def test_a_module_whose_check_is_switched_off_runs_before_anybody_compiled_it(user: User) -> None:
    anew(user)
    anew(user)

    said = subprocess.run(
        [
            *(user.venv / "bin/python", "--check-hash-based-pycs", "never", "-c"),
            "import large.part9 as m, large; print(m.VALUE, m.__name__, large.tool())",
        ],
        env=user.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said == "9 large.part9 3\n"


def test_shared_files_are_read_only_but_for_what_is_compiled(user: User) -> None:
    anew(user)
    tree = (user.site / "large").resolve()

    assert not tree.stat().st_mode & 0o222
    assert not (tree / "part7.py").stat().st_mode & 0o222
    assert (tree / "__pycache__").stat().st_mode & 0o200
    user.asks("import large")
    assert list((tree / "__pycache__").glob("part7.*.pyc"))


@pytest.mark.parametrize("what", ["changed", "removed", "added size"])
def test_what_somebody_did_to_a_shared_file_is_found_and_mended(user: User, what: str) -> None:
    anew(user)
    victim = (user.site / "large").resolve() / "part7.py"
    victim.parent.chmod(0o755)
    if what == "removed":
        victim.unlink()
    else:
        victim.chmod(0o644)
        victim.write_text("VALUE = 8\n" if what == "changed" else "VALUE = 7000\n")

    assert "LE304" in user.lockenv("check", "--env", status=1).out
    user.lockenv("sync")
    user.lockenv("check", "--env")
    for _ in range(2):
        anew(user)
        user.lockenv("check", "--env")
        assert user.asks("import large; print(large.VALUE)") == "7"


def test_a_new_environment_does_not_lead_to_changed_files(user: User) -> None:
    anew(user)
    victim = (user.site / "large").resolve() / "part7.py"
    victim.chmod(0o644)
    victim.write_text("VALUE = 8\n", encoding="utf-8")

    for _ in range(2):
        anew(user)

        assert user.asks("import large; print(large.VALUE)") == "7"
        user.lockenv("check", "--env")


def test_what_was_left_half_made_is_taken_up(user: User) -> None:
    anew(user)
    whole = everything(user.venv)
    shutil.rmtree(user.venv)
    trees = user.ground / "data" / "lockenv" / "trees"
    small = next((user.cache / "unpacked").rglob("files/small.py"))
    small.chmod(0o644)
    small.write_text("VALUE = 5\n", encoding="utf-8")

    user.lockenv("sync")

    assert everything(user.venv) == whole
    user.lockenv("check", "--env")
    assert not list(trees.glob(".new-*"))


def test_pruning_keeps_what_an_environment_leads_into(user: User) -> None:
    anew(user)
    for words in (("prune",), ("prune", "--all")):
        user.lockenv("cache", *words)
        assert user.asks("import large; print(large.VALUE)") == "7"
    shutil.rmtree(user.venv)

    user.lockenv("cache", "prune")

    assert not list((user.ground / "data" / "lockenv" / "trees").glob("*/files"))
    user.lockenv("sync")
    assert user.asks("import large; print(large.VALUE)") == "7"


def test_a_damaged_list_is_no_list(user: User) -> None:
    anew(user)
    listed = next((user.ground / "data" / "lockenv" / "trees").glob("*/list"))
    listed.write_bytes(listed.read_bytes().replace(b"small", b"smell"))

    anew(user)

    user.lockenv("check", "--env")


def test_many_at_once_get_one_each(user: User) -> None:
    anew(user)
    folders = []
    for number in range(6):
        folder = user.ground / f"copy{number}"
        folder.mkdir()
        for name in ("pyproject.toml", "lockenv.lock"):
            shutil.copy(user.folder / name, folder)
        folders.append(folder)
    shutil.rmtree(user.venv)

    threads = [
        threading.Thread(target=user.lockenv, args=("sync",), kwargs={"cwd": folder})
        for folder in [*folders, user.folder, user.folder]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for folder in [*folders, user.folder]:
        user.lockenv("check", "--env", cwd=folder)


def test_an_environment_that_stands_is_never_made_anew(user: User) -> None:
    anew(user)
    anew(user)
    own = user.site / "own.py"
    own.write_text("MINE = 1\n", encoding="utf-8")
    before = snapshot(user.venv)

    user.lockenv("sync")

    assert snapshot(user.venv).keys() == before.keys()


def test_tools_that_go_by_real_paths_find_installed_code_to_be_installed(user: User) -> None:
    anew(user)

    found = user.asks(
        "import large, os, sysconfig;"
        "real = os.path.realpath(large.__file__);"
        "places = [sysconfig.get_path('purelib', one) for one in sysconfig.get_scheme_names()];"
        "print(any(real.startswith(os.path.realpath(one) + '/') for one in places))"
    )

    assert found == "True"


def test_tools_of_the_environment_work(user: User) -> None:
    anew(user)

    found = user.asks(
        "import importlib.metadata as m, importlib.resources as r;"
        "print(m.version('large'), len(m.files('large')) > 2000,"
        " r.files('large').joinpath('part3.py').read_text().strip())"
    )

    assert found == "1.0 True VALUE = 3"
    script = user.venv / "bin" / "large-tool"
    assert subprocess.run([script], capture_output=True, check=False).returncode == 3


@pytest.mark.parametrize("is_shared", [False, True])
def test_rot_that_changes_neither_size_nor_time_is_mended(user: User, *, is_shared: bool) -> None:
    if is_shared:
        anew(user)
    victim = (user.site / "large").resolve() / "part7.py"
    times = victim.stat()
    victim.chmod(0o644)
    with victim.open("r+b") as file:
        file.write(b"VALUF")
    victim.chmod(0o444)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert "LE304" in user.lockenv("check", "--env", status=1).out
    user.lockenv("sync")
    user.lockenv("check", "--env")
    anew(user)
    user.lockenv("check", "--env")
    user.lockenv("cache", "verify")


def test_what_is_said_of_packages_is_one_file_for_all_environments(user: User) -> None:
    said = [
        path.relative_to(user.venv).as_posix() for path in user.venv.rglob("small-*.dist-info/*")
    ]
    ordinary = {name: (user.venv / name).read_bytes() for name in said}
    anew(user)
    anew(user)
    numbers = {name: (user.venv / name).stat().st_ino for name in said}
    user.venv.rename(user.folder / "former")

    user.lockenv("sync")

    assert len(said) >= 4
    assert {name: (user.venv / name).read_bytes() for name in said} == ordinary
    assert {name: (user.venv / name).stat().st_ino for name in said} == numbers
    user.lockenv("check", "--env")


def test_what_somebody_wrote_into_one_of_them_goes_no_further(user: User) -> None:
    anew(user)
    anew(user)
    (installer,) = user.venv.rglob("small-*.dist-info/INSTALLER")
    installer.chmod(0o644)
    installer.write_bytes(b"somebody\n")

    found = user.lockenv("check", "--env", status=1)
    anew(user)

    assert "LE304" in found.text
    (installer,) = user.venv.rglob("small-*.dist-info/INSTALLER")
    assert installer.read_bytes() == b"lockenv\n"


def test_a_target_with_cuda_is_made_from_the_list_too(user: User, index: IndexServer) -> None:
    tables = '[tool.lockenv.cuda]\ndriver = "535"\n'
    user.write("pyproject.toml", pyproject(index, dependencies=["small"], tables=tables))
    user.lockenv("lock")
    user.lockenv("sync")
    for _ in range(2):
        anew(user)
    shutil.rmtree(user.venv)

    seen = watched(user, "sync")

    assert seen.is_remembered
    assert (user.venv / "pyvenv.cfg").is_file()
