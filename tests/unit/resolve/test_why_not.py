"""Why newer versions were passed over: one checked reason each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.resolve import Identifier, resolve, why_not
from tests.support.worlds import Published, PythonWorld, simple

if TYPE_CHECKING:
    from lockenv.resolve import PassedOver


def _reasons(world: PythonWorld, name: str, *texts: str) -> list[PassedOver]:
    roots = world.roots(*texts)
    resolution = resolve({"pypi": world}, roots)
    return list(why_not({"pypi": world}, roots, resolution, Identifier("pypi", name)))


def test_nothing_newer_has_nothing_to_say() -> None:
    assert _reasons(simple({"a": {"1": [], "2": []}}), "a", "a") == []


def test_the_users_own_bound_is_the_reason() -> None:
    (passed,) = _reasons(simple({"a": {"1": [], "2": []}}), "a", "a<2")

    assert passed.candidate.version_text == "2"
    assert [(who, str(ask)) for who, ask in passed.against] == [(None, "a<2")]


def test_the_chain_from_the_user_to_the_bound_is_the_reason() -> None:
    world = simple({"a": {"1": [], "2": []}, "b": {"1": ["a<2"]}})

    (passed,) = _reasons(world, "a", "a", "b")

    against = [(who.identifier.name if who else "", str(ask)) for who, ask in passed.against]
    assert against == [("", "b"), ("b", "a<2")]


def test_what_would_have_to_move_is_the_reason() -> None:
    world = simple({"b": {"1": [], "2": ["a<2"]}, "a": {"1": [], "2": []}})

    (passed,) = _reasons(world, "a", "b", "a")

    moves = [
        (former.identifier.name, former.version_text, other and other.version_text)
        for former, other in passed.moves
    ]
    assert moves == [("b", "2", "1")]


def test_what_the_metadata_says_is_the_reason() -> None:
    world = PythonWorld({"a": {"2": Published(python=">=3.13"), "1": Published()}})

    (passed,) = _reasons(world, "a", "a")

    assert passed.unusable == "needs Python >=3.13"


def test_only_the_best_few_are_looked_at() -> None:
    world = simple({"a": {str(number): [] for number in range(1, 40)}})
    roots = world.roots("a<2")
    resolution = resolve({"pypi": world}, roots)

    found = why_not({"pypi": world}, roots, resolution, Identifier("pypi", "a"), most=3)

    assert [passed.candidate.version_text for passed in found] == ["39", "38", "37"]
