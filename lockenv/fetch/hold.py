"""Who is at the store: commands that use it, side by side, and the one that removes from it, alone.

An advisory lock on a file of the store (flock(2)); the system drops it when a process ends, however
that comes about. Windows has no shared ones: there, pruning is not kept apart.
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

_NAME = "in-use"


@contextmanager
def using_store(cache: Path) -> Iterator[None]:
    """Let nothing be pruned meanwhile; waits for a prune that is going on."""
    with _held(cache, alone=False, waiting=None):
        yield


@contextmanager
def alone_at_store(cache: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Wait until nobody uses the store, and let nobody begin; ``waiting`` says that it lasts."""
    with _held(cache, alone=True, waiting=waiting):
        yield


@contextmanager
def _held(cache: Path, *, alone: bool, waiting: Callable[[], None] | None) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = os.open(cache / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # a store that cannot be written cannot be pruned either
        yield
        return
    try:
        if sys.platform != "win32":
            kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                fcntl.flock(file, kind)
            except OSError:
                # A file system without locks: who uses a store goes on, who prunes it must not.
                if alone:
                    raise
        yield
    finally:
        os.close(file)
