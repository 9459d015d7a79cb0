"""A mirror is asked instead of the origin, and what it gives keeps its canonical address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.settings import Mirrors

MIRRORS = Mirrors(
    prefixes={
        "https://a.example": ("https://m.example/a", "file:///srv/a"),
        "https://a.example/deep": ("https://n.example",),
    }
)


@pytest.mark.parametrize(
    ("url", "candidates"),
    [
        ("https://a.example/x", ("https://m.example/a/x", "file:///srv/a/x")),
        ("https://A.Example/x", ("https://m.example/a/x", "file:///srv/a/x")),
        ("https://a.example", ("https://m.example/a", "file:///srv/a")),
        ("https://a.example/deep/y?z=1", ("https://n.example/y?z=1",)),
        ("https://a.example/deeper/y", ("https://m.example/a/deeper/y", "file:///srv/a/deeper/y")),
        ("https://a.example.org/x", ("https://a.example.org/x",)),
        ("http://a.example/x", ("http://a.example/x",)),
    ],
)
def test_the_longest_prefix_of_whole_parts_holds(url: str, candidates: tuple[str, ...]) -> None:
    assert MIRRORS.candidates(url) == candidates


def test_the_origin_is_asked_last_and_only_on_request() -> None:
    mirrors = Mirrors(prefixes={"https://a.example": ("https://m.example",)}, fallback=True)

    assert mirrors.candidates("https://a.example/x") == (
        "https://m.example/x",
        "https://a.example/x",
    )


def test_spares_stand_after_the_origin_and_not_without_it() -> None:
    spares = {"https://a.example": ("http://near.example/a",)}
    alone = Mirrors(spares=spares)
    said = {"https://a.example": ("https://m.example",)}

    assert alone.candidates("https://a.example/x") == (
        "https://a.example/x",
        "http://near.example/a/x",
    )
    assert alone.canonical("http://near.example/a/x") == "https://a.example/x"
    assert Mirrors(prefixes=said, spares=spares).candidates("https://a.example/x") == (
        "https://m.example/x",
    )


def test_an_address_of_no_mirror_is_its_own() -> None:
    assert MIRRORS.canonical("https://other.example/x") == "https://other.example/x"


def test_of_two_origins_of_one_mirror_the_first_by_name_is_canonical() -> None:
    mirrors = Mirrors(
        prefixes={
            "https://b.example": ("https://m.example",),
            "https://a.example": ("https://m.example",),
        }
    )

    assert mirrors.canonical("https://m.example/x") == "https://a.example/x"


@given(st.sampled_from(["", "/", "/x", "/deep", "/deep/y", "/deep/y#sha256=0"]))
def test_whatever_a_mirror_is_asked_leads_back(path: str) -> None:
    url = f"https://a.example{path}"

    assert {MIRRORS.canonical(candidate) for candidate in MIRRORS.candidates(url)} == {url}
