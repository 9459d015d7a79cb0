"""The engine against brute force, on small worlds with circles, doubled asks and conflicts.

``LOCKENV_LONG`` in the environment asks for that many examples of each instead of forty.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from resolvelib.resolvers import ResolutionTooDeep

from lockenv.resolve import Resolution, UnsolvableError, explain, resolve
from tests.support.second_opinion import second_opinion
from tests.support.worlds import Among, Numbered, SetWorld, among, answerable, holds, roots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

World = dict[str, dict[int, list[Among]]]

engine_settings = settings(
    max_examples=int(os.environ.get("LOCKENV_LONG", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

NUMBERS = st.sets(st.integers(1, 3), max_size=3).map(sorted)


@st.composite
def worlds(draw: st.DrawFn, *, circles: bool = True) -> tuple[World, list[Among]]:
    """Up to five names of up to three versions, and up to three asks of the user's."""
    names = [f"p{number}" for number in range(draw(st.integers(2, 5)))]
    packages: World = {}
    for place, name in enumerate(names):
        others = names if circles else names[place + 1 :]
        asks = st.builds(
            lambda other, numbers, if_present: among(other, *numbers, if_present=if_present),
            st.sampled_from(others or names),
            NUMBERS,
            st.booleans() if circles else st.sampled_from([False]),
        )
        several = st.lists(asks, max_size=3 if others else 0)
        packages[name] = {number: draw(several) for number in range(1, draw(st.integers(1, 3)) + 1)}
    asked = st.builds(lambda name, numbers: among(name, *numbers), st.sampled_from(names), NUMBERS)
    return packages, draw(st.lists(asked, min_size=1, max_size=3))


def answer(
    packages: Mapping[str, Mapping[int, Sequence[Among]]], asks: Sequence[Among]
) -> Resolution | None:
    """The engine's answer, None if it says that there is none."""
    try:
        return resolve({"set": SetWorld(packages)}, roots(*asks))
    except UnsolvableError:
        return None


def numbers(resolution: Resolution) -> dict[str, int]:
    """Which number was chosen of each name; 0 for absence."""
    return {
        pin.identifier.name: pin.number
        for pin in resolution.pins.values()
        if isinstance(pin, Numbered)
    }


@engine_settings
@given(worlds())
def test_there_is_an_answer_exactly_if_brute_force_finds_one(
    world: tuple[World, list[Among]],
) -> None:
    packages, asks = world

    resolution = answer(packages, asks)

    assert (resolution is not None) == answerable(packages, asks)
    if resolution is not None:
        assert holds(packages, asks, numbers(resolution))


@engine_settings
@given(worlds())
def test_nothing_is_chosen_that_the_user_does_not_reach(world: tuple[World, list[Among]]) -> None:
    packages, asks = world
    resolution = answer(packages, asks)
    assume(resolution is not None)
    assert resolution is not None

    reached = {ask.identifier for ask in asks}
    reached |= {ask.identifier for edges in resolution.edges.values() for ask in edges}

    assert set(resolution.pins) == reached
    assert list(resolution.pins) == sorted(resolution.pins)


@engine_settings
@given(worlds())
def test_an_answer_is_taken_again_as_a_proposal(world: tuple[World, list[Among]]) -> None:
    packages, asks = world
    resolution = answer(packages, asks)
    assume(resolution is not None)
    assert resolution is not None

    again = resolve({"set": SetWorld(packages)}, roots(*asks), proposal=resolution.pins)

    assert again.how == "proposed"
    assert again.pins == resolution.pins


@engine_settings
@given(worlds(), st.dictionaries(st.sampled_from(["p0", "p1", "p2"]), st.integers(0, 3)))
def test_a_wrong_proposal_changes_nothing(
    world: tuple[World, list[Among]], guess: dict[str, int]
) -> None:
    packages, asks = world
    expected = answer(packages, asks)
    assume(expected is not None)
    assert expected is not None
    proposal = {
        among(name).identifier: Numbered(among(name).identifier, number)
        for name, number in guess.items()
        if number in packages.get(name, {})
    }

    resolution = resolve({"set": SetWorld(packages)}, roots(*asks), proposal=proposal)

    assert holds(packages, asks, numbers(resolution))
    assert resolution.how == "proposed" or resolution.pins == expected.pins


@engine_settings
@given(worlds())
def test_the_roots_of_an_explanation_clash_and_none_of_them_is_idle(
    world: tuple[World, list[Among]],
) -> None:
    packages, asks = world
    asks = list(dict.fromkeys(asks))
    try:
        resolve({"set": SetWorld(packages)}, roots(*asks))
    except UnsolvableError as error:
        explanation = explain(error)
    else:
        return

    clash = [ask for ask in asks if ask in {root.requirement for root in explanation.roots}]

    assert explanation.minimal
    assert not answerable(packages, clash)
    for ask in clash:
        assert answerable(packages, [other for other in clash if other != ask])
    for other_clash in explanation.further:
        members = {root.requirement for root in other_clash.roots}
        assert members.isdisjoint(clash)
        assert not answerable(packages, [ask for ask in asks if ask in members])
    ways = [{root.requirement for root in way.removed} for way in explanation.ways]
    # Where there are several clashes, the ways hold together; else each of them alone.
    for dropped in [set().union(*ways)] if explanation.further and ways else ways:
        assert answerable(packages, [ask for ask in asks if ask not in dropped])


@engine_settings
@given(worlds(circles=False))
def test_without_circles_resolvelib_agrees(world: tuple[World, list[Among]]) -> None:
    packages, asks = world

    resolution = answer(packages, asks)

    try:
        other = second_opinion(SetWorld(packages), roots(*asks), rounds=5_000)
    except ResolutionTooDeep:
        assume(False)  # noqa: FBT003 - hypothesis's own word for "not this example"
    else:
        assert other == (resolution is not None)


@engine_settings
@given(worlds(), st.permutations(["p4", "p3", "p2", "p1", "p0"]))
def test_the_order_of_the_world_does_not_matter(
    world: tuple[World, list[Among]], order: list[str]
) -> None:
    packages, asks = world

    resolution = answer(packages, asks)
    other = answer({name: packages[name] for name in order if name in packages}, asks)

    assert (resolution and resolution.pins) == (other and other.pins)
