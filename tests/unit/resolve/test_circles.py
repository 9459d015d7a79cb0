"""The smallest worlds on which resolvelib crashes, answers wrongly or goes in circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.resolve import Root, resolve
from tests.support.worlds import Among, SetWorld, among, answerable, holds, roots

if TYPE_CHECKING:
    from lockenv.resolve import Resolution

CRASH: dict[str, dict[int, list[Among]]] = {
    "x": {2: [among("a", 1)], 1: []},
    "a": {1: [among("b", 1)]},
    "b": {1: [among("a", 1)]},
    "w": {1: [among("x", 1)]},
}
WRONG: dict[str, dict[int, list[Among]]] = {
    "p2": {3: [among("p1", 1, 2, 3), among("p1", 1, 2)], 2: [], 1: []},
    "p1": {3: [among("p2", 1, 2, 3)], 2: [among("p2", 2), among("p0", 1)], 1: []},
    "p0": {1: [among("p1", 3)]},
}
LIVELOCK: dict[str, dict[int, list[Among]]] = {
    "p0": {3: [among("p1", 1)], 2: [among("p1", 2, 3)], 1: []},
    "p1": {2: [among("p0", 1, 3)], 1: [among("p0", 2)]},
}


def _chosen(resolution: Resolution) -> dict[str, int]:
    return {pin.identifier.name: int(pin.version_text) for pin in resolution.pins.values()}


@pytest.mark.parametrize(
    ("packages", "asks", "expected"),
    [
        (CRASH, ["x", "w"], {"x": 1, "w": 1}),
        (WRONG, ["p2"], {"p2": 3, "p1": 1}),
        (LIVELOCK, ["p0"], {"p0": 1}),
    ],
    ids=["crash", "wrong", "livelock"],
)
def test_a_circle_neither_crashes_nor_misleads_nor_holds_up(
    packages: dict[str, dict[int, list[Among]]], asks: list[str], expected: dict[str, int]
) -> None:
    asked = [among(name, 1, 2, 3) for name in asks]

    resolution = resolve({"set": SetWorld(packages)}, roots(*asked))

    assert _chosen(resolution) == expected
    assert holds(packages, asked, _chosen(resolution))


def test_two_that_need_each_other_and_nobody_else_are_not_chosen() -> None:
    resolution = resolve({"set": SetWorld(CRASH)}, roots(among("x", 1)))

    assert _chosen(resolution) == {"x": 1}


def test_a_ring_of_three_hundred_is_one_answer() -> None:
    packages = {f"r{n}": {1: [among(f"r{(n + 1) % 300}", 1)]} for n in range(300)}

    resolution = resolve({"set": SetWorld(packages)}, [Root(requirement=among("r0", 1))])

    assert len(resolution.pins) == 300


def test_a_candidate_that_asks_for_another_version_of_itself_is_passed_over() -> None:
    packages = {"a": {2: [among("a", 1)], 1: [among("a", 1, 2)]}}

    resolution = resolve({"set": SetWorld(packages)}, roots(among("a", 1, 2)))

    assert _chosen(resolution) == {"a": 1}
    assert answerable(packages, [among("a", 1, 2)])
