"""Interpreters of a machine: found by exact version and kind, never another in its place."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lockenv.errors import HostError, InputError
from lockenv.host import (
    Interpreter,
    Places,
    check_interpreter,
    find_interpreter,
    find_minor,
    inspect_interpreter,
    places_here,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stand-ins are shell scripts")


class Kept:
    """A memory in a dictionary that counts what it was asked."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], bytes] = {}

    def recall(self, kind: str, key: str) -> bytes | None:
        return self.facts.get((kind, key))

    def remember(self, kind: str, key: str, data: bytes) -> None:
        self.facts[kind, key] = data


def stand_in(path: Path, version: str, **facts: object) -> Path:
    """A program that answers as an interpreter of a version does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = {
        "version": version,
        "implementation": "cpython",
        "executable": str(path),
        "prefix": str(path.parents[1]),
        "system": "linux",
        "machine": "x86_64",
        "freethreaded": False,
        **facts,
    }
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
    path.chmod(0o755)
    return path


def test_a_real_interpreter_says_what_it_is() -> None:
    found = inspect_interpreter(Path(sys.executable))

    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert (found.implementation, found.system) == (sys.implementation.name, sys.platform)
    assert found.executable == base
    assert found.freethreaded is False


def test_the_exact_version_is_found_in_a_home_on_the_path_and_behind_it(tmp_path: Path) -> None:
    home = stand_in(tmp_path / "home" / "3.11.7" / "bin" / "python3.11", "3.11.7")
    on_path = stand_in(tmp_path / "path" / "python3.12", "3.12.1")
    behind = stand_in(tmp_path / "usr" / "python3", "3.13.0")
    places = Places(
        path=(tmp_path / "nowhere", tmp_path / "path"),
        homes=(tmp_path / "home",),
        folders=(tmp_path / "usr",),
    )

    for version, path in (("3.11.7", home), ("3.12.1", on_path), ("3.13.0", behind)):
        assert find_interpreter(version, places).executable == str(path)


def test_another_version_is_never_taken_and_what_was_found_is_told(tmp_path: Path) -> None:
    stand_in(tmp_path / "python3.11", "3.11.6")
    stand_in(tmp_path / "python3", "3.11.8")
    places = Places(path=(tmp_path,))

    with pytest.raises(HostError) as caught:
        find_interpreter("3.11.7", places)

    assert (caught.value.slug, caught.value.status) == ("no-interpreter", 6)
    assert "3.11.7" in caught.value.what
    assert [line.split()[1] for line in caught.value.why] == ["3.11.6", "3.11.8"]
    assert caught.value.fix


def test_free_threaded_builds_are_told_apart(tmp_path: Path) -> None:
    stand_in(tmp_path / "python3.13", "3.13.0")
    places = Places(path=(tmp_path,))

    with pytest.raises(HostError):
        find_interpreter("3.13.0", places, freethreaded=True)
    free = stand_in(tmp_path / "python3.13t", "3.13.0", freethreaded=True)
    assert find_interpreter("3.13.0", places, freethreaded=True).executable == str(free)
    assert not find_interpreter("3.13.0", places).freethreaded


def test_other_implementations_and_broken_programs_are_passed_over(tmp_path: Path) -> None:
    stand_in(tmp_path / "a" / "python3.11", "3.11.7", implementation="pypy")
    broken = tmp_path / "b" / "python3.11"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    right = stand_in(tmp_path / "c" / "python3.11", "3.11.7")
    (tmp_path / "d" / "python3.11").mkdir(parents=True)
    places = Places(path=tuple(tmp_path / name for name in "abdc"))

    assert find_interpreter("3.11.7", places).executable == str(right)


def test_a_minor_version_is_enough_where_the_lock_pins_no_more(tmp_path: Path) -> None:
    stand_in(tmp_path / "python3.11", "3.11.9")

    assert find_minor("3.11", Places(path=(tmp_path,))).version == "3.11.9"
    with pytest.raises(HostError):
        find_minor("3.12", Places(path=(tmp_path,)))


def test_an_interpreter_is_asked_once_until_it_changes(tmp_path: Path) -> None:
    path = stand_in(tmp_path / "python3.11", "3.11.7")
    kept = Kept()
    inspect_interpreter(path, kept)
    ((key, data),) = kept.facts.items()
    kept.facts[key] = data.replace(b"3.11.7", b"3.11.1")

    assert inspect_interpreter(path, kept).version == "3.11.1"
    stand_in(path, "3.11.10")
    assert inspect_interpreter(path, kept).version == "3.11.10"
    kept.facts = dict.fromkeys(kept.facts, b"broken")
    assert inspect_interpreter(path, kept).version == "3.11.10"


def test_a_named_interpreter_must_be_of_the_locked_minor_version_and_kind(tmp_path: Path) -> None:
    other_build = stand_in(tmp_path / "one", "3.11.9")
    wrong = stand_in(tmp_path / "two", "3.12.1")
    free = stand_in(tmp_path / "three", "3.11.7", freethreaded=True)

    assert check_interpreter(other_build, "3.11.7").version == "3.11.9"
    for path in (wrong, free):
        with pytest.raises(InputError) as caught:
            check_interpreter(path, "3.11.7")
        assert caught.value.slug == "other-python"
    with pytest.raises(HostError) as refused:
        check_interpreter(tmp_path / "none", "3.11.7")
    assert refused.value.slug == "not-an-interpreter"


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"version": 3}', "hello"])
def test_an_answer_that_is_none_is_refused(tmp_path: Path, answer: str) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)

    with pytest.raises(HostError) as caught:
        inspect_interpreter(path)

    assert caught.value.slug == "not-an-interpreter"


def test_places_come_from_the_environment_and_the_system() -> None:
    home = Path("/home/me")
    environ = {"PATH": "/home/me/.pyenv/shims:/usr/bin:relative:", "XDG_DATA_HOME": "/data"}

    linux = places_here(environ, home, "linux")
    mac = places_here({"UV_PYTHON_INSTALL_DIR": "/uv", "PYENV_ROOT": "/pyenv"}, home, "darwin")
    windows = places_here({}, home, "win32")

    assert linux.path == (Path("/usr/bin"),)
    assert linux.homes[:2] == (Path("/data/uv/python"), Path("/home/me/.pyenv/versions"))
    assert mac.homes[:2] == (Path("/uv"), Path("/pyenv/versions"))
    assert any("Framework" in str(one) for one in mac.homes)
    assert any("Programs" in str(one) for one in windows.homes)


def test_an_interpreter_reads_well() -> None:
    shown = Interpreter(
        executable="/p/python3",
        version="3.13.0",
        implementation="cpython",
        prefix="/p",
        system="linux",
        machine="x86_64",
        freethreaded=True,
    )

    assert str(shown) == "3.13.0t at /p/python3"
