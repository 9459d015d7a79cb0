"""Pre-releases, yanked files, extras: what an ask lets in is chosen only while it is asked."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from lockenv.resolve import Bounds, Candidate, UnsolvableError, resolve
from tests.support.worlds import Ask, Published, PythonWorld

NAMES = st.sampled_from(["p0", "p1", "p2", "p3"])
CONDITIONS = st.sampled_from(
    ["", ">=2", "<3", "<2", "==1", "==2", "!=3", "==3rc1", ">=3rc1", ">=4a1", "[e]"]
)
ASKS = st.builds(lambda name, condition: name + condition, NAMES, CONDITIONS)
PUBLISHED = st.builds(
    lambda requires, yanked, extra: Published(
        requires=tuple(requires), yanked=yanked, extras={"e": tuple(extra)} if extra else {}
    ),
    st.lists(ASKS, max_size=2),
    st.sampled_from([False, False, False, True]),
    st.lists(ASKS, max_size=1),
)
VERSIONS = st.dictionaries(
    st.sampled_from(["1", "2", "3rc1", "3", "4a1"]), PUBLISHED, min_size=1, max_size=4
)
WORLDS = st.dictionaries(NAMES, VERSIONS, min_size=2)


@settings(max_examples=int(os.environ.get("LOCKENV_LONG", "60")), deadline=None)
@given(WORLDS, st.lists(ASKS, min_size=1, max_size=3), st.sampled_from([0, 1, 16]))
def test_every_pin_is_on_offer_for_all_that_is_asked_of_it_in_the_end(
    packages: dict[str, dict[str, Published]], texts: list[str], row: int
) -> None:
    world = PythonWorld(packages)
    roots = world.roots(*texts)
    try:
        resolution = resolve({"pypi": world}, roots, bounds=Bounds(rounds=3_000, row=row))
    except UnsolvableError:
        return

    asks = [root.requirement for root in roots]
    asks += [ask for several in resolution.edges.values() for ask in several]
    for identifier, pin in resolution.pins.items():
        asked = [ask for ask in asks if isinstance(ask, Ask) and ask.identifier == identifier]
        assert pin in list[Candidate](world.candidates(identifier, asked))
