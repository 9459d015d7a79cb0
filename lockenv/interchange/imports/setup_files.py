"""setup.py and setup.cfg without ``[project]``: the project is a local source that is built.

What it needs only its own code tells, so nothing is read out of it but the name: `lock` asks its
build backend, in a locked environment.
"""

from __future__ import annotations

import ast
from configparser import ConfigParser
from configparser import Error as ConfigError

from packaging.utils import InvalidName, canonicalize_name

from lockenv.interchange.imports.values import Imported
from lockenv.model import Origin, SourceRule


def parse_setup(setup_py: str | None, setup_cfg: str | None, folder: str) -> Imported | None:
    """The project of these texts as its own dependency; None where there is neither.

    ``folder`` is the name of the folder, which stands in where nothing says the project's.
    """
    if setup_py is None and (setup_cfg is None or not _describes(setup_cfg)):
        return None
    file = "setup.py" if setup_py is not None else "setup.cfg"
    found = Imported(file)
    said = _name_in_cfg(setup_cfg or "") or _name_in_py(setup_py or "")
    try:
        name: str = canonicalize_name(said or folder, validate=True)
    except InvalidName:
        name = "project"
    if said is None:
        found.notes.append(
            f"{file} does not say the project's name in plain words: {name} is a guess"
        )
    found.dependencies.append(name)
    found.sources[name] = [SourceRule(package=name, path=".", editable=True, origin=Origin(file))]
    found.notes.append(
        f"what {name} needs only {file} tells: lockenv lock builds it to find out, which runs it"
    )
    return found


def _describes(setup_cfg: str) -> bool:
    return _read(setup_cfg).has_section("metadata")


def _read(setup_cfg: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(setup_cfg)
    except ConfigError:
        return ConfigParser(interpolation=None)
    return parser


def _name_in_cfg(text: str) -> str | None:
    return _read(text).get("metadata", "name", fallback=None) or None


def _name_in_py(text: str) -> str | None:
    """The literal ``name`` of a call of ``setup``, or the constant that it names."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    constants = {
        target.id: _text(node.value)
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name":
                    value = keyword.value
                    named = constants.get(value.id) if isinstance(value, ast.Name) else None
                    return _text(value) or named
    return None


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _text(node: ast.expr) -> str | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None
