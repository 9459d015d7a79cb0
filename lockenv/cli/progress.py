"""Progress: one line that is written over on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lockenv.model import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.cli.output import Output

#: Often enough to look alive, seldom enough to cost nothing: seconds between two drawings.
_INTERVAL = 0.1
#: Work that ends before this many seconds shows nothing: most commands do.
_PATIENCE = 0.4

_WORDS = {
    "resolve": "Resolving",
    "fetch": "Fetching",
    "build": "Building",
    "install": "Installing",
    "configure": "Configuring",
    "layer": "Making layers",
}


class Notes(Progress):
    """Where nobody watches: notes and details are printed, steps are not."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def note(self, text: str) -> None:
        """Print the fact, unless ``-q``."""
        self._output.note(text)

    def debug(self, text: str) -> None:
        """Print the fact with ``-v``."""
        self._output.detail(text)


class Bar(Notes):
    """One line on standard error, redrawn in place; events only count, drawing is throttled."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._drawn = 0.0
        self._phase = ""
        self._done = 0
        self._total: int | None = None
        self._is_shown = False
        # Work that waits for its first step must be seen to be at work.
        self._patience = threading.Timer(_PATIENCE, self._appear)
        self._patience.daemon = True
        self._patience.start()

    def _appear(self) -> None:
        with self._lock:
            self._draw("")

    def end(self) -> None:
        """Take the line away for good."""
        self._patience.cancel()
        with self._lock:
            self._phase = ""
            self.clear()

    def started(self, phase: str, total: int | None = None) -> None:
        """Begin to count a phase."""
        with self._lock:
            self._phase, self._done, self._total = phase, 0, total
            self._draw("")

    def advanced(self, phase: str, label: str, amount: int = 1) -> None:
        """Count a step."""
        with self._lock:
            if phase == self._phase:
                self._done += amount
            now = time.monotonic()
            if now - self._drawn >= _INTERVAL:
                self._drawn = now
                self._draw(label)

    def finished(self, phase: str) -> None:
        """Clear the line."""
        with self._lock:
            if phase == self._phase:
                self.clear()
                self._phase = ""

    def note(self, text: str) -> None:
        """Print the fact above the line."""
        with self._lock:
            self.clear()
            super().note(text)

    def debug(self, text: str) -> None:
        """Print the fact above the line, with ``-v``."""
        with self._lock:
            self.clear()
            super().debug(text)

    def _draw(self, label: str) -> None:
        if not self._phase or time.monotonic() - self._began < _PATIENCE:
            return
        count = f" {self._done}/{self._total}" if self._total else ""
        text = f"{_WORDS.get(self._phase, self._phase)}{count} {label}".rstrip()
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[2K{text[:width]}")
        sys.stderr.flush()
        self._is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._is_shown = False


@contextmanager
def watching(output: Output) -> Iterator[Progress]:
    """A bar where standard error is a terminal that a person looks at, notes elsewhere."""
    is_watched = sys.stderr.isatty() and not os.environ.get("CI") and output.verbosity >= 0
    if not is_watched:
        yield Notes(output)
        return
    bar = Bar(output)
    try:
        yield bar
    finally:
        bar.end()
