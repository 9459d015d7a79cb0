"""Extras against brute force: they come with the bare package, at one version, or not at all."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockenv.resolve import Resolution, UnsolvableError, resolve
from tests.support.worlds import DEFAULT_ENVIRONMENT, Published, PythonWorld, roots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

World = dict[str, dict[str, Published]]

engine_settings = settings(
    max_examples=int(os.environ.get("LOCKENV_LONG", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

NAMES = ("a", "b", "c", "d")
VERSIONS = ("1.0", "2.0", "3.0")
EXTRAS = ("x", "y")
MARKERS = st.sampled_from(["", "", "", " ; sys_platform == 'linux'", " ; sys_platform == 'win32'"])


def asks(names: Sequence[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda name, extras, operator, version, marker: (
            f"{name}{extras}{operator}{version if operator else ''}{marker}"
        ),
        st.sampled_from(names),
        st.sampled_from(["", "", "[x]", "[y]", "[x,y]"]),
        st.sampled_from(["", "", "==", ">=", "<", "!="]),
        st.sampled_from(VERSIONS),
        MARKERS,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, list[str]]:
    """Up to four names of up to three versions, with extras that come and go."""
    names = NAMES[: draw(st.integers(1, 4))]
    some = st.lists(asks(names), max_size=2).map(tuple)
    packages: World = {}
    for name in names:
        packages[name] = {
            version: Published(
                requires=draw(some),
                extras=draw(st.dictionaries(st.sampled_from(EXTRAS), some)),
                python=draw(st.sampled_from(["", "", "", "", "<3.12"])),
                unreadable=draw(st.sampled_from(["", "", "", "", "", "cannot be read"])),
            )
            for version in VERSIONS[: draw(st.integers(1, 3))]
        }
    return packages, draw(st.lists(asks(names), min_size=1, max_size=3))


def holding(texts: Sequence[str]) -> list[Requirement]:
    """The requirements whose markers hold."""
    parsed = map(Requirement, texts)
    return [
        one
        for one in parsed
        if one.marker is None or one.marker.evaluate({**DEFAULT_ENVIRONMENT, "extra": ""})
    ]


def reached(packages: World, chosen: Mapping[str, str], asked: Sequence[str]) -> set[str] | None:
    """The names that the asks lead to with these versions; None where one of them fails."""
    waiting = holding(asked)
    seen: set[tuple[str, str]] = set()
    while waiting:
        ask = waiting.pop()
        version = chosen.get(ask.name)
        if version is None or not ask.specifier.contains(version):
            return None
        what = packages[ask.name][version]
        if what.unreadable or not SpecifierSet(what.python).contains("3.12.1"):
            return None
        for extra in {"", *ask.extras} - {key for name, key in seen if name == ask.name}:
            seen.add((ask.name, extra))
            if extra and extra not in what.extras:
                return None
            waiting += holding(what.extras[extra] if extra else what.requires)
    return {name for name, _ in seen}


def every_choice(packages: World) -> Iterator[dict[str, str]]:
    names = list(packages)
    for versions in product(*(packages[name] for name in names)):
        yield dict(zip(names, versions, strict=True))


def answer(packages: World, asked: Sequence[str]) -> Resolution | None:
    world = PythonWorld(packages)
    try:
        return resolve({"pypi": world}, roots(*world.asks(asked)))
    except UnsolvableError:
        return None


@engine_settings
@given(worlds())
def test_extras_have_an_answer_exactly_if_brute_force_finds_one(
    world: tuple[World, list[str]],
) -> None:
    packages, asked = world

    resolution = answer(packages, asked)

    possible = any(
        reached(packages, chosen, asked) is not None for chosen in every_choice(packages)
    )
    assert (resolution is not None) == possible
    if resolution is None:
        return
    pins: dict[str, str] = {}
    for identifier, pin in resolution.pins.items():
        # An extra and its package are one thing: they never have two versions.
        assert pins.setdefault(identifier.name, pin.version_text) == pin.version_text
    assert reached(packages, pins, asked) == set(pins)


@engine_settings
@given(worlds())
def test_one_ask_alone_gets_the_newest_version_that_has_an_answer(
    world: tuple[World, list[str]],
) -> None:
    packages, asked = world
    (first, *_) = asked
    resolution = answer(packages, [first])
    name = Requirement(first).name
    if resolution is None or not holding([first]):
        return

    (newest,) = {pin.version_text for key, pin in resolution.pins.items() if key.name == name}

    best = max(
        Version(chosen[name])
        for chosen in every_choice(packages)
        if reached(packages, chosen, [first]) is not None
    )
    assert Version(newest) == best
