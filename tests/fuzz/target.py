"""What a fuzz target is, and the reading of texts that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockenv.errors import LockenvError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Target(NamedTuple):
    """A parser: what it is called, how it is called, where to start, and how it may refuse."""

    name: str
    parse: Callable[[bytes], object]
    seeds: Sequence[bytes]
    refusals: tuple[type[Exception], ...] = (LockenvError,)


def text_of(data: bytes) -> str:
    """The bytes as the readers of files see them."""
    return data.decode("utf-8", "replace")
