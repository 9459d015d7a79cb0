"""The door of the program: remembered answers first, then the command, then the exit status."""

import sys

from lockenv.cli.remembered import question_of, remembered_status

#: Objects between two looks for cycles. A command makes tens of thousands that live until its end,
#: and hardly a cycle: at the usual 700, a tenth of a short command is spent on looking.
_ALLOCATIONS = 50_000


def main() -> None:
    """Run the command line of this process and exit with its status (contract 5)."""
    _open_output()
    try:
        status = _answered(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were still being loaded
        sys.stderr.write("interrupted\n")
        status = 130
    _flush(status)
    sys.exit(status)


def _open_output() -> None:
    """Make standard output take every text, whatever the locale.

    What goes into a file or a pipe is UTF-8, as TOML and JSON must be. A terminal shows what it
    cannot show escaped; so are the bytes of a path that are no text.
    """
    if not hasattr(sys.stdout, "reconfigure"):  # somebody put another stream there
        return
    if sys.stdout.encoding.lower() not in {"utf-8", "utf8"} and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(errors="backslashreplace")


def _answered(arguments: "list[str]") -> int:
    question = question_of(arguments)
    status = remembered_status(arguments, question)
    if status is None and question is not None:
        from lockenv.cli.roaming import roaming_status  # noqa: PLC0415 - only then

        status = roaming_status(question)
    if status is None:
        import gc  # noqa: PLC0415 - only then

        from lockenv.cli.doors import open_doors_late  # noqa: PLC0415 - only then

        gc.set_threshold(_ALLOCATIONS, 20, 20)
        open_doors_late()
        from lockenv.cli.running import run  # noqa: PLC0415 - only when the answer is not known

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
