"""``lockenv completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

if TYPE_CHECKING:
    from lockenv.cli.invocation import Invocation


@click.command(
    epilog="""\b
Examples:
  lockenv completion bash >> ~/.bashrc
  lockenv completion fish > ~/.config/fish/completions/lockenv.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(invocation: Invocation, *, shell: str) -> int:
    """Print a completion script for a shell."""
    from lockenv.cli.app import program  # noqa: PLC0415 - the program imports its verbs lazily

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    invocation.output.answer(kind(program, {}, "lockenv", "_LOCKENV_COMPLETE").source())
    return 0
