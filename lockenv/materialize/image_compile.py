"""Compile Python files with the image's own interpreter, in its root, to hash-based byte code.

PEP 552: a ``.pyc`` that carries the hash of its source, checked when it is imported, so neither
file times nor a writable folder matter. One process compiles one package, in a fixed order, since
what CPython marshals depends on what it holds in memory.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from lockenv.errors import ExternalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lockenv.materialize.root_port import Confinement

#: Runs inside: reads (source, name to record, target) and writes what compiles. Files that are no
#: Python, as templates and tests of other versions, are left alone, as pip does.
_COMPILE = """
import importlib.util, json, sys
from importlib import _bootstrap_external as external
for source, name, target in json.load(open(sys.argv[1])):
    with open(source, "rb") as file:
        text = file.read()
    try:
        code = compile(text, name, "exec", dont_inherit=True, optimize=-1)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        continue
    data = external._code_to_hash_pyc(code, importlib.util.source_hash(text), True)
    with open(target, "wb") as file:
        file.write(data)
"""
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}
_WORK = "/tmp/lockenv"  # noqa: S108  a folder of the sandbox's own, made anew for each run


def compile_sources(
    confinement: Confinement,
    root: Path,
    interpreter: str,
    jobs: Sequence[tuple[Path, str]],
    places: tuple[Path, Sequence[tuple[str, str]]],
) -> list[Path | None]:
    """The byte code of each (file, path in the image), as a file; None for what is no Python.

    ``interpreter`` is the program inside the root; ``places`` are an empty folder to work in, and
    what the interpreter needs to see, as for `Confinement.run`.
    """
    folder, binds = places
    _lay_out(jobs, folder, _WORK)
    words = _words(interpreter, _WORK)
    outcome = confinement.run(str(root), words, _ENVIRONMENT, [(str(folder), _WORK), *binds])
    if outcome.status:
        raise _failed(interpreter, outcome.status, outcome.output)
    return _made(jobs, folder)


def compile_here(
    interpreter: str, jobs: Sequence[tuple[Path, str]], folder: Path
) -> list[Path | None]:
    """The same by an interpreter of this machine, which runs nothing of what it compiles."""
    _lay_out(jobs, folder, str(folder))
    words = _words(interpreter, str(folder))
    ended = subprocess.run(
        words,
        env=_ENVIRONMENT,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        output = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        raise _failed(interpreter, ended.returncode, output)
    return _made(jobs, folder)


def _lay_out(jobs: Sequence[tuple[Path, str]], folder: Path, seen: str) -> None:
    """The files and what to do with them in a folder, which the compiler sees as ``seen``."""
    listing = []
    for number, (source, path) in enumerate(jobs):
        # Its bytes: other folders of this machine are not seen inside.
        (folder / f"{number}.py").write_bytes(source.read_bytes())
        listing.append((f"{seen}/{number}.py", path, f"{seen}/{number}.pyc"))
    (folder / "jobs.json").write_text(json.dumps(listing))


def _words(interpreter: str, seen: str) -> tuple[str, ...]:
    return (interpreter, "-I", "-S", "-W", "ignore", "-c", _COMPILE, f"{seen}/jobs.json")


def _made(jobs: Sequence[tuple[Path, str]], folder: Path) -> list[Path | None]:
    made = [folder / f"{number}.pyc" for number in range(len(jobs))]
    return [path if path.exists() else None for path in made]


def _failed(interpreter: str, status: int, output: str) -> ExternalError:
    return ExternalError(
        "compiling-failed",
        f"{interpreter} could not compile the image's packages",
        why=(f"it ended with status {status}",),
        fix="lock an interpreter that runs on the image's libc",
        output=output,
    )
