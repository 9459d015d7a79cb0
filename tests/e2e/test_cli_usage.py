"""Slips on the command line, and what stands before or after the verb."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockenv import __version__
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer

#: What is typed, and what is said of it.
SLIPS = {
    "chek": "no such command 'chek'\n  why: did you mean 'check'?\n  fix: lockenv --help",
    "check --formt json": "no such option '--formt'",
    "check --format xml": "invalid value for '--format': 'xml' is not one of 'text'",
    "why": "missing argument 'NAME'",
    "run": "missing argument 'CMD...'",
    "cache nothing": "no such command 'nothing'\n  fix: lockenv cache --help",
}


@pytest.mark.parametrize("words", SLIPS)
def test_a_slip_is_told_as_every_error_is(user: User, words: str) -> None:
    answer = user.lockenv(*words.split(), status=2)

    assert answer.err.startswith("error[usage]: ")
    assert SLIPS[words] in answer.err
    assert answer.err.splitlines()[-1].startswith("  fix: lockenv ")
    assert answer.out == ""


def test_no_verb_at_all_is_answered_with_the_help(user: User) -> None:
    answer = user.lockenv(status=2)

    assert "Commands:" in answer.err
    assert "error[" not in answer.err


@pytest.mark.parametrize("words", [["--version"], ["check", "--version"], ["run", "--version"]])
def test_the_version_stands_before_or_after_the_verb(user: User, words: list[str]) -> None:
    assert user.lockenv(*words).out == f"lockenv {__version__}\n"


def test_a_target_that_is_nowhere_is_a_slip_whatever_is_checked(
    user: User, index: IndexServer
) -> None:
    index.publish(wheel("lib", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")

    answer = user.lockenv("check", "--target", "nowhere", status=2)

    assert "error[no-target]: lockenv.lock has no target nowhere" in answer.err
    user.lockenv("check", variables={"LOCKENV_TARGET": "nowhere"})


#: Locales without UTF-8, and what Python makes of standard output there.
NARROW = {
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
}


@pytest.mark.parametrize("locale", NARROW)
def test_every_text_can_be_printed_in_every_locale(user: User, locale: str) -> None:
    user.write("pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["ü€"]\n')

    text = user.lockenv("check", status=2, variables=NARROW[locale])
    report = user.lockenv("check", "--format", "json", status=2, variables=NARROW[locale])
    everything = user.lockenv("check", "--recursive", status=2, variables=NARROW[locale])

    assert text.err.startswith("error[invalid-requirement]: pyproject.toml:4: ")
    assert "ü€" in json.loads(report.out)["findings"][0]["message"]
    assert "ü€" in everything.out


def test_a_path_that_is_no_text_can_be_printed(user: User) -> None:
    folder = user.folder / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no such names here: {error.strerror}")
    (folder / "lockenv.toml").write_text("pythn = '3'\n")

    answer = user.lockenv("check", "--recursive", status=2)

    assert "caf" in answer.out
    assert json.loads(user.lockenv("check", "--recursive", "--format", "json", status=2).out)
    user.lockenv("check", "--recursive", "--format", "github", status=2)
    user.lockenv("check", "--recursive", "--format", "sarif", status=2)


def test_a_manifest_that_asks_for_another_lockenv_is_left_alone(user: User) -> None:
    user.write("lockenv.toml", 'requires-lockenv = ">=999"\n')

    for verb in ("lock", "check", "sync", "tree"):
        answer = user.lockenv(verb, status=2)
        assert answer.slug == "other-lockenv"
        assert "fix: install lockenv>=999" in answer.err


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_before_the_first_commit_everything_is_new(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")
    user.lockenv("diff", status=2)
    subprocess.run(["git", "init", "-q", str(user.folder)], check=True, capture_output=True)

    answer = user.lockenv("diff", "--exit-code", status=1)

    assert "+ lib 1.0" in answer.out
    assert user.lockenv("diff", "git:nowhere", status=2).slug == "no-revision"
