"""Locks that cannot be used as they are: what each verb says, and how locking again mends them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import snapshot
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.commands import User
    from tests.support.index_server import IndexServer


@pytest.fixture
def locked(user: User, index: IndexServer) -> User:
    index.publish(wheel("app", "1.0", requires=["lib>=1"]), wheel("lib", "1.0"))
    user.write("pyproject.toml", pyproject(index, dependencies=["app"]))
    user.lockenv("lock")
    user.lockenv("sync")
    return user


@dataclass(frozen=True, slots=True)
class Damage:
    """A change of the lock's text; the status and code of ``check``; the status of ``sync``."""

    change: Callable[[str], str]
    check: int
    code: str
    sync: int
    lock: int = 0


def _cut_in_an_entry(text: str) -> str:
    return text[: text.index("hashes = {")]


def _cut_between_entries(text: str) -> str:
    return text[: text.index("[[interpreters]]")]


def _other_version(text: str) -> str:
    return text.replace('name = "lib"\nversion = "1.0"', 'name = "lib"\nversion = "0.9"')


def _conflicted(text: str) -> str:
    line = 'name = "lib"\nversion = "1.0"\n'
    other = line.replace("1.0", "1.1")
    return text.replace(line, f"<<<<<<< ours\n{line}=======\n{other}>>>>>>> theirs\n")


def _without_hashes(text: str) -> str:
    return re.sub(r", hashes = \{[^}]*\}", "", text, count=1)


DAMAGES = {
    "truncated in an entry": Damage(_cut_in_an_entry, 2, "toml-syntax", 2),
    "truncated between entries": Damage(_cut_between_entries, 4, "LE201", 4),
    "edited by hand": Damage(_other_version, 4, "LE201", 4),
    "reformatted": Damage(lambda text: text.replace(" = ", "="), 1, "LE204", 0),
    "merge markers": Damage(_conflicted, 2, "LE206", 2),
    "newer major": Damage(
        lambda text: text.replace('-version = "1.0"', '-version = "2.0"', 1), 2, "LE108", 2, 2
    ),
    "no hash": Damage(_without_hashes, 4, "LE202", 4),
    "wrong type": Damage(
        lambda text: re.sub(r"size = \d+", 'size = "x"', text), 2, "wrong-type", 2
    ),
    "empty": Damage(lambda _: "", 2, "", 2),
    "of another tool": Damage(lambda _: 'version = 1\n[[package]]\nname = "x"\n', 2, "", 2),
}


@pytest.mark.parametrize("story", DAMAGES)
def test_a_damaged_lock_is_told_refused_and_mended(locked: User, story: str) -> None:
    damage = DAMAGES[story]
    good = locked.read("lockenv.lock")
    bad = damage.change(good)
    assert bad != good
    locked.write("lockenv.lock", bad)
    environment = snapshot(locked.venv)

    checked = locked.lockenv("check", status=None)
    synced = locked.lockenv("sync", status=None)

    assert checked.status == damage.check, checked.text
    assert f"[{damage.code}" in checked.out + checked.err
    assert synced.status == damage.sync, synced.text
    assert locked.read("lockenv.lock") == bad
    if damage.sync:
        assert snapshot(locked.venv) == environment
    relocked = locked.lockenv("lock", status=damage.lock)
    if damage.lock == 0:
        assert locked.read("lockenv.lock") == good, relocked.text
        locked.lockenv("check")


def test_a_newer_minor_is_read_with_a_warning_and_never_written(locked: User) -> None:
    newer = locked.read("lockenv.lock").replace("format 1.0", "format 1.7", 1)
    newer = newer.replace('lock-version = "1.0"', 'lock-version = "1.7"', 1)
    locked.write("lockenv.lock", newer + '\n[[novelties]]\nname = "x"\n')
    text = locked.read("lockenv.lock")

    checked = locked.lockenv("check")
    locked.lockenv("sync")
    refused = locked.lockenv("lock", status=2)

    assert "warning[LE108]" in checked.out
    assert "LE108" in refused.err
    assert locked.read("lockenv.lock") == text


def test_an_edit_by_hand_that_fits_is_seen(locked: User) -> None:
    """Somebody changed a hash: the text is still a lock, but not one that lockenv wrote."""
    good = locked.read("lockenv.lock")
    digest = re.findall(r'sha256 = "([0-9a-f]{64})"', good)[0]
    locked.write("lockenv.lock", good.replace(digest, "0" * 64))

    found = locked.lockenv("check", status=1)

    assert "LE204" in found.out
    locked.lockenv("check", "--env", status=1)
