"""Plain command lines: read as click reads them, or left to click."""

from __future__ import annotations

import importlib

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockenv.cli.app import program
from lockenv.cli.declared import Verb, split_verb
from lockenv.cli.invocation import Invocation
from lockenv.cli.running import PLAIN, plain_work

VERBS = {name: importlib.import_module(f"lockenv.cli.commands.{name}").command for name in PLAIN}
#: Words of every kind: all spellings, values, and what no plain line has.
WORDS = sorted({name for verb in VERBS.values() for one in verb.options for name in one.names})
WORDS += ["-q", "--quiet", "-v", "--offline", "-C", ".", "--cache-dir", "--color", "never", "text"]
WORDS += ["json", "copy", "gpu", "", "--", "-", "x=y", "--target=gpu", "--format=json", "--offli"]
WORDS += ["--link-mode=slow", "--frozen=1", "-qv", "-Pnumpy", "--upgrade=python", "python", "-c"]


def as_click_reads(name: str, words: list[str]) -> tuple[dict[str, object], Invocation] | None:
    """The values that click gives the function, and the global options; None where it refuses."""
    invocation = Invocation()
    command = program.get_command(click.Context(program), name)
    assert command is not None
    try:
        context = command.make_context(name, list(words), obj=invocation)
    except (click.ClickException, click.exceptions.Exit):
        return None
    values = dict(context.params)
    if name == "lock" and values["upgrade"] == frozenset():
        values["upgrade"] = None  # what the function makes of it
    return values, invocation


@pytest.mark.parametrize("name", PLAIN)
def test_every_plain_verb_is_declared_as_one(name: str) -> None:
    assert isinstance(VERBS[name], Verb)


@settings(deadline=None)  # click builds its commands anew for each line
@given(st.sampled_from(PLAIN), st.lists(st.sampled_from(WORDS), max_size=6))
def test_a_plain_line_is_read_as_click_reads_it(name: str, words: list[str]) -> None:
    invocation = Invocation()

    values = VERBS[name].read(words, invocation)

    if values is not None:
        expected = as_click_reads(name, words)
        assert expected is not None, "click refuses this line"
        assert values == expected[0]
        told = ("directory", "verbosity", "offline", "cache_dir", "config", "color")
        for option in told:
            assert getattr(invocation, option) == getattr(expected[1], option), option


@pytest.mark.parametrize(
    "words",
    [
        ["sync"],
        ["sync", "-q"],
        ["-q", "sync", "--frozen"],
        ["-C", ".", "sync", "--target", "gpu", "--group=docs"],
        ["lock", "-P", "numpy", "--upgrade-package=torch"],
        ["lock", "--offline"],
        ["check", "--env", "--host", "--format", "json"],
        ["run", "--no-sync", "python", "-c", "pass", "--help"],
    ],
)
def test_everyday_lines_are_plain(words: list[str]) -> None:
    assert plain_work(words, Invocation()) is not None


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["sync", "--help"],
        ["sync", "extra"],
        ["sync", "--target"],
        ["sync", "--link-mode", "slow"],
        ["sync", "--froz"],
        ["lock", "--upgrade"],
        ["run"],
        ["run", "--in", "image", "true"],
        ["tree"],
        ["snyc"],
    ],
)
def test_all_others_are_for_click(words: list[str]) -> None:
    assert plain_work(words, Invocation()) is None


def test_a_shell_that_asks_for_completion_asks_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_LOCKENV_COMPLETE", "bash_complete")

    assert plain_work(["sync"], Invocation()) is None


def test_words_before_the_verb_are_read_too() -> None:
    invocation = Invocation()

    found = split_verb(["-q", "--cache-dir", "store", "sync", "--frozen"], invocation)

    assert found == ("sync", ["--frozen"])
    assert (invocation.verbosity, invocation.cache_dir) == (-1, "store")
