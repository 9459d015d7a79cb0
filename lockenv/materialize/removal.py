"""Which files leave with a package: those of its RECORD, as far as they lie in the environment."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.formats.wheel import RecordRow, parse_record
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lockenv.materialize.layout import Layout
    from lockenv.materialize.state import InstalledPackage
    from lockenv.materialize.undo import Undo

#: The compiled form of a module: ``name.cpython-311.pyc``, ``name.cpython-311.opt-1.pyc``.
_COMPILED = pattern(r"(?P<module>.+?)\.[a-z]+-\d+t?(?:\.opt-\w+)?\.pyc")


def read_record(root: str, package: InstalledPackage, layout: Layout) -> tuple[RecordRow, ...]:
    """The rows of an installed RECORD with paths below the environment's root.

    Rows that lead out of the environment are left out: a RECORD is only as good as whoever wrote
    it. Empty if there is no RECORD or it cannot be read.
    """
    place = f"{root}/{layout.site_packages}/{package.dist_info}/RECORD"
    try:
        with open(place, encoding="utf-8", newline="") as file:  # noqa: PTH123 - strings, as in tree
            rows = parse_record(file.read())
    except (OSError, ValueError):
        return ()
    located = (row._replace(path=_located(row.path, layout)) for row in rows)
    return tuple(row for row in located if row.path)


def remove_package(
    root: str, package: InstalledPackage, layout: Layout, kept: Collection[str], undo: Undo
) -> None:
    """Take away the files of a package, but those in ``kept``, and the folders left empty.

    RECORD goes last, so that a change cut short in the middle can be taken up again.
    """
    rows = read_record(root, package, layout)
    dist_info = f"{layout.site_packages}/{package.dist_info}"
    record = f"{dist_info}/RECORD"
    if not rows and not package.is_ours and _has_content(f"{root}/{dist_info}"):
        raise InputError(
            "no-record",
            f"{package.name} {package.version} cannot be removed: it has no RECORD of its files",
            why=[f"somebody else installed it: {root}/{dist_info}"],
            fix=[f"remove {root}, then lockenv sync"],
        )
    real = _RealFolders(root)
    paths = [row.path for row in rows if row.path not in kept and row.path != record]
    for path in paths:
        if real.leads_inside(path.rpartition("/")[0]):
            undo.take(f"{root}/{path}")
    _remove_compiled(root, paths, real, undo)
    for name in sorted(_names(f"{root}/{dist_info}")):
        if name != "RECORD" and f"{dist_info}/{name}" not in kept:
            undo.take(f"{root}/{dist_info}/{name}")
    undo.take(f"{root}/{record}")
    _remove_folders(root, [*paths, record], layout, real, undo)


def _located(path: str, layout: Layout) -> str:
    """A path of RECORD below the root; empty if it is not inside or is the environment's own."""
    parts: list[str] = layout.site_packages.split("/")
    if path.startswith("/") or "\0" in path or "\\" in path:
        return ""
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    located = "/".join(parts)
    python = f"{layout.scripts}/python"
    is_own = located in {"", "pyvenv.cfg", "lib64", python, f"{python}3", f"{python}{layout.minor}"}
    return "" if is_own or parts[0].startswith(".lockenv") else located


class _RealFolders:
    """Tells folders of the environment from links that lead out of it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known = {"": True}

    def leads_inside(self, folder: str) -> bool:
        """Whether neither the folder nor one above it is a link."""
        known = self._known.get(folder)
        if known is None:
            known = self.leads_inside(folder.rpartition("/")[0]) and self._is_folder(folder)
            self._known[folder] = known
        return known

    def _is_folder(self, folder: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(f"{self._root}/{folder}").st_mode)
        except OSError:
            return False


def _remove_compiled(root: str, paths: Iterable[str], real: _RealFolders, undo: Undo) -> None:
    """Take away what Python compiled from removed modules: nobody records those."""
    modules: dict[str, set[str]] = {}
    for path in paths:
        if path.endswith(".py"):
            folder, _, name = path.rpartition("/")
            modules.setdefault(folder, set()).add(name.removesuffix(".py"))
    for folder, names in sorted(modules.items()):
        cache = f"{folder}/__pycache__"
        if not real.leads_inside(cache):
            continue
        left = _names(f"{root}/{cache}")
        for name in sorted(left):
            match = _COMPILED.fullmatch(name)
            if match is not None and match["module"] in names:
                undo.take(f"{root}/{cache}/{name}")
        undo.take_folder(f"{root}/{cache}")


def _remove_folders(
    root: str, paths: Iterable[str], layout: Layout, real: _RealFolders, undo: Undo
) -> None:
    """Take away folders that are empty now, from the innermost outwards."""
    stay = {"", layout.scripts, layout.site_packages, layout.site_packages.partition("/")[0]}
    folders = {path.rpartition("/")[0] for path in paths}
    for folder in sorted(folders, key=lambda one: (-one.count("/"), one)):
        while folder not in stay and real.leads_inside(folder):
            if not undo.take_folder(f"{root}/{folder}"):
                break
            folder = folder.rpartition("/")[0]  # noqa: PLW2901


def _has_content(place: str) -> bool:
    return bool(_names(place))


def _names(place: str) -> list[str]:
    try:
        return os.listdir(place)  # noqa: PTH208 - strings, as in tree
    except OSError:
        return []
