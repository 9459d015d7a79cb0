from __future__ import annotations

from dataclasses import replace

import pytest

from lockenv.lockfile import render_lock, supply_findings
from tests.support.locks import file, lock_of, package

TORCH = "https://download.pytorch.org/whl/cu128/"  # a table of ours knows it


def _codes(index: str, url: str, *declared: str) -> list[str]:
    asked = tuple(
        f"index {number:02d} name{number} {one}" for number, one in enumerate((index, *declared), 1)
    )
    wheel = replace(file("a-1.0-py3-none-any.whl"), url=url)
    lock = lock_of(
        replace(package("a"), index=index, wheels=(wheel,)),
        asked=("requirement project a", *asked),
    )
    lock = replace(
        lock,
        interpreters=tuple(
            replace(one, artifact=replace(one.artifact, url=None)) if one.artifact else one
            for one in lock.interpreters
        ),
    )
    return [finding.code for finding in supply_findings(lock, render_lock(lock))]


@pytest.mark.parametrize(
    ("index", "url"),
    [
        ("https://packages.example.com/simple/", "https://packages.example.com/a.whl"),
        ("https://packages.example.com/simple/", "https://files.example.com/a.whl"),
        ("https://packages.example.co.uk/simple/", "https://packages.example.co.uk/a.whl"),
        ("http://127.0.0.1:8080/simple/", "http://127.0.0.1:8080/a.whl"),
        (TORCH, f"{TORCH}a.whl"),
        (TORCH, "https://download-r2.pytorch.org/whl/cu128/a.whl"),
        (TORCH, "https://pypi.nvidia.com/a/a.whl"),
    ],
)
def test_an_index_keeps_files_at_its_own_places(index: str, url: str) -> None:
    assert _codes(index, url) == []


@pytest.mark.parametrize(
    ("index", "url"),
    [
        ("https://packages.example.com/simple/", "https://evil.example/a.whl"),
        ("https://packages.example.com/simple/", "http://packages.example.com/a.whl"),
        ("https://packages.example.com/simple/", "https://packages.example.com@evil.example/a.whl"),
        ("https://packages.example.com/simple/", "https://packages.example.com.evil.example/a.whl"),
        ("https://packages.example.com/simple/", "https://evil.example?@packages.example.com/a"),
        ("https://packages.example.com/simple/", "https://evil.example#@packages.example.com/a"),
        ("https://packages.example.com/simple/", "https://evil.example\\@packages.example.com/a"),
        ("https://mine.co.uk/simple/", "https://evil.co.uk/a.whl"),
        ("https://mine.github.io/simple/", "https://evil.github.io/a.whl"),
        ("http://127.0.0.1:8080/simple/", "http://127.0.0.2:8080/a.whl"),
        ("https://packages.example.com/simple/", "https://pypi.nvidia.com/a/a.whl"),
    ],
)
def test_no_other_place_is_taken_for_one(index: str, url: str) -> None:
    assert _codes(index, url) == ["LE804"]


def test_a_place_that_another_index_declares_is_none_of_a_stranger() -> None:
    index, url = "https://packages.example.com/simple/", "https://bucket.example.net/x/a.whl"

    assert _codes(index, url) == ["LE804"]
    assert _codes(index, url, "https://bucket.example.net/ explicit") == []
    assert _codes(index, url, "http://bucket.example.net/ explicit") == ["LE804"]
