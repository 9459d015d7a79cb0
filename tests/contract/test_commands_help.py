"""The help of every verb, and that no option is dead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest

from lockenv.cli.app import COMMANDS, program
from tests.support.commands import SOURCE, User

if TYPE_CHECKING:
    from pathlib import Path

VERBS = sorted(COMMANDS)


def _help(verb: str, width: int = 100) -> str:
    context = click.Context(program, info_name="lockenv", terminal_width=width)
    command = program.get_command(context, verb)
    assert command is not None
    return command.get_help(click.Context(command, info_name=verb, parent=context))


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_has_an_example_that_is_a_command(verb: str) -> None:
    text = _help(verb)

    examples = re.findall(rf"(?m)^ +.*lockenv {verb}\b", text.partition("Example")[2])
    assert examples, text


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_described(verb: str) -> None:
    """But for those whose choices say it all."""
    context = click.Context(program, info_name="lockenv")
    command = program.get_command(context, verb)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in {"place", "form"}:
            assert parameter.help, parameter.opts


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_use_options_that_are_there(verb: str) -> None:
    text = _help(verb)
    described, _, examples = text.partition("Example")
    used = re.findall(rf"lockenv {verb} [^\n&|]*", examples)
    for line in used:
        command = line.split("   ")[0]
        if verb in {"run", "shell"}:
            command = command.split(" python ")[0]
        for option in re.findall(r"(?<= )--?[a-zA-Z][\w-]*", command):
            assert option in described, f"{option} in {line!r}"


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_readable_in_60_columns(verb: str) -> None:
    lines = _help(verb, 60).splitlines()

    # Examples are commands to copy: they stay whole.
    wide = [line for line in lines if len(line) > 60 and "lockenv" not in line]
    assert not wide


def test_no_option_is_dead() -> None:
    """Every option reaches a field of some options value, and every such field is read."""
    workflows = sorted((SOURCE / "lockenv" / "workflows").rglob("*.py"))
    texts = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in workflows}
    everything = "\n".join(texts.values())
    dead = []
    for name, text in texts.items():
        for kind, body in re.findall(r"(?s)class (\w*Options):\n(.*?)\n\n\n", text):
            dead += [
                f"{name}: {kind}.{field}"
                for field in re.findall(r"(?m)^    (\w+): ", body)
                if not re.search(rf"\b(?:options|asked|question)\.{field}\b", everything)
            ]
    # The one format that there is cannot be upgraded; the option waits for the second.
    assert dead == ["lockenv/workflows/lock.py: LockOptions.upgrade_format"]


def test_global_options_stand_before_and_after_the_verb(tmp_path: Path) -> None:
    user = User(tmp_path)
    user.write("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\n")
    before = user.lockenv("-C", str(user.folder), "-q", "check", status=1, cwd=tmp_path)
    after = user.lockenv("check", "-C", str(user.folder), "-q", status=1, cwd=tmp_path)

    assert before.out == after.out
    assert "LE101" in after.out


def test_a_verb_that_is_misspelt_is_guessed(tmp_path: Path) -> None:
    answer = User(tmp_path).lockenv("snyc", status=2)

    assert "sync" in answer.err


def test_version_is_printed(tmp_path: Path) -> None:
    assert re.fullmatch(r"lockenv \d+\.\d+\S*\n", User(tmp_path).lockenv("--version").out)
