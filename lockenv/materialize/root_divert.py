"""What packages ask of dpkg before they are unpacked: diversions and overridden modes.

dpkg-divert(1) and dpkg-statoverride(1) write these down, and dpkg obeys them when it unpacks. Here
packages lie unpacked before their scripts run, so what was asked is made good afterwards.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lockenv.formats.deb import merged_path
from lockenv.materialize.root_unpack import NEW
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lockenv.materialize.debian_database import DpkgPackage

_DATABASE = "var/lib/dpkg"


@dataclass(frozen=True, slots=True)
class Diversion:
    """A file goes to another place, unless it is the package ``owner``'s own (":": anybody's)."""

    path: str
    place: str
    owner: str


def read_diversions(root: Path) -> tuple[Diversion, ...]:
    """The diversions that stand in a root's database, three lines each."""
    try:
        text = (root / _DATABASE / "diversions").read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ()
    lines = text.splitlines()
    return tuple(
        Diversion(_place(path), _place(place), owner)
        for path, place, owner in zip(lines[::3], lines[1::3], lines[2::3], strict=False)
    )


def moves_for(package: DpkgPackage, diversions: Iterable[Diversion]) -> dict[str, str]:
    """Where the files of a package that are diverted go to."""
    return {one.path: one.place for one in diversions if one.owner != package.name}


def move_waiting(
    root: Path, packages: Iterable[DpkgPackage], diversions: Iterable[Diversion]
) -> None:
    """Move configuration files that wait to be configured; dpkg-divert knows only their names."""
    known = tuple(diversions)
    for package in packages:
        moves = moves_for(package, known)
        for path, _ in package.conffiles:
            place = moves.get(merged_path(path))
            waiting = root / f"{merged_path(path)}{NEW}"
            if place is not None and waiting.exists():
                waiting.rename(root / f"{place}{NEW}")


def override(root: Path, *, own: bool) -> list[tuple[str, int, int]]:
    """Give files the modes that dpkg was told, and owners; the owners that are only recorded."""
    try:
        lines = (root / _DATABASE / "statoverride").read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    users, groups = (_ids(root / "etc" / name) for name in ("passwd", "group"))
    owners = []
    for line in lines.splitlines():
        user, group, mode, path = line.split(" ", 3)
        uid, gid = _id(user, users), _id(group, groups)
        if uid is None or gid is None:
            continue
        for name in (_place(path), f"{_place(path)}{NEW}"):
            place = root / name
            if not os.path.lexists(place) or place.is_symlink():
                continue
            if own:
                os.chown(place, uid, gid)
            else:
                owners.append((name, uid, gid))
            place.chmod(int(mode, 8))
    return owners


def _place(path: str) -> str:
    return merged_path(path.lstrip("/"))


def _ids(file: Path) -> dict[str, int]:
    if not file.is_file():
        return {}
    rows = (line.split(":") for line in file.read_text("utf-8", "surrogateescape").splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit()}


def _id(name: str, known: Mapping[str, int]) -> int | None:
    # dpkg-statoverride(1): a number is written with a hash sign before it.
    return int(name[1:]) if name.startswith("#") and name[1:].isdigit() else known.get(name)
