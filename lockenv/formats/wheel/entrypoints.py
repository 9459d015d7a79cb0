"""Entry points of a wheel that become commands, and the texts of the scripts that run them.

Follows "Entry points" of the packaging specifications. The scripts are those that pip writes, so
that an environment has the same files whoever made it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lockenv.patterns import pattern

#: What the system takes as the first line of a script: Linux cuts behind 127 bytes.
LONGEST_SHEBANG = {"linux": 127, "darwin": 512}

_REFERENCE = pattern(
    r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*"
    r":\s*(?P<attributes>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:\[[^\]]*\])?\s*"
)
_COMMAND = pattern(r"[^\s\[=\x00-\x1f\x7f/\\:][^=\x00-\x1f\x7f/\\:]*")

_SCRIPT = """\
import sys
from {module} import {name}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit({attributes}())
"""


class Command(NamedTuple):
    """A command that an entry point makes: its name, and what it calls."""

    name: str
    module: str
    attributes: str


def parse_entry_points(text: str) -> dict[str, dict[str, str]]:
    """Groups of an ``entry_points.txt``, each with its names and references; later lines win.

    ValueError names a line that is neither a group, an entry nor a comment.
    """
    groups: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            current = groups.setdefault(line[1:-1].strip(), {})
            continue
        name, equals, reference = line.partition("=")
        if current is None or not equals:
            raise ValueError(f"not an entry point: {line[:120]!r}")
        current[name.strip()] = reference.strip()
    return groups


def parse_command(name: str, reference: str) -> Command:
    """The command of a console or GUI script; ValueError if it could not be one file and a call."""
    if not _COMMAND.fullmatch(name) or name in {".", ".."}:
        raise ValueError(f"not a name for a command: {name[:120]!r}")
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{name} does not name what to call: {reference[:120]!r}")
    return Command(name, match["module"], match["attributes"])


def commands_for(commands: tuple[Command, ...], minor: str) -> tuple[Command, ...]:
    """The commands as pip makes them for Python ``minor`` (``3.11``).

    Only pip's own are special: its wheel serves every Python, so the versions in the names are put
    right when it is installed.
    """
    found = {command.name: command for command in commands}
    pip = found.get("pip")
    if pip is None:
        return commands
    others = [one for one in commands if not re.fullmatch(r"pip(\d+(\.\d+)?)?", one.name)]
    names = ("pip", f"pip{minor.partition('.')[0]}", f"pip{minor}")
    return (*(pip._replace(name=name) for name in names), *others)


def render_command(command: Command, shebang: bytes) -> bytes:
    """The script of a command."""
    text = _SCRIPT.format(
        module=command.module,
        name=command.attributes.partition(".")[0],
        attributes=command.attributes,
    )
    return shebang + text.encode("utf-8")


def render_shebang(python: str, system: str) -> bytes:
    """The first line of a script for an interpreter at this path.

    ``system`` is ``sys_platform``'s word. A path that the kernel would cut or split is given to a
    shell, in lines that Python reads as a string; one that means something to either of them is
    found by the shell, beside the script.
    """
    line = f"#!{python}\n"
    longest = LONGEST_SHEBANG.get(system)
    if longest is None or (not set(" \t\n\r") & set(python) and len(line.encode()) <= longest):
        return line.encode()
    if set('"$`\\\n\r') & set(python) or "'''" in python:
        name = python.rpartition("/")[2]
        beside = f'"$(dirname -- "$(realpath -- "$0")")/{name}"'
        return f"#!/bin/sh\n'''exec' {beside} \"$0\" \"$@\"\n' '''\n".encode()
    return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n".encode()


def rewrite_shebang(content: bytes, shebang: bytes) -> bytes:
    """A script of a wheel with its ``#!python`` line replaced; other contents as they are."""
    if not content.startswith(b"#!python"):
        return content
    _, _, rest = content.partition(b"\n")
    return shebang + rest
