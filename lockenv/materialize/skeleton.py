"""An environment's own files: configuration, links to the interpreter, activation; pure.

Follows PEP 405 and what CPython's own ``venv`` makes, without pip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.materialize.activate import activation_scripts
from lockenv.materialize.state import MARKER
from lockenv.materialize.values import PlacedFile, VenvPython, written_file
from lockenv.values import dataclass

if TYPE_CHECKING:
    from lockenv.materialize.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """What stands in an environment before any package.

    ``links`` are pairs of a path and what it leads to; ``copies`` pairs of a path and the file that
    is copied there (Windows starts environments through a small program of its own).
    """

    folders: tuple[str, ...]
    files: tuple[PlacedFile, ...]
    links: tuple[tuple[str, str], ...]
    copies: tuple[tuple[str, str], ...]


def skeleton_of(layout: Layout, python: VenvPython, prompt: str) -> Skeleton:
    """The environment's own files for an interpreter."""
    texts = activation_scripts(layout.root, prompt, layout.scripts, layout.system)
    files = [
        written_file(f"{layout.scripts}/{name}", _lines(name, text)) for name, text in texts.items()
    ]
    files.append(written_file("pyvenv.cfg", _configuration(python, prompt).encode("utf-8")))
    files.append(written_file(".gitignore", b"*\n"))
    if layout.system == "win32":
        home = python.executable.rpartition("\\")[0]
        launchers = f"{home}\\Lib\\venv\\scripts\\nt"
        copies = tuple(
            (f"{layout.scripts}/{name}", f"{launchers}\\{name}")
            for name in ("python.exe", "pythonw.exe")
        )
        folders = (layout.site_packages, layout.scripts)
        return Skeleton(folders=folders, files=tuple(files), links=(), copies=copies)
    names = ["python3", f"python{python.minor}"]
    if python.freethreaded:
        names.append(f"python{python.minor}t")
    links = [(f"{layout.scripts}/python", python.executable)]
    links += [(f"{layout.scripts}/{name}", "python") for name in names]
    if layout.system == "linux":
        links.append(("lib64", "lib"))  # where extension modules are looked for on some systems
    return Skeleton(
        folders=(layout.site_packages, layout.scripts),
        files=tuple(files),
        links=tuple(links),
        copies=(),
    )


def _configuration(python: VenvPython, prompt: str) -> str:
    home = python.executable.rpartition("\\" if python.system == "win32" else "/")[0]
    lines = [
        f"home = {home}",
        "implementation = CPython",
        f"version = {python.version}",
        "include-system-site-packages = false",
        f"{MARKER} = 1",
    ]
    if prompt:
        lines.append(f"prompt = {''.join(filter(str.isprintable, prompt))!r}")
    return "\n".join(lines) + "\n"


def _lines(name: str, text: str) -> bytes:
    """Batch files have Windows' line ends; the others work with plain ones everywhere."""
    return (text.replace("\n", "\r\n") if name.endswith(".bat") else text).encode("utf-8")
