"""What Debian needs of the engine, said with nothing but a source: conflicts and alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.resolve import Identifier, UnsolvableError, resolve
from tests.support.worlds import Among, Numbered, SetWorld, among, roots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.resolve import Candidate, Requirement, Resolution


def conflicts(name: str, *allowed: int) -> Among:
    """Not beside this name, or only beside these versions of it."""
    return among(name, *allowed, if_present=True)


def present(resolution: Resolution) -> dict[str, str]:
    """What is there, without those whose absence was chosen."""
    return {
        pin.identifier.name: pin.version_text
        for pin in resolution.pins.values()
        if pin.version_text
    }


def test_a_conflict_with_what_nobody_needs_leaves_it_out() -> None:
    world = SetWorld({"mta": {1: [conflicts("other")]}, "other": {1: []}})

    resolution = resolve({"set": world}, roots(among("mta", 1)))

    assert present(resolution) == {"mta": "1"}
    assert Numbered(Identifier("set", "other"), 0) in resolution.pins.values()


def test_a_conflict_with_what_another_needs_is_settled_by_an_older_version() -> None:
    world = SetWorld(
        {
            "first": {2: [conflicts("lib", 1)], 1: []},
            "second": {1: [among("lib", 2)]},
            "lib": {2: [], 1: []},
        }
    )

    resolution = resolve({"set": world}, roots(among("first", 1, 2), among("second", 1)))

    assert present(resolution) == {"first": "1", "second": "1", "lib": "2"}


def test_absence_is_settled_last_so_that_it_never_costs_a_newer_version() -> None:
    world = SetWorld(
        {
            "first": {1: [conflicts("lib", 2)]},
            "second": {1: [among("third", 1, 2)]},
            "third": {2: [among("lib", 1, 2)], 1: []},
            "lib": {2: [], 1: []},
        }
    )

    resolution = resolve({"set": world}, roots(among("first", 1), among("second", 1)))

    assert present(resolution) == {"first": "1", "second": "1", "third": "2", "lib": "2"}


def test_two_that_conflict_and_are_both_asked_for_are_refused() -> None:
    world = SetWorld({"a": {1: [conflicts("b")]}, "b": {1: []}})

    with pytest.raises(UnsolvableError) as caught:
        resolve({"set": world}, roots(among("a", 1), among("b", 1)))

    assert caught.value.refusal.roots == (0, 1)


class ChoosingWorld(SetWorld):
    """Adds names like ``x|y``: choices whose candidates are the alternatives, in their order."""

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Numbered]:
        if "|" not in identifier.name:
            yield from super().candidates(identifier, requirements)
            return
        for number in range(1, identifier.name.count("|") + 2):
            yield Numbered(identifier, number)

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        return "|" in candidate.identifier.name or super().satisfies(requirement, candidate)

    def requirements(self, candidate: Candidate) -> Sequence[Among]:
        if "|" not in candidate.identifier.name:
            return super().requirements(candidate)
        assert isinstance(candidate, Numbered)
        names = candidate.identifier.name.split("|")
        return [among(names[candidate.number - 1], 1, 2)]


def test_the_first_alternative_is_taken() -> None:
    world = ChoosingWorld({"app": {1: [among("x|y")]}, "x": {1: []}, "y": {1: []}})

    resolution = resolve({"set": world}, roots(among("app", 1)))

    assert present(resolution) == {"app": "1", "x": "1", "x|y": "1"}


def test_another_alternative_is_taken_where_the_first_is_in_conflict() -> None:
    world = ChoosingWorld({"app": {1: [among("x|y"), conflicts("x")]}, "x": {1: []}, "y": {1: []}})

    resolution = resolve({"set": world}, roots(among("app", 1)))

    assert present(resolution) == {"app": "1", "y": "1", "x|y": "2"}


def test_no_alternative_left_is_a_refusal() -> None:
    world = ChoosingWorld(
        {"app": {1: [among("x|y"), conflicts("x"), conflicts("y")]}, "x": {1: []}, "y": {1: []}}
    )

    with pytest.raises(UnsolvableError):
        resolve({"set": world}, roots(among("app", 1)))
