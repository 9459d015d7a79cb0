"""Progress events: no-ops unless somebody watches."""

from __future__ import annotations


class Progress:
    """Told what long work does; every method may be called from any thread and must not block.

    ``phase`` is one of resolve, fetch, build, install, configure, layer. ``note`` is a fact that
    the user should read even without a terminal (printed once, on standard error).
    """

    def started(self, phase: str, total: int | None = None) -> None:
        """Work of a kind begins; ``total`` is how many steps there are, if known."""

    def advanced(self, phase: str, label: str, amount: int = 1) -> None:
        """One step is done; ``label`` names it."""

    def finished(self, phase: str) -> None:
        """Work of a kind has ended."""

    def note(self, text: str) -> None:
        """A fact for the user."""

    def debug(self, text: str) -> None:
        """A fact for ``-v``."""


SILENT = Progress()
