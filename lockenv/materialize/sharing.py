"""Folders of an environment that are links into a tree of the store; how they become its own."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CACHE = "__pycache__"


def shared_among(root: str, site_packages: str, names: Iterable[str], tree: str) -> tuple[str, ...]:
    """Those of some names in site-packages that are links into the tree, sorted."""
    if not tree:
        return ()
    found = []
    for name in sorted(set(names)):
        try:
            leads_to = os.readlink(f"{root}/{site_packages}/{name}")  # noqa: PTH115 - strings, as in tree
        except OSError:
            continue
        if leads_to.startswith(f"{tree}/"):
            found.append(name)
    return tuple(found)


def make_own(root: str, site_packages: str, names: Iterable[str]) -> None:
    """Put folders of the environment's own in the place of such links, with the same files.

    Files are hard links still, as elsewhere; what was compiled stays behind, since it is believed
    without a look at its source.
    """
    for name in names:
        place = f"{root}/{site_packages}/{name}"
        arriving = f"{root}/.lockenv-own"
        shutil.rmtree(arriving, ignore_errors=True)
        _link_all(os.path.realpath(place), arriving)
        os.unlink(place)  # noqa: PTH108 - strings, as in tree
        os.rename(arriving, place)  # noqa: PTH104 - likewise


def _link_all(source: str, target: str) -> None:
    os.mkdir(target)  # noqa: PTH102 - likewise
    for entry in os.scandir(source):
        place = f"{target}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name != _CACHE:
                _link_all(entry.path, place)
        else:
            try:
                os.link(entry.path, place, follow_symlinks=False)
            except OSError:
                shutil.copy2(entry.path, place, follow_symlinks=False)


def top_names(paths: Iterable[str], site_packages: str) -> set[str]:
    """The names in site-packages that paths lie below."""
    prefix = f"{site_packages}/"
    return {path[len(prefix) :].partition("/")[0] for path in paths if path.startswith(prefix)}
