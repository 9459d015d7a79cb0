"""Where the manifest asks for what a lock has: the line of each root of a target's graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lockenv.lockfile import Scope, asked_lines
from lockenv.manifest import line_of
from lockenv.workflows.cells import expand
from lockenv.workflows.locked_graph import BASE, CUDA, INTERPRETER, SYSTEM, canonical_relation

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from lockenv.lockfile import Asked
    from lockenv.model import Ask, Lock, Manifest, Origin

    #: A selection and the words that it asked with, to the place of these words.
    Place: TypeAlias = Callable[[str, str], str]

#: The request's lines in which the layers beside Python's are asked for.
_LINES = {SYSTEM: "system package ", INTERPRETER: "python ", CUDA: "cuda components", BASE: "base "}


def places_of(manifest: Manifest | None, lock: Lock) -> Place:
    """``pyproject.toml:9 (group:dev)`` for each root; its selection where no manifest is read."""
    if manifest is None:
        return lambda selection, _: selection
    asks = _asks(manifest)
    lines = [
        asked
        for cell in expand(manifest, lock)
        for asked in asked_lines(manifest, Scope(target=cell.target, python=cell.python_spec))
    ]

    def place(selection: str, words: str) -> str:
        if selection in _LINES:
            return _other(manifest, lines, selection, words)
        name = _name(words)
        for ask in asks.get(selection, ()):
            if canonicalize_name(ask.requirement.name) == name:
                where = _where(manifest, ask.origin)
                return where if selection == "project" else f"{where} ({selection})"
        return selection

    return place


def _asks(manifest: Manifest) -> dict[str, tuple[Ask, ...]]:
    asks: dict[str, tuple[Ask, ...]] = {"project": manifest.dependencies, "seed": manifest.seed}
    asks["project"] += tuple(
        ask for table in manifest.target_tables.values() for ask in table.dependencies
    )
    asks |= {f"group:{name}": group for name, group in manifest.groups.items()}
    asks |= {f"extra:{name}": extra for name, extra in manifest.optional_dependencies.items()}
    return asks


def _name(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""


def _other(manifest: Manifest, lines: list[Asked], selection: str, words: str) -> str:
    """The place of what another layer's root was asked with."""
    start = _LINES[selection]
    for asked in lines:
        if not asked.line.startswith(start) or asked.origin is None:
            continue
        rest = asked.line.removeprefix(start)
        if selection == SYSTEM and rest != canonical_relation(words):
            continue
        if selection == BASE and rest != words:
            continue
        return _where(manifest, asked.origin)
    return manifest.file


def _where(manifest: Manifest, origin: Origin) -> str:
    line = line_of(manifest, origin)
    return f"{origin.file}:{line}" if line else origin.file
