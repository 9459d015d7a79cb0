"""Compile Python files with the image's own interpreter, in its root, to hash-based byte code.

PEP 552: a ``.pyc`` that carries the hash of its source, checked when it is imported, so neither
file times nor a writable folder matter. One process compiles one package, in a fixed order, since
what CPython marshals depends on what it holds in memory.
"""

from __future__ import annotations

import json
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
    listing = []
    for number, (source, path) in enumerate(jobs):
        # Its bytes: other folders of this machine are not seen inside.
        (folder / f"{number}.py").write_bytes(source.read_bytes())
        listing.append((f"{_WORK}/{number}.py", path, f"{_WORK}/{number}.pyc"))
    (folder / "jobs.json").write_text(json.dumps(listing))
    outcome = confinement.run(
        str(root),
        (interpreter, "-I", "-S", "-W", "ignore", "-c", _COMPILE, f"{_WORK}/jobs.json"),
        {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"},
        [(str(folder), _WORK), *binds],
    )
    if outcome.status:
        raise ExternalError(
            "compiling-failed",
            f"the image's {interpreter} could not compile its packages",
            why=(f"it ended with status {outcome.status}",),
            fix="lock an interpreter that runs on the image's libc",
            output=outcome.output,
        )
    made = [folder / f"{number}.pyc" for number in range(len(jobs))]
    return [path if path.exists() else None for path in made]
