"""What a command may load before it answers: a module more costs every start, everywhere."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.commands import SOURCE, User
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.startup import Seen, watched
from tests.support.wheels import wheel

#: All that a known answer loads beside the interpreter's own start.
QUICK = {
    "_blake2",
    "lockenv",
    "lockenv.cli",
    "lockenv.cli.entry",
    "lockenv.cli.remembered",
}
#: What an answer loads that holds in every folder with the same files.
ROAMING = {"lockenv.cli.roaming"}
#: What an environment that was made here before loads more.
MAKING = {"_sha256", "_sha2", "fcntl", "lockenv.workflows", "lockenv.workflows.seen"}
#: What a `run` that becomes its program loads more.
BECOMING = {"lockenv.workflows", "lockenv.workflows.variables"}

#: Rooms, doors or modules of the house that a command may load; a name stands for all below it.
HELP = {
    "lockenv.cli.app",
    "lockenv.cli.declared",
    "lockenv.cli.doors",
    "lockenv.cli.invocation",
    "lockenv.cli.output",
    "lockenv.cli.running",
    "lockenv.errors",
    "lockenv.patterns",
    "lockenv.values",
}
CHECK = {
    "lockenv.cli",
    "lockenv.errors",
    "lockenv.fields",
    "lockenv.formats.debian",
    "lockenv.formats.toml",
    "lockenv.lockfile",
    "lockenv.manifest",
    "lockenv.model",
    "lockenv.patterns",
    "lockenv.settings",
    "lockenv.tables.addresses",
    "lockenv.tables.builds",
    "lockenv.values",
    "lockenv.workflows.cells",
    "lockenv.workflows.check",
    "lockenv.workflows.files",
    "lockenv.workflows.judging",
    "lockenv.workflows.locking.local_sources",
    "lockenv.workflows.project",
    "lockenv.workflows.scene",
}
SYNC = CHECK | {
    "lockenv.fetch",
    "lockenv.formats",
    "lockenv.host",
    "lockenv.materialize",
    "lockenv.sources.python",
    "lockenv.workflows",
}
LOCK = SYNC | {"lockenv.resolve", "lockenv.tables"}

#: Modules of the rooms above that these commands have no business with.
SELDOM = {
    "lockenv.fetch.registry",
    "lockenv.fetch.transport",
    "lockenv.formats.debian.compression",
    "lockenv.formats.oci",
    "lockenv.host.gpu",
    "lockenv.manifest.editing",
    "lockenv.manifest.starting",
    "lockenv.materialize.image_build",
    "lockenv.materialize.layers_store",
    "lockenv.materialize.root_apply",
    "lockenv.sandbox",
    "lockenv.sources.cuda",
    "lockenv.sources.debian",
    "lockenv.workflows.image",
    "lockenv.workflows.imaging",
}
#: Libraries that are not the standard one's: what each command may load of them.
LIBRARIES = {"click", "packaging"}
#: Verbs whose plain lines are read without click.
TYPED_ALL_DAY = (["check"], ["sync", "-q"], ["lock"], ["run", "true"])
#: For unpacking wheels: the quickest inflate there is, and small.
UNPACKING = {"isal"}
#: The standard library's heavy ones that a start has no need of.
HEAVY = {"asyncio", "http", "multiprocessing", "sqlite3", "ssl", "xml"}


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with a locked and synced project, and a copy of the program that nobody edits."""
    ground = tmp_path_factory.mktemp("startup")
    shutil.copytree(SOURCE / "lockenv", ground / "program" / "lockenv")
    user = User(ground, variables={"PYTHONPATH": str(ground / "program")})
    with serve_index() as index:
        index.publish(wheel("lib", "1.0"))
        user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
        user.lockenv("lock")
        user.lockenv("sync")
    return user


def strangers(seen: Seen, rooms: set[str]) -> list[str]:
    """The modules that a command loaded and may not load."""
    return sorted(name for name in seen.modules if not _is_allowed(name, rooms))


def _is_allowed(name: str, rooms: set[str]) -> bool:
    top = name.partition(".")[0]
    if top in UNPACKING:
        return "lockenv.materialize" in rooms
    if top != "lockenv":
        return top in LIBRARIES or (top in sys.stdlib_module_names and top not in HEAVY)
    if any(_is_below(name, seldom) for seldom in SELDOM):
        return False
    # A package that only leads to what is allowed is allowed.
    return any(_is_below(name, room) or _is_below(room, name) for room in rooms | QUICK | ROAMING)


def _is_below(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def test_the_version_is_said_without_loading_anything(user: User) -> None:
    seen = watched(user, "--version")

    assert seen.modules <= QUICK


def test_help_loads_no_command(user: User) -> None:
    seen = watched(user, "--help")

    assert not strangers(seen, HELP)
    assert not [name for name in seen.modules if name.startswith("packaging")]


def test_a_check_loads_what_reads_manifest_and_lock(user: User) -> None:
    seen = watched(user, "check", variables={"CI": "1"})

    assert not strangers(seen, CHECK)
    assert "tempfile" not in seen.modules


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is remembered there")
def test_a_remembered_answer_loads_next_to_nothing(user: User) -> None:
    for words in (("check",), ("sync",)):
        watched(user, *words)
        seen = watched(user, *words)

        assert seen.modules <= QUICK, words

    watched(user, "run", "true")
    assert watched(user, "run", "true").modules <= QUICK | BECOMING


def test_a_sync_with_nothing_to_do_loads_no_network_and_no_search(user: User) -> None:
    seen = watched(user, "sync", variables={"CI": "1"})

    assert not strangers(seen, SYNC)


def test_a_run_loads_what_its_sync_loads(user: User) -> None:
    seen = watched(user, "run", "true", variables={"CI": "1"})

    assert not strangers(seen, SYNC)


@pytest.mark.parametrize("words", TYPED_ALL_DAY)
def test_a_plain_line_is_read_without_click(user: User, words: list[str]) -> None:
    seen = watched(user, *words, variables={"CI": "1"})

    assert "click" not in seen.modules


def test_a_lock_that_stands_is_found_right_without_the_network(user: User) -> None:
    seen = watched(user, "lock", variables={"CI": "1"})

    assert not strangers(seen, LOCK)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is remembered there")
def test_a_lock_that_is_known_loads_next_to_nothing(user: User) -> None:
    watched(user, "lock")

    assert watched(user, "lock").modules <= QUICK | ROAMING


@pytest.mark.skipif(sys.platform == "win32", reason="links are made otherwise there")
def test_an_environment_that_was_made_before_loads_next_to_nothing(user: User) -> None:
    for _ in range(3):
        shutil.rmtree(user.venv)
        seen = watched(user, "sync")

    assert seen.modules <= QUICK | ROAMING | MAKING


def test_the_program_lies_where_the_tests_look(user: User) -> None:
    assert (Path(user.variables["PYTHONPATH"]) / "lockenv" / "cli" / "entry.py").is_file()


def test_value_classes_are_made_the_quick_way() -> None:
    slow = [
        file.relative_to(SOURCE).as_posix()
        for file in sorted((SOURCE / "lockenv").rglob("*.py"))
        if "\nfrom dataclasses import" in file.read_text(encoding="utf-8")
    ]

    assert not slow, "lockenv.values has them, and is twenty times as quick to define with"
