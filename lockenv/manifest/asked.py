"""What files beside the manifest ask: ``requirements``, and setuptools' ``dynamic`` by file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.manifest.document import is_relative, relative_to
from lockenv.manifest.layers import written_in
from lockenv.manifest.requirements import Requirements, read_requirements
from lockenv.model import Origin
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.fields import Fields
    from lockenv.manifest.document import Document, Reading
    from lockenv.manifest.project import Described
    from lockenv.model import Ask, SourceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The additions of those files; ``extras`` are all, ``dynamic`` is what only a build tells."""

    dependencies: tuple[Ask, ...]
    constraints: tuple[Ask, ...]
    sources: list[SourceRule]
    extras: dict[str, tuple[Ask, ...]]
    dynamic: tuple[str, ...]


def read_asked(reading: Reading, tool: Document, described: Described, own: str | None) -> Asked:
    """Follow the files; ``own`` is the project's normalised name."""
    found = Requirements()
    for number, path in tool.root.numbered_texts("requirements"):
        file = tool.beside(tool.root, path, "requirements", number)
        if file is not None:
            origin = tool.origin(tool.root, "requirements", number)
            read_requirements(reading, file, origin, found, own)
    extras = dict(described.extras)
    dynamic = list(described.project.dynamic)
    fields = _setuptools(reading, tool)
    if fields is not None and "dependencies" in dynamic:
        entry = fields.below("dependencies")
        if entry is not None:
            dynamic.remove("dependencies")
            _read_files(reading, tool, entry, found, own)
    if fields is not None and "optional-dependencies" in dynamic:
        entries = list(fields.named_tables("optional-dependencies"))
        if entries:
            dynamic.remove("optional-dependencies")
        for extra, entry in entries:
            added = Requirements()
            _read_files(reading, tool, entry, added, own)
            extras[canonicalize_name(extra)] = tuple(added.asks)
            found.constraints += added.constraints
            found.sources += added.sources
    return Asked(
        dependencies=tuple(found.asks),
        constraints=tuple(found.constraints),
        sources=found.sources,
        extras=extras,
        dynamic=tuple(dynamic),
    )


def _setuptools(reading: Reading, tool: Document) -> Fields | None:
    """``[tool.setuptools.dynamic]`` of the manifest; None where there is none."""
    table: object = reading.table
    for key in ("tool", "setuptools", "dynamic"):
        table = table.get(key) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return None
    file = tool.layer.place(()).file
    document = reading.document(written_in(file, ("tool", "setuptools", "dynamic"), table))
    return document.root


def _read_files(
    reading: Reading, tool: Document, entry: Fields, found: Requirements, own: str | None
) -> None:
    """``file = "…"`` or a list of them, as setuptools takes them."""
    manifest = tool.layer.place(()).file
    for path, origin in _files(entry, manifest):
        if is_relative(path):
            read_requirements(reading, relative_to(manifest, path), origin, found, own)
        else:
            entry.complain(f'"{path}" is not a relative path', "file", fix="write it from here")


def _files(entry: Fields, manifest: str) -> Iterator[tuple[str, Origin]]:
    prefix = ("tool", "setuptools", "dynamic", *entry.path)
    if isinstance(entry.raw("file"), str):
        yield str(entry.raw("file")), Origin(manifest, (*prefix, "file"))
        return
    for number, path in entry.numbered_texts("file"):
        yield path, Origin(manifest, (*prefix, "file", number))
