"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from lockenv.patterns import pattern


def test_a_pattern_does_what_a_compiled_one_does() -> None:
    ours, theirs = pattern(r"(\d+)-(?P<x>[a-z])", re.IGNORECASE), None
    theirs = re.compile(r"(\d+)-(?P<x>[a-z])", re.IGNORECASE)

    for text in ("12-B", "a 12-b", "12-b 3-c", ""):
        assert str(ours.match(text)) == str(theirs.match(text))
        assert str(ours.fullmatch(text)) == str(theirs.fullmatch(text))
        assert str(ours.search(text)) == str(theirs.search(text))
        assert ours.findall(text) == theirs.findall(text)
        assert ours.sub("*", text) == theirs.sub("*", text)
        assert ours.split(text) == theirs.split(text)
    assert (ours.pattern, ours.flags, ours.groupindex) == (
        theirs.pattern,
        theirs.flags,
        theirs.groupindex,
    )


def test_a_broken_pattern_is_told_with_its_first_use() -> None:
    broken = pattern("(")

    with pytest.raises(re.error):
        broken.match("x")
