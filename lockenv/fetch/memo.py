"""Questions that are answered once, whichever thread asks first.

Not made of concurrent.futures: loading that takes longer than a warm lock may.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class _Cell(Generic[T]):
    """One answer that somebody is finding."""

    __slots__ = ("_done", "_error", "_value")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self._value: list[T] = []
        self._error: BaseException | None = None

    def fill(self, work: Callable[[], T]) -> None:
        """Find the answer, or the error."""
        try:
            self._value.append(work())
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._done.release()

    def wait(self) -> T:
        """The answer, or the error, when it is there."""
        if not self._value and self._error is None:
            with self._done:
                pass
        if self._error is not None:
            raise self._error
        return self._value[0]


class Memo(Generic[T]):
    """Answers by key; those errors that are ``lasting`` are answers too.

    Without ``keep`` an answer is given to those who asked while it was being found, and forgotten.
    """

    def __init__(self, *, keep: bool = True, lasting: tuple[type[Exception], ...] = ()) -> None:
        self._keep = keep
        self._lasting = lasting
        self._lock = threading.Lock()
        self._cells: dict[str, _Cell[T]] = {}

    def once(self, key: str, work: Callable[[], T]) -> T:
        """The answer, found by ``work`` if nobody has begun to."""
        cell = self._cells.get(key)
        if cell is None:
            with self._lock:
                cell = self._cells.get(key)
                mine = cell is None
                if cell is None:
                    cell = self._cells[key] = _Cell()
            if mine:
                self._fill(key, cell, work)
        return cell.wait()

    def known(self, key: str) -> bool:
        """Whether somebody has asked already."""
        return key in self._cells

    def _fill(self, key: str, cell: _Cell[T], work: Callable[[], T]) -> None:
        kept = False
        try:
            cell.fill(work)
            kept = self._keep
        except self._lasting:
            kept = self._keep
            raise
        finally:
            if not kept:
                with self._lock:
                    del self._cells[key]
