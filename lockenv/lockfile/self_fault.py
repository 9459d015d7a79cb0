"""One contradiction inside a lock, before its line is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from lockenv.fields import KeyPath


@dataclass(frozen=True, slots=True)
class SelfFault:
    """A code, a message in which ``{place}`` stands for file and line, and the entry's key path."""

    code: str
    message: str
    target: str | None = None
    package: str | None = None
    path: KeyPath = ()
