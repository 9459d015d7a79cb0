"""How much is asked on big worlds: counts, not seconds, so that every machine agrees."""

from __future__ import annotations

import random

from lockenv.resolve import resolve
from tests.support.worlds import Published, PythonWorld


def _closure(names: int, versions: int) -> PythonWorld:
    """Names that each need four later ones, the newer the newer, some with an upper bound."""
    chance = random.Random(1)  # noqa: S311 - a fixed world, not a secret
    packages: dict[str, dict[str, Published]] = {}
    for place in range(names):
        later = range(place + 1, min(names, place + 40))
        packages[f"q{place}"] = {}
        for version in range(1, versions + 1):
            asks = []
            for other in sorted(chance.sample(later, min(4, len(later)))):
                low = max(1, version - chance.randint(0, 20))
                high = f",<={low + 25}" if chance.random() < 0.3 else ""
                asks.append(f"q{other}>={low}{high}")
            packages[f"q{place}"][str(version)] = Published(requires=tuple(asks))
    return PythonWorld(packages)


def _coupled(releases: int, compatible: int) -> PythonWorld:
    """Two names that release together; only the oldest bear the old version of a third."""
    together = [f"1.{number // 60}.{number % 60}" for number in range(releases)]
    return PythonWorld(
        {
            "boto3": {text: Published(requires=(f"botocore=={text}",)) for text in together},
            "botocore": {
                text: Published(
                    requires=("urllib3>=1.25.4,<1.27" if number >= compatible else "urllib3<1.26",)
                )
                for number, text in enumerate(together)
            },
            "urllib3": {
                f"1.{minor}.{patch}": Published() for minor in (24, 25, 26) for patch in range(9)
            },
        }
    )


def test_a_closure_of_six_hundred_asks_each_chosen_candidate_once() -> None:
    world = _closure(600, 12)

    resolution = resolve({"pypi": world}, world.roots(*(f"q{place}" for place in range(12))))

    assert len(resolution.pins) > 500
    assert len(world.asked) == len(resolution.pins)


def test_coupled_releases_are_walked_back_without_reading_one_twice() -> None:
    world = _coupled(400, 150)

    resolution = resolve({"pypi": world}, world.roots("boto3", "urllib3<1.25.4"))

    versions = {pin.identifier.name: pin.version_text for pin in resolution.pins.values()}
    assert versions == {"boto3": "1.2.29", "botocore": "1.2.29", "urllib3": "1.25.3"}
    assert len(world.asked) == 2 * 251 + 1
    assert resolution.rounds < 2 * 260
