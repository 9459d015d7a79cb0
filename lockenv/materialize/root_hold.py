"""Who is at a root in the store: one process makes it or takes it away, others use it meanwhile.

An advisory lock on a file of the root's name (flock(2)), which ends with the process that holds it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def making_root(root: Path) -> Iterator[None]:
    """Be alone at a root; waits until nobody makes it or uses it."""
    with _locked(root, alone=True):
        yield


@contextmanager
def using_root(root: Path) -> Iterator[None]:
    """Let nobody take a root away or make it anew meanwhile."""
    with _locked(root):
        yield


@contextmanager
def _locked(root: Path, *, alone: bool = False, wait: bool = True) -> Iterator[None]:
    """BlockingIOError where somebody else is there and we are not to wait."""
    place = _file(root)
    place.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if sys.platform != "win32":  # where no root is ever made
            kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
            try:
                fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError:
                # A file system without locks: who builds goes on, who removes must not.
                if not wait:
                    raise
        yield
    finally:
        os.close(file)


def _file(root: Path) -> Path:
    """The file that is locked for a root; not beside it, where what stays would look like one."""
    return root.parent.with_name("holds") / root.name


def remove_unused_roots(roots: Path, remove: Callable[[Path], None]) -> tuple[str, ...]:
    """Remove every root that nobody uses, half-made ones too; the names of those that stay.

    For a process that is alone at the store: nobody may be about to use another root.
    """
    kept = []
    for name in sorted({path.name.partition(".")[0] for path in roots.glob("*")}):
        root = roots / name
        try:
            with _locked(root, alone=True, wait=False):
                # First what vouches for the root, so that half of one is never taken for whole.
                root.with_name(f"{name}.json").unlink(missing_ok=True)
                remove(root)
                _file(root).unlink(missing_ok=True)
        except BlockingIOError:
            kept.append(name)
    return tuple(kept)
