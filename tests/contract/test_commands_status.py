"""Every exit status of the contract, met by a command that a person would type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import Fault, serve_index
from tests.support.projects import backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        server.publish(wheel("lib", "1.0"), wheel("lib", "2.0"), backend_wheel())
        yield server


@pytest.fixture
def user(tmp_path: Path, index: IndexServer) -> User:
    user = User(tmp_path)
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    return user


def test_0_is_done(user: User) -> None:
    user.lockenv("lock")
    user.lockenv("check")


def test_1_is_no(user: User) -> None:
    user.lockenv("check", status=1)
    user.lockenv("sync", status=1)


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-verb"],
        ["lock", "--no-such-option"],
        ["sync", "--link-mode", "magic"],
        ["export"],
        ["export", "nonsense"],
        ["-C", "nowhere", "lock"],
        ["lock", "--upgrade=everything"],
        ["lock", "-P", "absent-package"],
        ["lock", "--as-of", "someday"],
        ["lock", "--target", "nowhere"],
        ["check", "--format", "poem"],
        ["cache"],
        ["run"],
        ["--config", "nowhere.toml", "lock"],
    ],
    ids=" ".join,
)
def test_2_is_wrong_input(user: User, words: list[str]) -> None:
    answer = user.lockenv(*words, status=2)

    assert answer.out == ""
    assert answer.err


def test_3_is_no_solution(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["lib>=3"]))

    answer = user.lockenv("lock", status=3)

    assert "lib>=3" in answer.err
    assert "pyproject.toml:5" in answer.err
    assert "fix:" in answer.err


def test_4_is_integrity(user: User, index: IndexServer) -> None:
    user.lockenv("lock")
    index.faults["/files/lib-2.0-py3-none-any.whl"] = [
        Fault(body=bytes(len(wheel("lib", "2.0").data)), lasting=True)
    ]

    answer = user.lockenv("sync", status=4)

    index.faults.clear()
    assert answer.slug == "digest-mismatch"
    assert answer.err.count("sha256:") == 2


def test_5_is_trouble_that_passes(user: User, index: IndexServer) -> None:
    index.faults["/simple/lib/"] = [Fault(status=502, lasting=True)]

    user.lockenv("lock", status=5)

    index.faults.clear()


def test_6_is_another_machine(user: User, index: IndexServer) -> None:
    text = pyproject(index, dependencies=["lib"])
    user.lockenv("lock")
    user.write("pyproject.toml", text)

    answer = user.lockenv("sync", "--python", "/nonexistent/python", status=6)

    assert "fix:" in answer.err


def test_7_is_a_step_outside(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, build=True))
    user.write("break-the-build", "")
    user.lockenv("lock")

    assert "on purpose" in user.lockenv("sync", status=7).err


def test_8_is_not_to_be_had(user: User) -> None:
    user.lockenv("lock", "--offline", status=8)


def test_run_passes_the_status_of_its_command_on(user: User) -> None:
    user.lockenv("lock")
    user.lockenv("run", "python", "-c", "raise SystemExit(9)", status=9)
    user.lockenv("run", "no-such-program", status=127)
    user.write("plain.txt", "no program")
    user.lockenv("run", "./plain.txt", status=126)
    killed = user.lockenv("run", "sh", "-c", "kill -TERM $$", status=None)
    assert killed.status in {143, -15}  # a shell shows both as 143
    user.lockenv("run", "--no-sync", "python", "--version")


def test_run_whose_own_work_fails_is_125(user: User) -> None:
    """So that a script can tell lockenv's failure from the command's."""
    answer = user.lockenv("run", "true", status=125)

    assert "LE101" in answer.err


def test_several_faults_give_the_most_severe(user: User, index: IndexServer) -> None:
    """A lock that contradicts itself (4) weighs more than one that is stale (1)."""
    user.lockenv("lock")
    text = user.read("lockenv.lock")
    user.write("lockenv.lock", text.replace('version = "2.0"', 'version = "1.5"'))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib<1"]))

    user.lockenv("check", status=4)


def test_a_reader_that_goes_away_is_no_error(user: User) -> None:
    user.lockenv("lock")
    process = user.start("tree")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)

    assert process.returncode in {0, 141}
    assert err == ""
