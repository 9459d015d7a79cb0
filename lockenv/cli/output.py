"""The only printer: what was asked for to standard output, all else to standard error."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.errors import LockenvError
    from lockenv.model import Finding

_CODES = {"error": "1;31", "warning": "1;33", "note": "1;34", "fix": "32", "dim": "2", "bold": "1"}


class Output:
    """Prints with or without colour, and knows how much was asked for.

    ``verbosity`` is -1 for ``-q`` (errors and answers only), 0, or more for ``-v``. ``printed`` is
    all that was printed, in order, as pairs of "out" or "err" and the text.
    """

    def __init__(self, *, color: str = "auto", verbosity: int = 0) -> None:
        self.verbosity = verbosity
        self.printed: list[tuple[str, str]] = []
        self._color = color

    def _is_colored(self, stream: TextIO) -> bool:
        if self._color != "auto":
            return self._color == "always"
        # https://no-color.org: any value that is not empty.
        return not os.environ.get("NO_COLOR") and stream.isatty()

    def paint(self, text: str, kind: str, stream: TextIO | None = None) -> str:
        """The text in the colour of its kind, where the stream shows colours."""
        if not self._is_colored(stream or sys.stderr):
            return text
        return f"\x1b[{_CODES[kind]}m{text}\x1b[0m"

    def answer(self, text: str) -> None:
        """Print what was asked for."""
        self._print("out", text if text.endswith("\n") else text + "\n")

    def say(self, text: str) -> None:
        """Print a fact beside the answer, unless ``-q``."""
        if self.verbosity >= 0:
            self._print("err", text.rstrip("\n") + "\n")

    def detail(self, text: str) -> None:
        """Print what only ``-v`` shows."""
        if self.verbosity > 0:
            self._print("err", text.rstrip("\n") + "\n")

    def _print(self, stream: str, text: str) -> None:
        self.printed.append((stream, text))
        (sys.stdout if stream == "out" else sys.stderr).write(text)

    def note(self, text: str) -> None:
        """Print a fact that the reader may act on."""
        self.say(f"{self.paint('note', 'note')}: {text}")

    def error(self, error: LockenvError) -> None:
        """Print an error, or each of several, as `LockenvError` lays them out."""
        for line in str(error).splitlines():
            self._print("err", self._painted_line(line) + "\n")

    def _painted_line(self, line: str) -> str:
        head, colon, rest = line.partition(": ")
        for kind in ("error", "warning"):
            if head.startswith(f"{kind}["):
                return self.paint(head, kind) + colon + rest
        if head.strip() == "fix":
            return self.paint(head, "fix") + colon + rest
        return line

    def findings(self, findings: Iterable[Finding]) -> None:
        """Print findings as a person reads them (contract 6), on standard output."""
        from lockenv.cli.telling import paragraphs  # noqa: PLC0415 - start-up: mostly there is none

        for told in paragraphs(findings, every=self.verbosity > 0):
            head = f"{told.severity}[{told.code}]"
            what, *why = told.message.split("\n")
            self.answer(f"{self.paint(head, told.severity, sys.stdout)}: {what}")
            for number, line in enumerate(why):
                self.answer(f"  {'     ' if number else 'why: '}{line}")
            if told.target:
                self.answer(f"  target: {told.target}")
            for fix in told.fixes:
                self.answer(f"  {self.paint('fix', 'fix', sys.stdout)}: {fix}")


def render_json(document: Mapping[str, object]) -> str:
    """A JSON report: stable order, readable; ASCII alone where a terminal has no UTF-8."""
    import json  # noqa: PLC0415 - start-up: most answers are not JSON

    is_narrow = (sys.stdout.encoding or "utf-8").lower() not in {"utf-8", "utf8"}
    return json.dumps(document, indent=2, ensure_ascii=is_narrow)
