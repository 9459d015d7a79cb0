"""What a person reads when there is no answer; only what the words must carry is held here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.resolve import Root, UnsolvableError, explain, explained, resolve
from tests.support.worlds import Published, PythonWorld, simple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockenv.errors import NoSolutionError


def _error(
    world: PythonWorld, *texts: str, relax: Callable[[Root], Sequence[Root]] | None = None
) -> NoSolutionError:
    with pytest.raises(UnsolvableError) as caught:
        resolve({"pypi": world}, world.roots(*texts))
    lines = {text: f"pyproject.toml:{number}" for number, text in enumerate(texts, 9)}
    return explained(
        explain(caught.value, relax=relax),
        where=lambda origin: lines[str(origin)],
        place="target gpu",
    )


def test_each_request_stands_with_its_line_and_the_chain_follows() -> None:
    world = simple(
        {
            "torch": {"2.6.0": ["cudart==12.6"]},
            "cudart": {"12.6": ["libc>=2.39"]},
            "libc": {"2.36": [], "2.39": []},
        }
    )

    error = _error(world, "libc==2.36", "torch")

    assert error.what == "no set of packages answers every request for target gpu"
    assert error.why == (
        "you ask for libc==2.36  pyproject.toml:9",
        "you ask for torch       pyproject.toml:10",
        "torch 2.6.0 needs cudart==12.6",
        "cudart 12.6 needs libc>=2.39",
    )
    assert error.fix == ("any one of these was checked to work: drop libc==2.36; drop torch",)


def test_many_versions_that_ask_alike_are_one_line() -> None:
    world = simple({"app": {f"1.{n}": ["lib>=2"] for n in range(40)}, "lib": {"1": [], "2": []}})

    error = _error(world, "app", "lib<2")

    assert "app 1.39 to 1.0 (40 versions) need lib>=2" in error.why


def test_extras_are_said_as_the_user_wrote_them() -> None:
    extras = {"a": ("lib>=2",), "b": ()}
    world = PythonWorld(
        {"app": {"1": Published(extras=extras)}, "lib": {"1": Published(), "2": Published()}}
    )

    error = _error(world, "app[a,b]==1", "lib<2")

    assert error.fix == ("any one of these was checked to work: drop app[a,b]==1; drop lib<2",)
    assert "app[a] 1 needs lib>=2" in error.why


def test_a_way_out_shows_what_it_would_take() -> None:
    world = simple({"app": {"2": ["lib<2"], "1": []}, "lib": {"1": [], "2": []}})

    def relax(root: Root) -> list[Root]:
        return world.roots("app") if str(root.origin).startswith("app") else []

    error = _error(world, "app==2", "lib==2", relax=relax)

    assert error.fix == (
        "any one of these was checked to work: app instead of app==2, which takes 1; drop lib==2",
    )


def test_an_unknown_name_is_said_to_be_unknown_and_nothing_else() -> None:
    error = _error(simple({}), "nunpy")

    assert error.what == "there is no package nunpy for target gpu"
    assert error.why == (
        "you ask for nunpy  pyproject.toml:9",
        "nothing is offered by the name nunpy",
    )
    assert "check the spelling of nunpy, or declare the source that has it" in error.fix


def test_rejected_versions_say_why_the_newest_first_and_not_all_of_them() -> None:
    versions = {str(n): Published(rejected=f"no wheel ({n})") for n in range(1, 9)}

    error = _error(PythonWorld({"app": versions}), "app")

    assert error.what == "no version of app can be used for target gpu"
    assert error.why[1] == "app 8: no wheel (8)"
    assert error.why[-1] == "and 3 older versions likewise"


def test_clashes_that_have_nothing_to_do_with_each_other_are_all_named() -> None:
    world = simple(
        {
            "app": {"2": ["lib<2"], "1": []},
            "lib": {"1": [], "2": []},
            "tool": {"1": ["rare>=5"]},
            "rare": {"1": []},
            "fine": {"1": []},
        }
    )

    def relax(root: Root) -> list[Root]:
        return world.roots("app") if str(root.origin).startswith("app") else []

    error = _error(world, "app==2", "fine", "lib==2", "tool", relax=relax)

    assert [line for line in error.why if line.startswith("you ask")] == [
        "you ask for app==2  pyproject.toml:9",
        "you ask for lib==2  pyproject.toml:11",
        "you ask for tool  pyproject.toml:12",
    ]
    assert "and apart from that:" in error.why
    assert "nothing answers rare>=5: there is rare 1" in error.why
    assert error.fix == (
        (
            "all of these together were checked to work:"
            " app instead of app==2, which takes 1; drop tool"
        ),
    )


def test_to_drop_everything_is_no_way_out() -> None:
    world = simple({"app": {"1": []}, "lib": {"1": []}})

    error = _error(world, "app>1", "lib>1")

    assert error.fix == ("mend each of these, and lock again: there may be more",)


def test_more_clashes_than_a_person_reads_at_once_are_not_looked_for() -> None:
    names = [f"lib{number}" for number in range(9)]
    world = simple({name: {"1": []} for name in names})

    error = _error(world, *(f"{name}>1" for name in names))

    assert sum(line.startswith("you ask") for line in error.why) == 5
    assert error.fix == ("mend each of these, and lock again: there may be more",)
