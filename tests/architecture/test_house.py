"""The floors and doors of the house: who may import whom, and who may touch the world."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from lockenv.tables import addresses

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lockenv"

#: Each room with its floor. On floor 2 the order is: fields, then formats and tables, then model.
FLOORS = {
    "values": 0.9,
    "patterns": 0.9,
    "errors": 1,
    "fields": 2.0,
    "formats": 2.1,
    "tables": 2.1,
    "model": 2.2,
    "settings": 2.3,
    "manifest": 3,
    "lockfile": 3,
    "resolve": 3,
    "fetch": 3,
    "materialize": 3,
    "sandbox": 3,
    "host": 3,
    "sources": 4,
    "interchange": 4,
    "workflows": 5,
    "cli": 6,
}

#: Rooms where the same question has the same answer everywhere, for ever.
PURE = {
    "values",
    "patterns",
    "errors",
    "fields",
    "formats",
    "model",
    "manifest",
    "lockfile",
    "resolve",
    "interchange",
}

#: What reaches disk, network, clock, environment, processes or chance.
WORLDLY = {
    "asyncio",
    "getpass",
    "glob",
    "http",
    "httpx",
    "importlib",
    "locale",
    "multiprocessing",
    "os",
    "platform",
    "random",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "sysconfig",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
}

#: The one owner of each library that shapes a room.
OWNERS = {
    "click": {"cli"},
    "httpx": {"fetch", "cli"},
    "resolvelib": {"resolve"},
    "tomlkit": {"manifest", "lockfile"},
    "yaml": {"formats"},
}


#: A door per foreign world; and per verb, so that a command loads its own workflow alone.
MANY_DOORS = {"formats", "sources", "interchange", "workflows"}
#: Second doors, for what is too heavy to load with the first: the registry client loads httpx.
SECOND_DOORS = {"lockenv.fetch.registry", "lockenv.fetch.shelves"}


class Import(NamedTuple):
    file: Path
    line: int
    module: str
    names: tuple[str, ...]
    typing_only: bool


def _imports(file: Path) -> list[Import]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    ]
    typing_only = {child for block in typing_blocks for child in ast.walk(block)}
    found = []
    for node in ast.walk(tree):
        only = node in typing_only
        if isinstance(node, ast.Import):
            found += [Import(file, node.lineno, name.name, (), only) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            names = tuple(name.name for name in node.names)
            found.append(Import(file, node.lineno, node.module or "", names, only))
    return found


def _room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(
    file for file in PACKAGE.rglob("*.py") if file.name != "__main__.py" and file.parent != ROOT
)
ROOM_FILES = [file for file in FILES if _room(file) != "__init__"]


def test_every_room_has_a_floor() -> None:
    rooms = {
        entry.name.removesuffix(".py")
        for entry in PACKAGE.iterdir()
        if entry.suffix == ".py" or (entry.is_dir() and any(entry.rglob("*.py")))
    }

    assert rooms - {"__init__", "__main__", "__pycache__"} <= set(FLOORS)


@pytest.mark.parametrize("file", ROOM_FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_lower_floors_and_enters_by_the_door(file: Path) -> None:
    room = _room(file)
    wrong = []

    for found in _imports(file):
        parts = found.module.split(".")
        if parts[0] != "lockenv" or len(parts) == 1:
            continue
        other = parts[1]
        if other == room:
            continue
        if FLOORS[other] >= FLOORS[room]:
            wrong.append(f"line {found.line}: {room} may not import {other}")
        door = 3 if other in MANY_DOORS else 2
        is_second = found.module in SECOND_DOORS
        if len(parts) > door and other != "tables" and not is_second:
            wrong.append(f"line {found.line}: {found.module} is behind the door of {other}")

    assert not wrong


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Neither late nor for types alone: who reads a file needs to know only what lies below it."""
    modules = {_module(file) for file in FILES}
    below: dict[str, set[str]] = {}
    for file in FILES:
        names = {
            f"{found.module}.{name}" if f"{found.module}.{name}" in modules else found.module
            for found in _imports(file)
            for name in found.names or ("",)
        }
        below[_module(file)] = (names & modules) - {_module(file)}

    # What imports nothing that is left goes; what then stays is in a circle, or leads to one.
    while gone := {module for module, names in below.items() if not names}:
        below = {module: names - gone for module, names in below.items() if module not in gone}

    assert not below


@pytest.mark.parametrize("file", ROOM_FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_pure_room_meets_no_world(file: Path) -> None:
    if _room(file) not in PURE:
        return

    met = [
        f"line {found.line}: {found.module}"
        for found in _imports(file)
        if not found.typing_only
        and (found.module in WORLDLY or found.module.split(".")[0] in WORLDLY)
    ]

    assert not met


@pytest.mark.parametrize("file", ROOM_FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_library_has_one_owner(file: Path) -> None:
    strangers = [
        f"line {found.line}: {found.module} belongs to {sorted(OWNERS[library])}"
        for found in _imports(file)
        if not found.typing_only
        and (library := found.module.split(".")[0]) in OWNERS
        and _room(file) not in OWNERS[library]
    ]

    assert not strangers


def _doors() -> list[Path]:
    return [file for file in ROOM_FILES if file.name == "__init__.py"]


@pytest.mark.parametrize("door", _doors(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_door_holds_a_sentence_imports_and_a_list(door: Path) -> None:
    tree = ast.parse(door.read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)
    for node in tree.body[1:]:
        is_list = isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node)
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        assert is_list or is_typing or isinstance(node, ast.Import | ast.ImportFrom), (
            f"{door}:{node.lineno}: a door holds nothing else"
        )


def test_no_file_is_named_after_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}

    assert not [file for file in FILES if file.stem in empty]


@pytest.mark.parametrize("file", ROOM_FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_work_is_left_unfinished(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    for word in ("TODO", "FIXME", "XXX", "NotImplementedError", "not yet supported"):
        assert word not in text


@pytest.mark.parametrize("file", ROOM_FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_the_command_line_prints(file: Path) -> None:
    if _room(file) == "cli":
        return
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "input"}
    ]

    assert not calls


#: Hosts that stand in lockenv/tables/addresses.py and nowhere else.
HOSTS = sorted(
    {
        urlsplit(value).hostname or value
        for name, value in vars(addresses).items()
        if name.isupper() and isinstance(value, str)
    }
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_public_addresses_stand_in_one_module(file: Path) -> None:
    if file == PACKAGE / "tables" / "addresses.py":
        return
    text = file.read_text(encoding="utf-8")

    assert not [host for host in HOSTS if host in text]


def test_the_package_imports_nothing_at_its_top() -> None:
    assert _imports(PACKAGE / "__init__.py") == []


def test_floors_are_checked_under_a_supported_python() -> None:
    assert sys.version_info >= (3, 11)
