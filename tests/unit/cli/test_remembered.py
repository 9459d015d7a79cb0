from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lockenv.cli.memory import keep
from lockenv.cli.remembered import Answer, Question
from tests.support.commands import SOURCE, User, snapshot
from tests.support.index_server import serve_index
from tests.support.projects import backend_wheel, pyproject
from tests.support.startup import watched
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is remembered there")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program, so that an edit of the source during the tests changes no answer."""
    folder = tmp_path_factory.mktemp("program")
    shutil.copytree(SOURCE / "lockenv", folder / "lockenv")
    return folder


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:
    """A machine with a locked project that asks for one package and reads a requirements file.

    Its store has the package, so that no copy of the machine needs the index.
    """
    folder = tmp_path_factory.mktemp("ground")
    with serve_index() as index:
        index.publish(wheel("lib", "1.0", files={"lib.py": "VALUE = 1\n"}), wheel("more", "2.0"))
        user = User(folder, variables={"PYTHONPATH": str(program)})
        (user.folder / ".git").mkdir()
        user.write("asked.txt", "lib\n")
        user.write("pyproject.toml", pyproject(index, tool='requirements = ["asked.txt"]'))
        user.lockenv("lock")
        user.lockenv("sync")
    shutil.rmtree(user.venv)
    shutil.rmtree(user.ground / "data")
    shutil.rmtree(user.cache / "answers")
    return folder


@pytest.fixture
def user(tmp_path: Path, ground: Path, program: Path) -> User:
    """A user with a copy of that machine."""
    shutil.copytree(ground, tmp_path, dirs_exist_ok=True)
    return User(tmp_path, variables={"PYTHONPATH": str(program)})


def answers(user: User) -> list[Path]:
    return sorted((user.cache / "answers").iterdir())


def test_check_is_answered_again_without_loading_anything(user: User) -> None:
    first = watched(user, "check")
    before = snapshot(user.folder)

    second = watched(user, "check")

    assert not first.is_remembered
    assert second.is_remembered
    assert second.answer == first.answer
    assert snapshot(user.folder) == before


def test_findings_are_remembered_with_their_status_and_form(user: User) -> None:
    user.write("asked.txt", "lib\nmore\n")
    first = watched(user, "check", "--format", "json", status=1)

    again = watched(user, "check", "--format", "json", status=1)
    text = watched(user, "check", status=1)

    assert again.is_remembered
    assert again.answer == first.answer
    assert "LE102" in again.answer.out
    assert not text.is_remembered


