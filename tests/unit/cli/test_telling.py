from __future__ import annotations

import pytest

from lockenv.cli.telling import paragraphs
from lockenv.model import Finding


def _finding(message: str, *, code: str = "LE401", fix: str = "lockenv sync") -> Finding:
    return Finding(
        code=code, message=message, layer="system", severity="warning", target="gpu", fix=fix
    )


def test_a_few_are_told_one_by_one() -> None:
    told = list(paragraphs([_finding("a"), _finding("b")]))

    assert [(one.message, one.target, one.fixes) for one in told] == [
        ("a", "gpu", ("lockenv sync",)),
        ("b", "gpu", ("lockenv sync",)),
    ]


def test_of_many_the_first_are_told_and_the_rest_counted() -> None:
    told = list(paragraphs(_finding(str(number)) for number in range(400)))

    assert [one.message for one in told] == [
        *("0", "1", "2", "3", "4"),
        "and 395 more like these (-v tells each)",
    ]
    assert [one.fixes for one in told] == [*[()] * 5, ("lockenv sync",)]
    assert told[-1].target == "gpu"


@pytest.mark.parametrize("every", [False, True])
def test_what_can_be_one_command_is_one_command_at_the_end(every: bool) -> None:  # noqa: FBT001 - a parameter
    findings = [
        _finding("b", fix="apt-get install b=1"),
        _finding("a", fix="apt-get install a=1"),
        _finding("c", code="LE402", fix="apt-get install c=1"),
        _finding("d", code="LE402", fix="use the image"),
    ]

    told = list(paragraphs(findings, every=every))

    assert [one.fixes for one in told] == [
        *((), (), ()),
        ("use the image", "apt-get install a=1 b=1 c=1"),
    ]


def test_every_one_is_told_where_that_is_asked() -> None:
    findings = [_finding(str(number)) for number in range(400)]

    assert len(list(paragraphs(findings, every=True))) == 400


def test_kinds_are_not_mixed() -> None:
    findings = [_finding("a"), _finding("x", code="LE403"), _finding("b")]

    assert [one.message for one in paragraphs(findings)] == ["a", "b", "x"]
