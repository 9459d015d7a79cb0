"""Run a command line: a plain one at once, any other through click; then its exit status."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from lockenv.cli.declared import Verb, split_verb
from lockenv.cli.invocation import Invocation
from lockenv.errors import LockenvError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockenv.cli.remembered import Question

#: The verbs that are declared for plain lines.
PLAIN = ("check", "lock", "run", "sync")
#: Set where a shell asks click how a line may go on.
_COMPLETION = "_LOCKENV_COMPLETE"
#: What `run` and `shell` give where they themselves fail, so that it is not the command's status.
RUNNER_FAILED = 125


def run(  # noqa: PLR0911 - one return a kind of ending
    arguments: Sequence[str], question: Question | None = None
) -> int:
    """Run a command line; the exit status of contract 5."""
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _terminated)
    invocation = Invocation(question=question)
    try:
        work = plain_work(arguments, invocation)
        if work is None:
            from lockenv.cli.app import run_clicked  # noqa: PLC0415 - heavy: see `declared`

            invocation = Invocation(question=question)
            return run_clicked(arguments, invocation)
        return work()
    except LockenvError as error:
        _tell(invocation, error)
        return RUNNER_FAILED if invocation.runs_command else error.status
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except _Terminated:
        sys.stderr.write("terminated\n")
        return 143
    except BrokenPipeError:
        return 141  # what a shell shows for a program that SIGPIPE ended
    except OSError as error:
        return _refused(invocation, error)
    except Exception:  # noqa: BLE001 - the one place that turns a bug into status 70
        return _bug()


def plain_work(arguments: Sequence[str], invocation: Invocation) -> Callable[[], int] | None:
    """What a plain line asks for; None where click must read it."""
    found = split_verb(arguments, invocation)
    if found is None or found[0] not in PLAIN or _COMPLETION in os.environ:
        return None
    name, rest = found
    command = importlib.import_module(f"lockenv.cli.commands.{name}").command
    values = command.read(rest, invocation) if isinstance(command, Verb) else None
    if values is None:
        return None

    def work() -> int:
        result = command.function(invocation, **values)
        return result if isinstance(result, int) else 0

    return work


def _tell(invocation: Invocation, error: LockenvError) -> None:
    """Print an error: for people always, and as a report where a program reads the answer."""
    invocation.output.error(error)
    if invocation.form == "text" or any(stream == "out" for stream, _ in invocation.output.printed):
        return
    from lockenv.cli.reports import print_report  # noqa: PLC0415 - only for an error
    from lockenv.model import error_findings  # noqa: PLC0415 - likewise

    found = error_findings(error)
    print_report(invocation.output, invocation.command, found, error.status, invocation.form)


def _terminated(*_: object) -> NoReturn:
    raise _Terminated


class _Terminated(BaseException):
    """SIGTERM arrived: unwind as for an interrupt, so that nothing stays half-written."""


def _refused(invocation: Invocation, error: OSError) -> int:
    """A full or failing disk where nobody looked for it is the machine's, not ours."""
    from lockenv.materialize import refused_by_system  # noqa: PLC0415 - only then

    told = refused_by_system(error)
    if told is None:
        return _bug()
    invocation.output.error(told)
    return RUNNER_FAILED if invocation.runs_command else told.status


def _bug() -> int:
    import traceback  # noqa: PLC0415 - only for a bug

    from lockenv import __version__  # noqa: PLC0415 - only for a bug
    from lockenv.tables.addresses import ISSUES  # noqa: PLC0415 - only for a bug

    traceback.print_exc()
    sys.stderr.write(
        f"error[bug]: lockenv {__version__} met a case that it does not understand\n"
        f"  fix: report the lines above at {ISSUES}\n"
    )
    return 70
