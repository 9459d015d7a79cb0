"""The door of the engine: proposals, bounds, traces, order, and what is asked of a source."""

from __future__ import annotations

import pytest

from lockenv.errors import GaveUpError, NoSolutionError
from lockenv.resolve import (
    Bounds,
    Event,
    Identifier,
    Root,
    UnsolvableError,
    render_event,
    resolve,
)
from tests.support.worlds import Published, PythonWorld, Release, SetWorld, among, roots, simple


def _pins(world: PythonWorld, *texts: str) -> dict[str, str]:
    resolution = resolve({"pypi": world}, world.roots(*texts))
    return {pin.identifier.name: pin.version_text for pin in resolution.pins.values()}


def test_nothing_asked_for_is_answered_with_nothing() -> None:
    resolution = resolve({}, [])

    assert resolution.pins == {}
    assert resolution.edges == {}


def test_edges_lead_from_each_pin_to_what_it_asked_for() -> None:
    world = simple({"a": {"1": ["b>=1", "c"]}, "b": {"1": []}, "c": {"1": []}})

    resolution = resolve({"pypi": world}, world.roots("a"))

    edges = {
        identifier.name: [str(requirement) for requirement in requirements]
        for identifier, requirements in resolution.edges.items()
    }
    assert edges == {"a": ["b>=1", "c"], "b": [], "c": []}


def test_only_what_is_chosen_is_asked_for_its_requirements_where_nothing_conflicts() -> None:
    versions = {str(number): ["b"] for number in range(1, 200)}
    world = simple({"a": versions, "b": {str(number): [] for number in range(1, 200)}})

    assert _pins(world, "a") == {"a": "199", "b": "199"}
    assert [str(release.version) for release in world.asked] == ["199", "199"]


def test_the_first_candidates_are_foretold_so_that_a_source_can_fetch_them_together() -> None:
    world = simple({"a": {"1": []}, "b": {"2": [], "1": []}, "c": {"1": []}})

    _pins(world, "a", "b", "c")

    foreseen = [(release.identifier.name, str(release.version)) for release in world.foreseen]
    assert foreseen == [("a", "1"), ("b", "2"), ("c", "1")]


def test_a_long_row_of_refusals_makes_the_engine_foretell_the_next_candidates() -> None:
    versions = {str(number): ["b>=2"] if number > 1 else [] for number in range(1, 60)}
    world = simple({"a": versions, "b": {"1": []}})

    resolve({"pypi": world}, world.roots("a", "b<2"), bounds=Bounds(row=0))

    foreseen = {str(release.version) for release in world.foreseen}
    assert {str(number) for number in range(5, 50)} <= foreseen


def test_a_requirement_on_a_first_asked_name_moves_the_later_one() -> None:
    world = simple(
        {"a": {"2": ["c<2"], "1": []}, "b": {"2": ["c>=2"], "1": []}, "c": {"2": [], "1": []}}
    )

    assert _pins(world, "a", "b") == {"a": "2", "b": "1", "c": "1"}
    assert _pins(world, "b", "a") == {"a": "1", "b": "2", "c": "2"}


def test_a_proposal_that_holds_is_taken_without_what_it_has_too_much() -> None:
    world = simple({"a": {"2": [], "1": ["b"]}, "b": {"1": []}, "c": {"1": []}})
    proposal = {
        Identifier("pypi", name): Release(Identifier("pypi", name), version)
        for name, version in (
            (each.identifier.name, each.version)
            for text in ("a==1", "b", "c")
            for each in world.candidates(world.asks([text])[0].identifier, world.asks([text]))
        )
    }

    resolution = resolve({"pypi": world}, world.roots("a"), proposal=proposal)

    assert resolution.how == "proposed"
    assert [name.name for name in resolution.pins] == ["a", "b"]


def test_a_refused_proposal_leaves_a_note_with_the_reason() -> None:
    world = simple({"a": {"2": ["b"], "1": []}, "b": {"1": []}})
    newest = next(world.candidates(Identifier("pypi", "a"), ()))

    resolution = resolve({"pypi": world}, world.roots("a"), proposal={newest.identifier: newest})

    assert resolution.how == "searched"
    assert resolution.notes == ("the proposal was not taken: nothing answers b",)


def test_a_proposal_with_a_candidate_that_is_not_on_offer_any_more_is_refused() -> None:
    yanked = {"2": Published(yanked=True), "1": Published()}
    world = PythonWorld({"a": yanked})
    exact = next(world.candidates(Identifier("pypi", "a"), world.asks(["a==2"])))

    resolution = resolve({"pypi": world}, world.roots("a"), proposal={exact.identifier: exact})

    assert resolution.pins[exact.identifier].version_text == "1"
    assert resolution.notes == ("the proposal was not taken: a 2 is not on offer any more",)


def test_the_bound_is_an_error_of_its_own_and_says_nothing_about_solvability() -> None:
    versions = {str(number): ["b>=2"] for number in range(1, 60)}
    world = simple({"a": versions, "b": {"1": [], "2": []}})

    with pytest.raises(GaveUpError) as caught:
        resolve({"pypi": world}, world.roots("a", "b<2"), bounds=Bounds(rounds=20))

    assert caught.value.status == 3
    assert not isinstance(caught.value, UnsolvableError)
    assert "20 candidates" in caught.value.why[0]


def test_a_refusal_names_roots_and_is_a_no_solution_error() -> None:
    world = simple({"a": {"1": ["c<2"]}, "b": {"1": ["c>=2"]}, "c": {"1": [], "2": []}})

    with pytest.raises(NoSolutionError) as caught:
        resolve({"pypi": world}, world.roots("a", "c", "b"))

    assert isinstance(caught.value, UnsolvableError)
    assert caught.value.refusal.roots == (0, 2)


def test_a_trace_tells_each_step_in_a_line() -> None:
    world = simple({"a": {"2": ["b>=2"], "1": ["b"]}, "b": {"1": []}})
    lines: list[str] = []

    def listen(event: Event) -> None:
        lines.append(render_event(event))

    resolve({"pypi": world}, world.roots("a"), listen=listen)

    assert lines == [
        "     1 refuse   pypi:a 2",
        "     2 follow   pypi:a 1",
        "     3 follow   pypi:b 1",
    ]


def test_a_trace_names_the_choice_that_a_release_was_refused_for() -> None:
    world = simple({"tool": {"2": [], "1": []}, "a": {"3": ["tool<2"], "2": [], "1": []}})
    lines: list[str] = []

    def listen(event: Event) -> None:
        lines.append(render_event(event))

    resolve({"pypi": world}, world.roots("tool", "a"), listen=listen)

    assert "     2 refuse   pypi:a 3 against pypi:tool" in lines


def test_several_ecosystems_stand_in_one_search() -> None:
    numbers = SetWorld({"sys": {2: [], 1: []}})
    world = simple({"a": {"1": []}})
    both = [*world.roots("a"), Root(requirement=among("sys", 1), origin="apt")]

    resolution = resolve({"pypi": world, "set": numbers}, both)

    assert [str(pin.version_text) for pin in resolution.pins.values()] == ["1", "1"]


def test_the_same_request_twice_is_one_request() -> None:
    numbers = SetWorld({"a": {1: []}})

    resolution = resolve({"set": numbers}, roots(among("a", 1), among("a", 1)))

    assert len(resolution.pins) == 1