CHANGES: dict[str, tuple[Callable[[User], object], int]] = {
    "manifest": (lambda user: user.write("pyproject.toml", user.read("pyproject.toml") + "#"), 0),
    "a file that it names": (lambda user: user.write("asked.txt", "lib\nmore\n"), 1),
    "lock": (lambda user: user.lock_path.write_text("lock-version = "), 2),
    "no lock": (lambda user: user.lock_path.unlink(), 1),
    "another manifest beside it": (lambda user: user.write("lockenv.toml", ""), 2),
    "the user's configuration": (lambda user: user.configure("jobs = 'many'"), 2),
    "a variable": (lambda user: user.variables.update(LOCKENV_OFFLINE="maybe"), 2),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_byte_is_looked_at(user: User, what: str) -> None:
    change, status = CHANGES[what]
    watched(user, "check")
    change(user)

    seen = watched(user, "check", status=status)

    assert not seen.is_remembered


def test_a_change_within_one_tick_of_the_clock_is_seen(user: User) -> None:
    watched(user, "check")
    file = user.folder / "asked.txt"
    times = file.stat()
    file.write_text("lob\n", encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert not watched(user, "check", status=1).is_remembered


def test_another_program_does_not_believe_it(user: User, tmp_path: Path) -> None:
    watched(user, "check")
    other = tmp_path / "other"
    shutil.copytree(Path(user.variables["PYTHONPATH"]) / "lockenv", other / "lockenv")
    user.variables["PYTHONPATH"] = str(other)
    watched(user, "check")
    assert watched(user, "check").is_remembered
    file = other / "lockenv" / "lockfile" / "staleness.py"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    assert not watched(user, "check").is_remembered


def _open_folder(user: User) -> None:
    (user.cache / "answers").chmod(0o770)


def _open_file(user: User) -> None:
    answers(user)[0].chmod(0o644)


def _link_file(user: User) -> None:
    elsewhere = user.ground / "elsewhere"
    answers(user)[0].rename(elsewhere)
    (user.cache / "answers" / elsewhere.name).symlink_to(elsewhere)


def _copy_store(user: User) -> None:
    kept = user.cache / "answers"
    copy = user.cache / "copy"
    shutil.copytree(kept, copy)
    shutil.rmtree(kept)
    (user.cache / "between").mkdir()
    copy.rename(kept)


def _rot(user: User) -> None:
    file = answers(user)[0]
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def _cut(user: User) -> None:
    file = answers(user)[0]
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("spoil", [_open_folder, _open_file, _link_file, _copy_store, _rot, _cut])
def test_what_others_may_have_written_or_what_rotted_is_not_believed(
    user: User, spoil: Callable[[User], None]
) -> None:
    first = watched(user, "check")
    spoil(user)

    seen = watched(user, "check")

    assert not seen.is_remembered
    assert seen.answer == first.answer


def test_nothing_is_remembered_where_ci_is_set(user: User) -> None:
    watched(user, "check", variables={"CI": "true"})
    assert not (user.cache / "answers").exists()
    watched(user, "check")

    assert not watched(user, "check", variables={"CI": "true"}).is_remembered


def test_a_store_that_cannot_be_written_is_no_error(user: User) -> None:
    shutil.rmtree(user.cache)
    user.cache.write_text("in the way", encoding="utf-8")

    assert watched(user, "check").answer.status == 0
    assert not watched(user, "check").is_remembered


def test_an_option_for_another_layer_is_never_answered_from_memory(user: User) -> None:
    watched(user, "check", "--host", status=None)

    assert not (user.cache / "answers").exists()


def test_every_file_that_check_reads_is_part_of_its_question(user: User) -> None:
    seen = watched(user, "check", "-v")

    kept = answers(user)[0].read_text(encoding="utf-8").split("\0")
    read = {path for path in seen.paths if path.startswith(f"{user.ground}/")}
    own = (str(user.cache), f"{user.ground}/watch")
    read = {path for path in read if not path.startswith(own)}
    assert str(user.folder / "asked.txt") in read
    assert read <= set(kept)


def test_sync_with_nothing_to_do_is_answered_again(user: User) -> None:
    user.lockenv("sync")
    first = watched(user, "sync")

    second = watched(user, "sync")

    assert not first.is_remembered
    assert second.is_remembered
    assert second.answer == first.answer
    assert "up to date" in second.answer.err


def _add_stranger(user: User) -> None:
    (user.site / "stranger-1.0.dist-info").mkdir()


def _spoil_state(user: User) -> None:
    (user.venv / "lockenv-state.json").unlink()


def _remove_all(user: User) -> None:
    shutil.rmtree(user.venv)


@pytest.mark.parametrize("spoil", [_add_stranger, _spoil_state, _remove_all])
def test_a_touched_environment_is_looked_at_and_mended(
    user: User, spoil: Callable[[User], None]
) -> None:
    user.lockenv("sync")
    watched(user, "sync")
    assert watched(user, "sync").is_remembered
    spoil(user)

    seen = watched(user, "sync")

    assert not seen.is_remembered
    assert user.versions() == {"lib": "1.0"}
    assert user.asks("import lib; print(lib.VALUE)") == "1"


def test_sync_refuses_a_stale_lock_that_was_right_before(user: User) -> None:
    user.lockenv("sync")
    watched(user, "sync")
    user.write("asked.txt", "lib\nmore\n")

    assert not watched(user, "sync", status=1).is_remembered


def test_run_becomes_the_program_with_the_same_variables(user: User) -> None:
    shown = "import json, os; print(json.dumps(dict(os.environ), sort_keys=True)); exit(7)"
    user.lockenv("sync")
    first = watched(user, "run", "python", "-c", shown, status=7)

    second = watched(user, "run", "python", "-c", shown, status=7)
    other = watched(user, "run", "python", "-c", "raise SystemExit(3)", status=3)

    assert not first.is_remembered
    assert second.is_remembered
    assert second.answer == first.answer
    assert "VIRTUAL_ENV" in first.answer.out
    assert other.is_remembered


def test_run_says_what_it_cannot_find_as_ever(user: User) -> None:
    user.lockenv("sync")
    watched(user, "run", "true")

    assert watched(user, "run", "true").is_remembered
    seen = watched(user, "run", "no-such-program", status=127)

    assert not seen.is_remembered
    assert seen.answer.slug == "not-found"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_program_of_run_has_the_usual_signals(user: User) -> None:
    shown = ("run", "grep", "SigIgn", "/proc/self/status")
    user.lockenv("sync")
    first = watched(user, *shown)

    second = watched(user, *shown)

    assert second.is_remembered
    assert second.answer.out == first.answer.out


def test_a_hang_up_that_is_ignored_is_ignored_by_the_program_too(user: User) -> None:
    user.lockenv("sync")
    words = ["nohup", user.python, "-m", "lockenv", "run", "grep", "SigIgn", "/proc/self/status"]

    masks = [
        subprocess.check_output(words, cwd=user.folder, env=user.environment(), text=True)
        for _ in range(2)  # the second answer is a remembered one
    ]

    assert [int(mask.split()[1], 16) & 1 for mask in masks] == [1, 1]


def test_a_project_that_is_installed_is_part_of_the_question(tmp_path: Path, program: Path) -> None:
    with serve_index() as index:
        index.publish(backend_wheel())
        user = User(tmp_path, variables={"PYTHONPATH": str(program)})
        user.write("pyproject.toml", pyproject(index, build=True))
        user.write("demo_project.py", "VALUE = 1\n")
        user.lockenv("lock")
        user.lockenv("sync")
        shutil.rmtree(user.cache / "answers")
        seen = watched(user, "sync")
        assert watched(user, "sync").is_remembered

        kept = answers(user)[-1].read_text(encoding="utf-8").split("\0")
        inside = {path for path in seen.paths if path.startswith(f"{user.folder}/")}
        read = {path for path in inside if not path.startswith(str(user.venv))}
        assert read <= set(kept)

        user.write("another.py", "")
        assert not watched(user, "sync").is_remembered


def test_the_number_of_answers_is_bounded(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir(mode=0o700)
    for number in range(512):
        (folder / f"{number}").touch()
        os.utime(folder / f"{number}", ns=(number, number))
    question = Question(["check"], (), str(folder))

    keep(question, [], Answer(0, [("err", "all right\n")]))

    answer = question.answer()
    assert answer is not None
    assert answer.printed == (("err", "all right\n"),)
    assert sorted(int(one.name) for one in folder.iterdir() if len(one.name) < 4) == list(
        range(256, 512)
    )
