"""The door of the program: remembered answers first, then the command, then the exit status."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and exit with its status (contract 5)."""
    from lockenv.cli.remembered import remembered_status  # noqa: PLC0415 - the quick path first

    status = remembered_status(sys.argv[1:])
    if status is None:
        from lockenv.cli.app import run  # noqa: PLC0415 - heavy: only when the answer is not known

        status = run(sys.argv[1:])
    _flush(status)
    sys.exit(status)


def _flush(status: int) -> None:
    """Write out what is buffered; a reader that has gone away (``| head``) is no error."""
    import contextlib  # noqa: PLC0415 - start-up
    import os  # noqa: PLC0415 - start-up

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(status)
