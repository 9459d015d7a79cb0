"""Compile Python files with the image's own interpreter, in its root, to hash-based byte code.

PEP 552: a ``.pyc`` that carries the hash of its source, checked when it is imported, so neither
file times nor a writable folder matter. One process compiles one package, in a fixed order, since
what CPython marshals depends on what it holds in memory.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.errors import ExternalError
from lockenv.sandbox import NAMESPACES, Mount, Program, run, user_map

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
    root: Path,
    mode: str,
    interpreter: tuple[str, ...],
    jobs: Sequence[tuple[Path, str]],
    folder: Path,
    binds: Sequence[tuple[Path, str]] = (),
) -> list[Path | None]:
    """The byte code of each (file, path in the image), as files in ``folder``; None for no Python.

    ``interpreter`` is the program inside the root; ``binds`` are folders that it needs there.
    """
    listing, targets = [], []
    mounts = [Mount(kind="proc", target="/proc", optional=True)]
    mounts += [Mount(kind="dev", target="/dev", optional=True)]
    mounts += [Mount(kind="tmpfs", target="/tmp", options="mode=1777")]  # noqa: S108  inside
    mounts += [Mount(kind="bind", source=str(folder), target=_WORK)]
    mounts += [
        Mount(kind="bind", source=str(source), target=target, readonly=True)
        for source, target in binds
    ]
    for number, (source, name) in enumerate(jobs):
        # A link to the source, or its bytes: other folders of this machine are not seen inside.
        (folder / f"{number}.py").write_bytes(source.read_bytes())
        listing.append((f"{_WORK}/{number}.py", name, f"{_WORK}/{number}.pyc"))
        targets.append(folder / f"{number}.pyc")
    (folder / "jobs.json").write_text(json.dumps(listing))
    outcome = run(
        Program(
            argv=(*interpreter, "-I", "-S", "-W", "ignore", "-c", _COMPILE, f"{_WORK}/jobs.json"),
            root=str(root),
            user=user_map(mode),
            namespaces=NAMESPACES,
            mounts=tuple(mounts),
            env=(("LC_ALL", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("PYTHONHASHSEED", "0")),
            cwd="/",
            umask=0o022,
            session=True,
            processors=1,
        )
    )
    if outcome.status:
        raise ExternalError(
            "compiling-failed",
            f"the image's {interpreter[0]} could not compile its packages",
            why=(f"it ended with status {outcome.status}",),
            fix="lock an interpreter that runs on the image's libc",
            output=outcome.output,
        )
    return [target if target.exists() else None for target in targets]
