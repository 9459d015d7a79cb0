# The classes below are made by one of two decorators, which a type checker cannot follow.
# mypy: disable-error-code="call-arg, misc, operator"
from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
from concurrent.futures import ThreadPoolExecutor

import pytest

from lockenv import values

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

#: Two modules with one interface, or a class that one of them made.
Anything = typing.Any

#: The decorators under comparison; type checkers know both as the same.
BOTH = {"standard": dataclasses, "ours": values}


@pytest.fixture(params=BOTH)
def maker(request: pytest.FixtureRequest) -> Anything:
    return BOTH[request.param]


@values.dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Stands at the top so that it can be pickled."""

    name: str
    tags: tuple[str, ...] = ()
    more: Mapping[str, int] = values.field(default_factory=dict)


def _point(maker: Anything) -> Anything:
    @maker.dataclass(frozen=True, slots=True, order=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        label: str = maker.field(default="", compare=False, repr=False)

        @property
        def total(self) -> int:
            return self.x + self.y

    return Point


def test_values_are_made_shown_and_compared_alike(maker: Anything) -> None:
    point = _point(maker)

    one = point(1, label="a")

    assert repr(one) == f"{point.__qualname__}(x=1, y=2)"
    assert one == point(1, 2, "b")
    assert one != point(1, 3)
    assert one != (1, 2, "a")
    assert hash(one) == hash((1, 2))
    assert sorted([point(2), point(1, 3), one]) == [one, point(1, 3), point(2)]
    assert one <= point(1) < point(1, 3) and point(2) >= point(2) > one  # noqa: PT018 - one chain
    assert one.total == 3
    with pytest.raises(TypeError):
        assert one < (1, 2)


def test_frozen_values_refuse_changes(maker: Anything) -> None:
    one = _point(maker)(1)

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 3
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        one.other = 3
    assert not hasattr(one, "__dict__")


def test_arguments_are_asked_for_alike(maker: Anything) -> None:
    @maker.dataclass(kw_only=True)
    class Box:
        """A box."""

        kind: typing.ClassVar[str] = "box"
        first: list[int] = maker.field(default_factory=list)
        second: int

    box = Box(second=1)

    assert box.first == []
    assert box.first is not Box(second=1).first
    assert Box.kind == "box"
    assert list(inspect.signature(Box).parameters) == ["first", "second"]
    assert inspect.signature(Box).parameters["second"].kind is inspect.Parameter.KEYWORD_ONLY
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'second'"):
        Box()
    with pytest.raises(TypeError, match="positional"):
        Box([], 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
        Box(second=1, third=2)
    with pytest.raises(TypeError):
        hash(box)
    box.second = 5
    assert box == Box(second=5)


def test_own_methods_stay(maker: Anything) -> None:
    @maker.dataclass(frozen=True, slots=True)
    class Secret:
        """A secret."""

        text: str

        def __repr__(self) -> str:
            return "Secret(…)"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    assert repr(Secret("a")) == "Secret(…)"
    assert Secret("a") == Secret("b")
    assert hash(Secret("a")) == 7


def test_identity_is_equality_where_that_is_asked(maker: Anything) -> None:
    @maker.dataclass(slots=True, eq=False)
    class Node:
        """A node."""

        name: str

    one = Node("a")

    assert one != Node("a")
    assert {one: 1}[one] == 1


def test_the_library_s_functions_know_our_values() -> None:
    one = Plain(name="a", tags=("b",), more={"c": 1})

    assert dataclasses.is_dataclass(one)
    assert [field.name for field in dataclasses.fields(one)] == ["name", "tags", "more"]
    assert dataclasses.asdict(one) == {"name": "a", "tags": ("b",), "more": {"c": 1}}
    assert dataclasses.replace(one, name="z") == Plain(name="z", tags=("b",), more={"c": 1})
    assert values.replace(one, name="z") == dataclasses.replace(one, name="z")
    assert values.asdict(one) == dataclasses.asdict(one)
    assert values.fields(Plain) == dataclasses.fields(Plain)
    assert Plain.__init__.__annotations__["name"] == "str"


def test_our_functions_know_the_library_s_values() -> None:
    point = _point(dataclasses)

    assert values.replace(point(1), x=4) == point(4)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        values.replace(Plain(name="a"), other=1)


def test_values_are_copied_and_pickled() -> None:
    one = Plain(name="a", more={"b": 1})

    assert copy.deepcopy(one) == one
    assert copy.copy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - what was dumped just now


def test_the_same_mistakes_are_refused(maker: Anything) -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @maker.dataclass()
        class _Wrong:
            names: list[str] = []  # noqa: RUF012 - the mistake


def test_patterns_match_by_place(maker: Anything) -> None:
    point = _point(maker)

    match point(1, 5):
        case point(1, y):
            assert y == 5
        case _:
            pytest.fail("no match")


def test_many_threads_may_be_the_first() -> None:
    for _ in range(20):
        point = _point(values)

        def use(number: int, kind: Anything = point) -> bool:
            return bool(kind(number) == kind(number)) and hash(kind(number)) != 0

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(use, range(64)))
