"""How much is asked on big worlds: counts, not seconds, so that every machine agrees."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from lockenv.resolve import Bounds, UnsolvableError, resolve
from tests.support.worlds import Published, PythonWorld, simple

if TYPE_CHECKING:
    from lockenv.resolve import Resolution


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


def _chosen(resolution: Resolution) -> dict[str, str]:
    return {pin.identifier.name: pin.version_text for pin in resolution.pins.values()}


def test_coupled_releases_are_walked_back_without_reading_one_twice() -> None:
    world = _coupled(400, 150)
    roots = world.roots("boto3", "urllib3<1.25.4")

    resolution = resolve({"pypi": world}, roots, bounds=Bounds(row=0))

    assert _chosen(resolution) == {"boto3": "1.2.29", "botocore": "1.2.29", "urllib3": "1.25.3"}
    assert len(world.asked) == 2 * 251 + 1
    assert resolution.rounds < 2 * 260


def test_a_long_row_of_coupled_releases_is_sampled_and_ends_at_the_same_answer() -> None:
    world = _coupled(1500, 700)

    resolution = resolve({"pypi": world}, world.roots("boto3", "urllib3<1.25.4"))

    assert _chosen(resolution) == {"boto3": "1.11.39", "botocore": "1.11.39", "urllib3": "1.25.3"}
    assert len(world.asked) < 100
    assert [note.split(" releases of ")[1] for note in resolution.notes] == [
        "boto3 were not read: those around them cannot be used",
        "botocore were not read: those around them cannot be used",
    ]


def test_a_refusal_never_rests_on_releases_that_were_not_read() -> None:
    """Release 40 forgot its bound: sampling misses it, and the whole row is read after all."""
    versions = {str(number): ["lib>=2"] for number in range(1, 100)}
    versions["40"] = []
    world = simple({"app": versions, "lib": {"1": [], "2": []}})

    resolution = resolve({"pypi": world}, world.roots("app", "lib<2"))

    assert _chosen(resolution) == {"app": "40", "lib": "1"}


def test_a_refusal_after_a_long_row_has_read_every_release() -> None:
    versions = {str(number): ["lib>=2"] for number in range(1, 100)}
    world = simple({"app": versions, "lib": {"1": [], "2": []}})

    with pytest.raises(UnsolvableError):
        resolve({"pypi": world}, world.roots("app", "lib<2"))

    assert sum(release.identifier.name == "app" for release in world.asked) == 99


def test_a_name_that_others_keep_from_its_best_versions_goes_before_them() -> None:
    """As boto3, released daily, and aiobotocore, which pins a recent one of its core."""
    daily = [f"1.{number}" for number in range(60)]
    world = simple(
        {
            "boto3": {text: [f"botocore=={text}"] for text in daily},
            "botocore": {text: [] for text in daily},
            "aiobotocore": {f"{number}": [f"botocore==1.{number}"] for number in range(50)}
            | {"0.1": []},
        }
    )

    resolution = resolve({"pypi": world}, world.roots("boto3", "aiobotocore"))

    assert _chosen(resolution) == {"boto3": "1.49", "botocore": "1.49", "aiobotocore": "49"}
