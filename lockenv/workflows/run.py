"""``run`` and ``shell``: sync, then the command, with the status that it ends with."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.materialize import make_own, read_installed, shared_among
from lockenv.workflows.opened import open_locked
from lockenv.workflows.sync import SyncOptions, sync, venv_root
from lockenv.workflows.variables import environment, find_program, path_note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lockenv.workflows.run_options import RunOptions
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.sync import SyncOutcome

#: What a shell says for a program that is there but not executable, and for one that is not there.
NOT_EXECUTABLE, NOT_FOUND = 126, 127


def user_shell(*, in_image: bool = False) -> tuple[str, ...]:
    """The user's shell; nothing in an image, which has shells of its own."""
    if in_image:
        return ()
    if sys.platform == "win32":
        return (os.environ.get("COMSPEC", "cmd.exe"),)
    return (os.environ.get("SHELL") or "/bin/sh",)


def run(
    scene: Scene, options: RunOptions, *, synced: Callable[[SyncOutcome], None] | None = None
) -> int:
    """Run the command in the environment; its own status, or 126 or 127 as a shell has them.

    ``synced`` is told what the sync before it came to.
    """
    if options.in_image:
        from lockenv.workflows.imaging.run import run_in_image  # noqa: PLC0415 - start-up

        return run_in_image(scene, options)
    if options.sync:
        outcome = sync(scene, SyncOptions(selection=options.selection, venv=options.venv))
        root, digest = outcome.root, str(outcome.digest)
        for line in outcome.lines:
            scene.progress.debug(line)
        if synced is not None:
            synced(outcome)
    else:
        opened = open_locked(scene, frozen=True)
        root = venv_root(scene, opened.root, options.venv)
        installed = read_installed(root)
        if not installed.is_ours:
            raise InputError(
                "no-environment", f"there is no environment in {root}", fix="lockenv sync"
            )
        kept = installed.selection.get("digest", "")
        digest = kept if isinstance(kept, str) else ""
    for name in options.writable:
        make_private(root, name)
    return start(options.words, environment(os.environ, str(root), digest), root)


def make_private(root: Path, name: str) -> None:
    """Give the environment copies of its own of one package's files, and leave to write them.

    Everything else stays shared with the store. `InputError` where there is no such package.
    """
    installed = read_installed(root)
    wanted = canonicalize_name(name)
    package = next((one for one in installed.packages if one.name == wanted), None)
    if package is None:
        raise InputError(
            "no-package", f"{root} has no package {name}", fix="name an installed package"
        )
    site = root / installed.site_packages
    record = (site / package.dist_info / "RECORD").read_text(encoding="utf-8")
    rows = list(csv.reader(record.splitlines()))
    tops = {row[0].partition("/")[0] for row in rows}
    shared = shared_among(str(root), installed.site_packages, tops, installed.tree)
    make_own(str(root), installed.site_packages, shared)
    for row in rows:
        file = site / row[0]
        if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
            continue
        if file.stat().st_nlink > 1 or not os.access(file, os.W_OK):
            own = file.with_name(f".{file.name}.{os.getpid()}")
            shutil.copyfile(file, own)
            own.chmod((file.stat().st_mode & 0o777) | 0o200)
            own.replace(file)


def start(words: tuple[str, ...], variables: Mapping[str, str], root: Path) -> int:
    """Run a program to its end; signals go to it, and its status is ours."""
    program: str | None
    if sys.platform == "win32":
        program = shutil.which(words[0], path=variables["PATH"])
    else:
        program = find_program(words[0], str(root), variables["PATH"])
    sys.stderr.write(path_note(str(root)))
    if not program:
        exists = os.sep in words[0] and os.path.exists(words[0])  # noqa: PTH110 - a word of the user's
        reason = "is not executable" if exists else "is not to be found"
        sys.stderr.write(
            f"error[{'not-executable' if exists else 'not-found'}]: {words[0]} {reason}\n"
            f"  why: looked in {root} and on PATH\n"
        )
        return NOT_EXECUTABLE if exists else NOT_FOUND
    try:
        if sys.platform != "win32":
            _forward()
        process = subprocess.Popen([program, *words[1:]], env=dict(variables))
    except OSError as error:
        sys.stderr.write(f"error[not-executable]: {words[0]} cannot be run: {error.strerror}\n")
        return NOT_EXECUTABLE
    _Forwarded.process = process
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            continue  # the terminal sent it to the program too: what it does is its own affair
    return 128 - status if status < 0 else status


class _Forwarded:
    """The running program, for the signal handlers."""

    process: subprocess.Popen[bytes] | None = None


def _forward() -> None:
    """Hand signals that only we got on to the program."""

    def pass_on(number: int, _: object) -> None:
        if _Forwarded.process is not None:
            _Forwarded.process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        # What is ignored stays so for the program, as `nohup` means it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
