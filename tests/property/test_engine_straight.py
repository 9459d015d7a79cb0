"""Where nothing stands in the way, the straight way and the search come to the same."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from lockenv.resolve import Bounds, UnsolvableError, resolve
from lockenv.resolve.asked import Asked
from lockenv.resolve.straight import straight
from tests.support.worlds import Published, PythonWorld

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
#: Mostly asks that clash with nothing: clashes are for the search alone.
CONDITIONS = st.sampled_from(
    ["", "", "", "[x]", "[x]>=1", ">=1", "!=3", "<3", "==2", ">=3rc1", "==4a1", ">2", "[y]"]
)
ASKS = st.builds(lambda name, condition: name + condition, NAMES, CONDITIONS)
PUBLISHED = st.builds(
    lambda requires, yanked, extra, unreadable: Published(
        requires=tuple(requires),
        yanked=yanked,
        extras={"x": tuple(extra)},
        unreadable="cannot be read" if unreadable else "",
    ),
    st.lists(ASKS, max_size=2),
    st.sampled_from([False, False, False, False, True]),
    st.lists(ASKS, max_size=1),
    st.sampled_from([False, False, False, False, True]),
)
VERSIONS = st.dictionaries(
    st.sampled_from(["1", "2", "3rc1", "3", "4a1"]), PUBLISHED, min_size=1, max_size=4
)
WORLDS = st.dictionaries(NAMES, VERSIONS, min_size=3)


@settings(
    max_examples=int(os.environ.get("LOCKENV_LONG", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    WORLDS,
    st.lists(ASKS, min_size=1, max_size=4),
    st.dictionaries(NAMES, st.sampled_from(["1", "2", "3rc1"]), max_size=2),
    st.booleans(),
    st.sampled_from(["if-needed", "if-needed", "allow", "deny"]),
)
def test_the_straight_way_leads_where_the_search_does(
    packages: dict[str, dict[str, Published]],
    texts: list[str],
    preferred: dict[str, str],
    lowest: bool,  # noqa: FBT001 - hypothesis gives it by place
    pre_releases: str,
) -> None:
    def world() -> PythonWorld:
        return PythonWorld(packages, preferred=preferred, lowest=lowest, pre_releases=pre_releases)

    way = straight(Asked({"pypi": world()}), world().roots(*texts), 1_000)
    event("straight" if way else "blocked")
    if way is None:
        return
    steps: list[str] = []
    searched = resolve(
        {"pypi": world()},
        world().roots(*texts),
        bounds=Bounds(rounds=1_000),
        listen=lambda step: steps.append(step.kind),
    )

    assert dict(way.pins) == dict(searched.pins)
    assert way.rounds == searched.rounds
    assert not {"jump", "reopen", "early", "assume"} & set(steps)


def test_the_best_two_of_each_name_are_all_that_is_looked_at() -> None:
    releases = {f"{number}.0": Published(requires=("b>=1",)) for number in range(1, 100)}
    world = PythonWorld({"a": releases, "b": {"1.0": Published(), "2.0": Published()}})

    found = resolve({"pypi": world}, world.roots("a", "b<3"))

    assert sorted(pin.version_text for pin in found.pins.values()) == ["2.0", "99.0"]
    assert len(world.asked) == 2


def test_a_conflict_is_left_to_the_search() -> None:
    world = PythonWorld(
        {
            "a": {"1.0": Published(requires=("b<2",)), "2.0": Published(requires=("b<1",))},
            "b": {"1.0": Published(), "2.0": Published()},
        }
    )
    roots = world.roots("b", "a")

    assert straight(Asked({"pypi": world}), roots, 1_000) is None
    found = resolve({"pypi": world}, roots)

    assert {pin.identifier.name: pin.version_text for pin in found.pins.values()} == {
        "a": "1.0",
        "b": "1.0",
    }


def test_a_refusal_of_the_straight_way_is_no_refusal() -> None:
    world = PythonWorld({"a": {"1.0": Published(requires=("b>=2",))}, "b": {"1.0": Published()}})

    assert straight(Asked({"pypi": world}), world.roots("a"), 1_000) is None
    with pytest.raises(UnsolvableError) as caught:
        resolve({"pypi": world}, world.roots("a"))
    assert caught.value.refusal.roots == (0,)
