from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import render_lock, self_check
from tests.support.locks import file, lock_of, package, small_lock

if TYPE_CHECKING:
    from lockenv.model import Lock

ASKED = ("requirement project a",)


def _codes(lock: Lock) -> list[str]:
    return [finding.code for finding in self_check(lock, render_lock(lock))]


def test_a_sound_lock_has_no_finding() -> None:
    assert _codes(lock_of(package("a", needs=("b",)), package("b"), asked=ASKED)) == []


@pytest.mark.parametrize(
    ("lock", "code"),
    [
        (lock_of(package("a", needs=("b",)), asked=ASKED), "LE201"),
        (lock_of(package("a"), package("stray"), asked=ASKED), "LE201"),
        (lock_of(package("a", groups=("seed",)), asked=ASKED), "LE201"),
        (lock_of(package("a", extras=("x",)), asked=ASKED), "LE201"),
        (lock_of(package("a", needs=("b>=2",)), package("b"), asked=ASKED), "LE207"),
        (lock_of(package("a"), asked=("requirement project a<1",)), "LE207"),
        (lock_of(package("a"), asked=(*ASKED, "constraint a<1")), "LE207"),
        (lock_of(replace(package("a"), requires_python=">=3.12"), asked=ASKED), "LE207"),
        (lock_of(replace(package("a"), version="2.0"), asked=ASKED), "LE201"),
        (
            lock_of(replace(package("a"), wheels=(file("b-1.0-py3-none-any.whl"),)), asked=ASKED),
            "LE201",
        ),
        (
            lock_of(
                replace(package("a"), wheels=(file("a-1.0-cp311-cp311-win_amd64.whl"),)),
                asked=ASKED,
            ),
            "LE207",
        ),
        (
            lock_of(
                replace(
                    package("a"), wheels=(file("a-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"),)
                ),
                asked=ASKED,
            ),
            "LE207",
        ),
        (replace(lock_of(package("a"), asked=ASKED), interpreters=()), "LE201"),
    ],
)
def test_each_contradiction_has_its_code(lock: Lock, code: str) -> None:
    assert _codes(lock) == [code]


def _with_request(lock: Lock, *lines: str) -> Lock:
    request = {name: tuple(sorted({*old, *lines})) for name, old in lock.request.items()}
    return replace(lock, request=request)


def _without(lock: Lock, kind: str, name: str = "") -> Lock:
    kept = tuple(one for one in getattr(lock, kind) if name and one.name != name)
    assert kept != getattr(lock, kind)
    return replace(lock, **{kind: kept})  # type: ignore[arg-type]  # a field by its name


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        (_without(small_lock(), "packages", "app"), "asks for the project itself"),
        (_without(small_lock(), "builds"), "app must be built, and its build is not locked"),
        (
            _without(_with_request(small_lock(), "system package libc6"), "system_packages"),
            "asks for the system package libc6",
        ),
        (
            _without(_with_request(small_lock(), "base debian:bookworm-slim"), "base_images"),
            "asks for the base image debian:bookworm-slim",
        ),
        (
            _without(
                _with_request(
                    small_lock(), "cuda components nvcc", "cuda sources nvcc=redistributable"
                ),
                "cuda_components",
            ),
            "asks for the CUDA component nvcc",
        ),
    ],
)
def test_a_lost_entry_that_is_asked_for_breaks_the_closure(lock: Lock, words: str) -> None:
    findings = self_check(lock, render_lock(lock))

    assert {finding.code for finding in findings} == {"LE201"}
    assert any(words in finding.message for finding in findings)
    assert all("which is not locked" in one.message or words in one.message for one in findings)


def test_what_a_base_image_brings_need_not_be_locked() -> None:
    lock = _with_request(small_lock(), "system package hello")

    found = self_check(lock, render_lock(lock))

    assert {finding.target for finding in found} == {"gpu"}  # cpu stands on a base image


def test_overrides_and_exclusions_replace_what_packages_ask() -> None:
    lock = lock_of(
        package("a", needs=("b>=2", "c")),
        package("b"),
        asked=(*ASKED, "override b<2", "exclude c"),
    )

    assert _codes(lock) == []


def test_two_entries_of_one_name_for_one_target_are_a_duplicate() -> None:
    lock = lock_of(package("a"), package("a", "2.0"), asked=ASKED)

    assert _codes(lock) == ["LE203"]


def test_a_hand_edit_is_seen_with_its_line() -> None:
    lock = lock_of(package("a", needs=("b>=0.1",)), package("b"), asked=ASKED)
    text = render_lock(lock).replace("b>=0.1", "b>=0.2")
    edited = replace(
        lock, packages=(replace(lock.packages[0], dependencies=("b>=0.2",)), lock.packages[1])
    )

    (finding,) = self_check(edited, text)
    assert finding.code == "LE204"
    assert text.splitlines()[(finding.line or 0) - 1].startswith("[[packages]] # ")


def test_a_system_package_needs_its_closure_and_its_archive() -> None:
    small = replace(small_lock(), base_images=())
    without = replace(small, system_packages=small.system_packages[:1])
    newer = replace(
        small,
        system_packages=(
            small.system_packages[0],
            replace(small.system_packages[1], relations={"Depends": "libc6 (>= 3)"}),
        ),
    )

    assert _codes(small) == []
    assert set(_codes(without)) == {"LE201"}
    assert set(_codes(newer)) == {"LE207"}
    assert set(_codes(replace(small, system_archives=()))) == {"LE201"}
