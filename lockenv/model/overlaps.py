"""What is done where two wheels write different bytes to one path: the same word everywhere."""

from __future__ import annotations

from typing import Literal

from lockenv.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaps:
    """The manifest's word for LE704, and what it does not hold for.

    ``word`` is error, warn, off or None: without a word only what does harm is refused, and it is
    only told where one package asks for both (``together``, pairs of names, each sorted): then its
    makers have put them together. ``ignored`` are names that are let be; with ``*`` all are.
    """

    word: str | None = None
    ignored: frozenset[str] = frozenset()
    together: frozenset[tuple[str, str]] = frozenset()

    def verdict(self, one: str, other: str, *, harmful: bool) -> Literal["refuse", "tell", "let"]:
        """What becomes of two packages that differ at some path."""
        pair = (min(one, other), max(one, other))
        if self.word == "off" or self.ignored & {one, other, "*"}:
            return "let"
        if self.word == "error":
            return "refuse"
        if not harmful:
            return "let"
        return "tell" if self.word == "warn" or pair in self.together else "refuse"
