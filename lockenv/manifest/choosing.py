"""Which file of a folder is the manifest, and which other tools' inputs lie beside it unread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.formats.toml import locate, parse_toml

if TYPE_CHECKING:
    from collections.abc import Collection

    from lockenv.model import Manifest

_LOCKENV = "lockenv.toml"
_PYPROJECT = "pyproject.toml"

#: Files that say what other tools install.
OTHER_INPUTS = (
    "Pipfile",
    "Pipfile.lock",
    "apt.txt",
    "environment.yml",
    "packages.txt",
    "pdm.lock",
    "pixi.toml",
    "poetry.lock",
    "pylock.toml",
    "requirements.in",
    "requirements.txt",
    "uv.lock",
    "uv.toml",
)
_TOOLS = ("conda-lock", "hatch", "pdm", "pixi", "poetry", "rye", "uv")


def choose_manifest(pyproject: str | None, lockenv: str | None) -> str | None:
    """The name of the manifest of a folder, from the texts of the two files; None for neither.

    A pyproject.toml counts if it has ``[project]``, ``[dependency-groups]`` or ``[tool.lockenv]``.
    Raises `InputError` where both ask something of lockenv: nobody could say which one rules.
    """
    if pyproject is None:
        return None if lockenv is None else _LOCKENV
    if lockenv is not None and "lockenv" not in pyproject:
        return _LOCKENV  # no table of ours; whether it parses is its own tools' affair
    table = parse_toml(_PYPROJECT, pyproject)
    tools = table.get("tool")
    is_ours = isinstance(tools, dict) and "lockenv" in tools
    if lockenv is not None and is_ours:
        line = locate(pyproject, ("tool", "lockenv"))
        raise InputError(
            "two-manifests",
            f"{_LOCKENV} and {_PYPROJECT}:{line} are both the manifest of this folder",
            fix=f"move the keys of one into the other: remove {_LOCKENV} or [tool.lockenv]",
        )
    if lockenv is not None:
        return _LOCKENV
    known = is_ours or "project" in table or "dependency-groups" in table
    return _PYPROJECT if known else None


def unread_inputs(manifest: Manifest, names: Collection[str]) -> tuple[str, ...]:
    """What other tools would obey in this folder and lockenv did not read, for a person.

    ``names`` are the files beside the manifest. Sorted, tables of the manifest first.
    """
    tables: list[str] = []
    text = manifest.files.get(_PYPROJECT)
    tools = parse_toml(_PYPROJECT, text).get("tool") if text is not None else None
    if isinstance(tools, dict):
        tables = [f"[tool.{tool}]" for tool in _TOOLS if _asks_packages(tools.get(tool), tool)]
    files = [
        name
        for name in OTHER_INPUTS
        if name in names
        and name not in manifest.files
        and name != manifest.follow
        and all(name != export.output for export in manifest.exports)
    ]
    return (*tables, *files)


def _asks_packages(table: object, tool: str) -> bool:
    """Whether a tool's table can change what is installed; hatch's mostly tells how to build."""
    if not isinstance(table, dict):
        return False
    return "envs" in table if tool == "hatch" else True
