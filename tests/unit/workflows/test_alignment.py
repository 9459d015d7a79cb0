from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import NoSolutionError
from lockenv.workflows.locking.alignment import Steer, solve_aligned

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Answer:
    versions: Mapping[str, str]


class World:
    """Each cell with the versions of each name that it can have, newest first."""

    def __init__(self, **cells: dict[str, list[str]]) -> None:
        self.cells = cells
        self.asked: list[str] = []

    def __call__(self, cell: str, steer: Steer) -> Answer:
        self.asked.append(cell)
        chosen = {}
        for name, versions in self.cells[cell].items():
            able = [v for v in versions if steer.fixed.get(name, v) == v]
            if not able:
                raise NoSolutionError("no-solution", f"no {name}", why=f"{name} has no file")
            preferred = steer.preferred.get(name)
            chosen[name] = preferred if preferred in able else able[0]
        return Answer(chosen)


def silent(world: World) -> dict[str, Steer]:
    return {cell: Steer() for cell in world.cells}


def test_the_version_that_all_can_have_is_taken_everywhere() -> None:
    world = World(gpu={"a": ["2", "1"]}, laptop={"a": ["1"]})

    solved, apart = solve_aligned(list(world.cells), world, silent(world), kept={}, align="prefer")

    assert {cell: answer.versions["a"] for cell, answer in solved.items()} == {
        "gpu": "1",
        "laptop": "1",
    }
    assert apart == ()


def test_a_difference_that_cannot_be_helped_is_listed_with_its_reason() -> None:
    world = World(gpu={"a": ["2"], "b": ["2", "1"]}, laptop={"a": ["1"], "b": ["1"]})

    solved, apart = solve_aligned(list(world.cells), world, silent(world), kept={}, align="prefer")

    assert solved["gpu"].versions == {"a": "2", "b": "1"}
    assert [difference.name for difference in apart] == ["a"]
    assert "a has no file" in apart[0].reason


def test_alignment_can_be_required() -> None:
    world = World(gpu={"a": ["2"]}, laptop={"a": ["1"]})

    with pytest.raises(NoSolutionError, match="every target"):
        solve_aligned(list(world.cells), world, silent(world), kept={}, align="require")


def test_without_alignment_every_cell_has_its_newest() -> None:
    world = World(gpu={"a": ["2", "1"]}, laptop={"a": ["1"]})

    solved, _ = solve_aligned(list(world.cells), world, silent(world), kept={}, align="off")

    assert solved["gpu"].versions == {"a": "2"}
    assert world.asked == ["gpu", "laptop"]


def test_a_difference_of_the_former_lock_is_left_alone() -> None:
    world = World(gpu={"a": ["2", "1"]}, laptop={"a": ["1"]})
    kept = {"gpu": {"a": "2"}, "laptop": {"a": "1"}}
    steers = {cell: Steer(preferred=kept[cell]) for cell in world.cells}

    solved, apart = solve_aligned(list(world.cells), world, steers, kept=kept, align="prefer")

    assert solved["gpu"].versions == {"a": "2"}
    assert [difference.name for difference in apart] == ["a"]


def test_what_hangs_on_a_package_does_not_take_it_back() -> None:
    """Torch differs by CUDA; that its triton could agree is no reason for an old torch."""
    choices = {
        "gpu": [{"torch": "2.10", "triton": "3.6"}, {"torch": "2.3", "triton": "3.9"}],
        "arm": [{"torch": "2.15", "triton": "3.9"}, {"torch": "2.11", "triton": "3.6"}],
    }

    def solve(cell: str, steer: Steer) -> Answer:
        for versions in choices[cell]:
            if all(versions[name] == v for name, v in steer.fixed.items()):
                return Answer(versions)
        raise NoSolutionError("no-solution", "none")

    steers = {cell: Steer() for cell in choices}
    for direct, torch in ((frozenset({"torch"}), "2.15"), (None, "2.11")):
        solved, _ = solve_aligned(
            list(choices), solve, steers, kept={}, align="prefer", direct=direct
        )
        assert solved["arm"].versions["torch"] == torch
