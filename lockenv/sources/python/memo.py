"""Questions that are answered once, whichever thread asks first."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

from lockenv.errors import LockenvError
from lockenv.resolve import UnusableCandidateError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Memo(Generic[T]):
    """Answers by key. An error of ours is an answer too: asking again would only take as long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells: dict[str, Future[T]] = {}

    def once(self, key: str, work: Callable[[], T]) -> T:
        """The answer, found by ``work`` if nobody has begun to."""
        cell = self._cells.get(key)
        if cell is None:
            with self._lock:
                cell = self._cells.get(key)
                mine = cell is None
                if cell is None:
                    cell = self._cells[key] = Future()
            if mine:
                self._fill(key, cell, work)
        return cell.result()

    def known(self, key: str) -> bool:
        """Whether somebody has asked already."""
        return key in self._cells

    def _fill(self, key: str, cell: Future[T], work: Callable[[], T]) -> None:
        try:
            cell.set_result(work())
        except (LockenvError, UnusableCandidateError) as error:
            cell.set_exception(error)
        except BaseException as error:
            with self._lock:
                del self._cells[key]
            cell.set_exception(error)
            raise
