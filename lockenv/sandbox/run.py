"""Starting a program in a sandbox, and what came of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.sandbox.program import render_program
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.sandbox.program import Program
    from lockenv.sandbox.record import OwnershipRecord

#: The folder that holds the package lockenv, for processes of ours that start without a path.
LIBRARY = str(Path(__file__).resolve().parent.parent.parent)
_INSIDE = (
    f"import sys; sys.path.insert(0, {LIBRARY!r}); "
    "from lockenv.sandbox.inside import main; main(sys.argv[1:])"
)
#: What is kept of a failing program's output for its error: the end says most.
_KEPT_OUTPUT = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a program ended: its status (128 + number for a signal) and the end of its output."""

    status: int
    output: str


class Running:
    """A program in its sandbox; `wait` for it, or `stop` it."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: int) -> None:
        self.process = process
        self._complaints = complaints

    def wait(self) -> int:
        """The exit status; HostError if the sandbox itself could not be made."""
        status = self.process.wait()
        with os.fdopen(self._complaints, "rb") as file:
            complaint = file.read().decode("utf-8", "replace")
        if complaint:
            raise HostError(
                "no-sandbox",
                "this machine refuses what a sandbox is made of",
                why=(f"the kernel says: {complaint}",),
                fix="lockenv doctor",
            )
        return status if status >= 0 else 128 - status

    def stop(self) -> None:
        """End the program at once, with everything that it started in its PID namespace."""
        self.process.kill()
        self.process.wait()


def start(
    program: Program,
    *,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    record: OwnershipRecord | None = None,
) -> Running:
    """Start a program; without streams it has ours, and so the terminal if there is one."""
    document, writer = os.pipe()
    complaints, complainer = os.pipe()
    channel, ours = -1, None
    if record is not None:
        ours, theirs = socket.socketpair()
        channel = theirs.detach()
    passed = [document, complainer, *([channel] if channel >= 0 else [])]
    try:
        process = subprocess.Popen(
            [
                sys.executable,
                *("-I", "-S", "-c", _INSIDE),
                *(str(number) for number in (document, complainer, channel, os.getpid())),
            ],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=passed,
        )
    except BaseException:
        os.close(writer)
        os.close(complaints)
        raise
    finally:
        for descriptor in passed:
            os.close(descriptor)
    if record is not None and ours is not None:
        record.supervise(ours)
    with os.fdopen(writer, "wb") as file:
        file.write(render_program(program))
    return Running(process, complaints)


def run(
    program: Program,
    *,
    record: OwnershipRecord | None = None,
    seen: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a program without input to its end; ``seen`` is told each line of its output."""
    running = start(
        program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        record=record,
    )
    kept = bytearray()
    reader = threading.Thread(target=_collect, args=(running.process.stdout, kept, seen))
    reader.start()
    try:
        status = running.wait()
    except BaseException:
        running.stop()
        raise
    finally:
        reader.join()
    return Outcome(status=status, output=kept.decode("utf-8", "replace"))


def _collect(stream: IO[bytes] | None, kept: bytearray, seen: Callable[[str], None] | None) -> None:
    if stream is None:
        return
    with stream:
        for line in stream:
            kept += line
            if len(kept) > 2 * _KEPT_OUTPUT:
                del kept[:-_KEPT_OUTPUT]
            if seen is not None:
                seen(line.decode("utf-8", "replace").rstrip("\n"))
