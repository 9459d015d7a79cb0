"""Manifests that cannot be used: status 2, every fault with its line, nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import snapshot

if TYPE_CHECKING:
    from tests.support.commands import User

_HEAD = '[project]\nname = "x"\nversion = "1"\n'

#: A manifest, the slug of its first fault, and what the message must hold.
CASES = {
    "unknown key": (
        _HEAD + '[tool.lockenv]\ntargts = ["linux-x86_64"]\n',
        "unknown-key",
        ["pyproject.toml:5", "targets"],
    ),
    "wrong type": (
        _HEAD + "[tool.lockenv]\ntargets = 3\n",
        "wrong-type",
        ["pyproject.toml:5", "targets"],
    ),
    "invalid requirement": (
        _HEAD + 'dependencies = [\n  "fine",\n  "not fine!",\n]\n',
        "invalid-requirement",
        ["pyproject.toml:6", "not fine!"],
    ),
    "cycle of groups": (
        _HEAD + '[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]\n',
        "group-cycle",
        ["pyproject.toml:6", "a -> b -> a"],
    ),
    "include of a group that is not there": (
        _HEAD + '[dependency-groups]\ntest = []\na = [{include-group = "tets"}]\n',
        "unknown-group",
        ["pyproject.toml:6", "test"],
    ),
    "no TOML": (_HEAD + "[tool.lockenv\n", "toml-syntax", ["pyproject.toml:4"]),
    "unknown platform": (
        _HEAD + '[tool.lockenv]\ntargets = ["linux-x86"]\n',
        "unknown-target",
        ["pyproject.toml:5", "linux-x86_64"],
    ),
    "credentials in an address": (
        _HEAD
        + '[[tool.lockenv.index]]\nname = "i"\nurl = "https://me:secret@example.com/simple/"\n',
        "credentials",
        ["pyproject.toml:6"],
    ),
}


@pytest.mark.parametrize("story", CASES)
@pytest.mark.parametrize("verb", ["lock", "check"])
def test_a_faulty_manifest_is_status_2_with_its_line(user: User, story: str, verb: str) -> None:
    text, slug, facts = CASES[story]
    user.write("pyproject.toml", text)
    before = snapshot(user.folder)

    answer = user.lockenv(verb, status=2)

    assert answer.slug == slug
    for fact in facts:
        assert fact in answer.err
    assert "secret" not in answer.err
    assert answer.out == ""
    assert snapshot(user.folder) == before


def test_all_faults_are_told_in_one_go(user: User) -> None:
    user.write(
        "pyproject.toml",
        _HEAD
        + 'dependencies = ["bad one!"]\n[tool.lockenv]\ntargts = 1\nalign = "sometimes"\n'
        + "[tool.lockenv.policy]\nsdist = 7\n",
    )

    answer = user.lockenv("lock", status=2)

    assert answer.err.count("error[") == 4
    assert answer.err.count("fix:") == 4


def test_two_manifests_in_one_folder_are_refused(user: User) -> None:
    user.write("pyproject.toml", _HEAD + "[tool.lockenv]\n")
    user.write("lockenv.toml", "dependencies = []\n")

    answer = user.lockenv("lock", status=2)

    assert "lockenv.toml" in answer.err
    assert "[tool.lockenv]" in answer.err


def test_no_manifest_at_all_is_status_2(user: User) -> None:
    assert "lockenv init" in user.lockenv("lock", status=2).err
    (user.folder / ".git").mkdir()
    user.write("sub/note.txt", "")
    (user.ground / "pyproject.toml").write_text(_HEAD, encoding="utf-8")
    assert user.lockenv("check", cwd=user.folder / "sub", status=2).slug == "no-manifest"


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe[project]", b"", b"\x00\x01\x02", b"[project]\nname = 'x'\n" * 2],
    ids=["not UTF-8", "empty", "binary", "a table twice"],
)
def test_a_manifest_that_is_no_text_is_status_2(user: User, data: bytes) -> None:
    (user.folder / "pyproject.toml").write_bytes(data)

    user.lockenv("lock", status=2)
