"""What a reader copies from a page works: each command is one, each manifest is read."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click
import pytest

from lockenv.cli.app import program
from lockenv.errors import FaultsError, LockenvError
from lockenv.manifest import parse_manifest
from tests.support.pages import PAGES, ROOT, blocks, commands, spans, typed

if TYPE_CHECKING:
    from pathlib import Path

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def parsed(words: list[str]) -> None:
    """Parse as the program does, and run nothing; raises what click raises."""
    outer = click.Context(program, info_name="lockenv", obj=SimpleNamespace())
    command = program.get_command(outer, words[0]) if words else None
    if command is None:
        raise click.NoSuchOption(" ".join(words))
    command.make_context(words[0], words[1:], parent=outer)


@pages
def test_every_command_that_a_page_tells_to_type_is_one(page: Path) -> None:
    wrong = []
    for block in blocks(page.read_text(encoding="utf-8")):
        for line in typed(block):
            # A workflow's own variable is one word, whatever it holds.
            for words in commands(line.replace("${{ matrix.target }}", "gpu")):
                try:
                    parsed(words)
                except click.exceptions.Exit:
                    continue
                except click.UsageError as error:
                    wrong.append(f"line {block.line}: lockenv {' '.join(words)}: {error.message}")

    assert not wrong


@pages
def test_every_command_in_running_text_is_one_but_for_its_values(page: Path) -> None:
    wrong = []
    for span in spans(page.read_text(encoding="utf-8")):
        for words in commands(span):
            try:
                parsed(words)
            except (click.NoSuchOption, click.exceptions.Exit) as error:
                if isinstance(error, click.NoSuchOption):
                    wrong.append(f"{span}: {error.message}")
            except click.UsageError as error:
                if "unexpected extra argument" in error.message:
                    wrong.append(f"{span}: {error.message}")

    assert not wrong


@pages
def test_every_manifest_that_a_page_shows_is_read(page: Path) -> None:
    """Parts of one may lack what stands elsewhere; what they say themselves has to be known."""
    wrong = []
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.kind == "toml" and "[tool.lockenv" in block.text:
            wrong += [f"line {block.line}: {fault}" for fault in faults(block.text)]

    assert not wrong


def faults(text: str) -> list[str]:
    """What is wrong with a manifest, but for names that stand in another part of it."""
    try:
        parse_manifest("pyproject.toml", text, load=lambda _: None)
    except FaultsError as error:
        found = [fault.what for fault in error.faults]
    except LockenvError as error:
        found = [error.what]
    else:
        return []
    return [one for one in found if not re.search(r"there is no (index|target|group) \"", one)]
