"""What wheels need of the system: everything that the loader asks for and no wheel brings. Pure.

A library that the interpreter imports, or that another library needs, must find all of its own
needs at once. What lies in a folder of plugins is opened on request alone, often one of several
that do the same: what only plugins need is not asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.sources.native.reading import Library, WheelLibraries

#: Folders whose libraries nobody opens without being asked to, as Qt, GStreamer and GTK name them.
_PLUGINS = frozenset({"plugins", "plugin", "gstreamer-1.0", "gio-modules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContent:
    """One chosen wheel with what it holds; ``file`` is its name.

    ``opened`` are libraries that its Python code opens by name when it is imported.
    """

    package: str
    version: str
    file: str
    libraries: WheelLibraries
    opened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A library that a wheel needs and no wheel has; ``path`` of who needs it, empty for code."""

    package: str
    version: str
    soname: str
    path: str = ""


def find_needs(wheels: Sequence[WheelContent]) -> tuple[Need, ...]:
    """What the wheels need from outside, sorted by package and library.

    A wheel's own libraries serve it, by RUNPATH or because its package opens them first, and so do
    other wheels': packages that share libraries import each other.
    """
    have = {name for wheel in wheels for name in _names(wheel.libraries)}
    found: dict[tuple[str, str], Need] = {}
    for wheel in sorted(wheels, key=lambda one: one.package):
        asked = [(library.path, name) for library in _loaded(wheel) for name in library.needed]
        asked += [("", name) for name in wheel.opened]
        for path, name in sorted(asked):
            # A needed name with a slash is a path of its own, which the loader does not search.
            if name in have or "/" in name:
                continue
            need = Need(package=wheel.package, version=wheel.version, soname=name, path=path)
            found.setdefault((wheel.package, name), need)
    return tuple(found[key] for key in sorted(found))


def _names(libraries: WheelLibraries) -> Iterable[str]:
    for path in libraries.unread:
        yield path.rpartition("/")[2]
    for library in libraries.libraries:
        yield library.name
        if library.soname:
            yield library.soname


def _loaded(wheel: WheelContent) -> list[Library]:
    """The libraries that are there at an import: all but plugins and what only they need."""
    libraries = wheel.libraries.libraries
    by_name: dict[str, Library] = {}
    for library in libraries:
        by_name.setdefault(library.name, library)
        by_name.setdefault(library.soname or library.name, library)
    # Who is needed by a library of the same wheel is loaded with it, or not at all.
    inner = {name for library in libraries for name in library.needed}
    starts = [
        library
        for library in libraries
        if not _is_plugin(library) and not {library.name, library.soname} & inner
    ]
    return _closure(starts, by_name)


def _closure(starts: Iterable[Library], by_name: Mapping[str, Library]) -> list[Library]:
    found: dict[str, Library] = {}
    waiting = list(starts)
    while waiting:
        library = waiting.pop()
        if library.path not in found:
            found[library.path] = library
            waiting += [by_name[name] for name in library.needed if name in by_name]
    return [found[path] for path in sorted(found)]


def _is_plugin(library: Library) -> bool:
    return bool(_PLUGINS & set(library.path.split("/")[:-1]))
