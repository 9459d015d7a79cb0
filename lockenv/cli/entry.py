"""The door of the program: remembered answers first, then the command, then the exit status."""

import sys

from lockenv.cli.remembered import question_of, remembered_status


def main() -> None:
    """Run the command line of this process and exit with its status (contract 5)."""
    try:
        status = _answered(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were still being loaded
        sys.stderr.write("interrupted\n")
        status = 130
    _flush(status)
    sys.exit(status)


def _answered(arguments: "list[str]") -> int:
    question = question_of(arguments)
    status = remembered_status(arguments, question)
    if status is None:
        from lockenv.cli.doors import open_doors_late  # noqa: PLC0415 - only then

        open_doors_late()
        from lockenv.cli.app import run  # noqa: PLC0415 - heavy: only when the answer is not known

        status = run(arguments, question)
    return status


def _flush(status: int) -> None:
    """Write out what is buffered; a reader that has gone away (``| head``) is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        import contextlib  # noqa: PLC0415 - only then
        import os  # noqa: PLC0415 - only then

        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(status)
