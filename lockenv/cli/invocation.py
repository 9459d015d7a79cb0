"""The global options of one run, as the command line fills them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.cli.output import Output
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from lockenv.cli.remembered import Question


@dataclass(slots=True)
class Invocation:
    """The global options of one run; a verb's own spelling of one wins over the program's.

    ``question`` is the command line as one whose answer may be kept. ``runs_command`` is for the
    verbs whose status is that of a command of the user's. ``command`` reports in a ``form``, which
    whoever prints an error must know.
    """

    directory: str = "."
    verbosity: int = 0
    color: str = "auto"
    offline: bool = False
    cache_dir: str | None = None
    config: str | None = None
    output: Output = field(default_factory=Output)
    question: Question | None = None
    runs_command: bool = False
    command: str = ""
    form: str = "text"

    def refresh(self) -> None:
        """Make the printer follow the options."""
        self.output = Output(color=self.color, verbosity=self.verbosity)
