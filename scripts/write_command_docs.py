"""Write docs/commands.md from the help of every verb, so that it says what the program does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from lockenv.cli.app import COMMANDS, program

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
HEAD = """# Commands

Words follow uv and git; data goes to standard output, everything else to standard error. The
global options stand before or after the verb. A name that two layers have is written `pypi:NAME`,
`deb:NAME`, `python`.

Which target: `--target`, else `LOCKENV_TARGET`, else `default-target` if its platform is this one,
else the only one whose platform is. A venv remembers its selection: a bare `sync`, `run`, `shell`
or `check --env` keeps it, naming one replaces it, `sync --reset` drops it.

This page is made by `scripts/write_command_docs.py` from the program's own help.
"""


def page() -> str:
    """The whole page."""
    context = click.Context(program, info_name="lockenv", terminal_width=100)
    parts = [HEAD, f"\n## lockenv\n\n```\n{program.get_help(context)}\n```\n"]
    for name in COMMANDS:
        command = program.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context, terminal_width=100)
        parts.append(f"\n## lockenv {name}\n\n```\n{command.get_help(inner)}\n```\n")
        if isinstance(command, click.Group):
            for below in command.list_commands(inner):
                member = command.get_command(inner, below)
                if member is not None:
                    lower = click.Context(member, info_name=below, parent=inner, terminal_width=100)
                    parts.append(
                        f"\n### lockenv {name} {below}\n\n```\n{member.get_help(lower)}\n```\n"
                    )
    return "".join(parts)


if __name__ == "__main__":
    # Not as wide as whoever calls has a terminal.
    os.environ["COLUMNS"] = "100"
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else "docs/commands.md is stale")
    PAGE.write_text(page(), encoding="utf-8")
