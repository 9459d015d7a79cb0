from __future__ import annotations

from dataclasses import replace

import pytest

from lockenv.lockfile import Asked, stale
from lockenv.model import Finding, Lock, Origin
from tests.support.locks import file, lock_of, package, small_lock

BASE = (
    "glibc 2.28",
    "platform linux-x86_64",
    "python 3.11",
    "requirement project torch>=2",
)
LOCK = lock_of(
    package("torch", "2.8.0", needs=("numpy>=1",)), package("numpy", "1.26.0"), asked=BASE
)


def _stale(*lines: str, lock: Lock = LOCK) -> list[Finding]:
    """What is found when these lines are asked of it, all of them in line 9."""
    asked = [Asked(line, Origin("pyproject.toml")) for line in lines]
    return stale(lock, {"gpu": asked}, lock.images, lambda _: 9)


def _with(old: str, *new: str) -> tuple[str, ...]:
    return (*(line for line in BASE if line != old), *new)


@pytest.mark.parametrize(
    "lines",
    [
        BASE,
        tuple(reversed(BASE)),
        _with("requirement project torch>=2", "requirement project torch<3,>=2.1"),
        _with("python 3.11", "python 3.11.7"),
        (*BASE, "constraint numpy<2"),
        (*BASE, "constraint unheard-of<2"),
        (*BASE, "override numpy>=1.20"),
        (*BASE, "exclude unheard-of"),
        (*BASE, "requires-python >=3.9"),
        (*BASE, "as-of 2027-01-01T23:59:59Z"),
        (*BASE, "prerelease deny"),
        (*BASE, "deny torch<2"),
        (*BASE, "allow numpy", "allow torch>=2"),
        (*BASE, "sdist torch allow"),
        (*BASE, "align require"),
    ],
)
def test_what_the_pins_still_answer_is_no_drift(lines: tuple[str, ...]) -> None:
    assert _stale(*lines) == []


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((*BASE, "requirement project rich"), "LE102"),
        ((*BASE, "requirement group:dev numpy"), "LE102"),
        (_with("requirement project torch>=2", "requirement project torch>=2.9"), "LE103"),
        (_with("requirement project torch>=2", "requirement project torch[gpu]>=2"), "LE103"),
        (_with("requirement project torch>=2"), "LE104"),
        ((*BASE, "index 01 pypi https://packages.example.com/simple/"), "LE106"),
        ((*BASE, "source torch index=cpu"), "LE106"),
        (_with("glibc 2.28", "glibc 2.31"), "LE107"),
        (_with("python 3.11", "python 3.12"), "LE107"),
        (_with("python 3.11", "python 3.11t"), "LE107"),
        ((*BASE, "requires-python >=3.12"), "LE107"),
        ((*BASE, "cuda driver 535"), "LE107"),
        ((*BASE, "system suite bookworm"), "LE110"),
        ((*BASE, "system package libgl1"), "LE110"),
        ((*BASE, "constraint numpy<1.26"), "LE112"),
        ((*BASE, "override numpy<1.26"), "LE112"),
        ((*BASE, "exclude numpy"), "LE112"),
        ((*BASE, "as-of 2025-01-01T23:59:59Z"), "LE112"),
        ((*BASE, "deny torch"), "LE112"),
        ((*BASE, "allow torch"), "LE112"),
        ((*BASE, "resolution lowest"), "LE112"),
        ((*BASE, "minimum-release-age 7 days"), "LE112"),
        ((*BASE, "base debian:bookworm"), "LE111"),
    ],
)
def test_what_the_lock_does_not_answer_has_its_code(lines: tuple[str, ...], code: str) -> None:
    assert {finding.code for finding in _stale(*lines)} == {code}


def test_a_finding_shows_both_sides_and_the_place() -> None:
    (finding,) = _stale(*_with("requirement project torch>=2", "requirement project torch>=2.9"))

    assert finding == Finding(
        code="LE103",
        message="lockenv.lock has torch 2.8.0, pyproject.toml:9 now asks for torch>=2.9",
        layer="manifest",
        target="gpu",
        package="torch",
        file="pyproject.toml",
        line=9,
        fix="lockenv lock",
    )


def test_targets_that_come_and_go_are_drift() -> None:
    findings = stale(LOCK, {"laptop": []}, (), lambda _: None)

    assert [finding.code for finding in findings] == ["LE105", "LE105"]
    assert [finding.target for finding in findings] == ["gpu", "laptop"]


def test_an_override_that_is_gone_counts_only_if_somebody_asks_otherwise() -> None:
    held = lock_of(
        package("torch", "2.8.0", needs=("numpy>=2",)),
        package("numpy", "1.26.0"),
        asked=(*BASE, "override numpy<2"),
    )

    assert [finding.code for finding in _stale(*BASE, lock=held)] == ["LE112"]
    assert _stale(*BASE, lock=lock_of(*LOCK.packages, asked=(*BASE, "override numpy<2"))) == []


def test_a_denied_sdist_is_drift_where_one_is_locked() -> None:
    wheel = package("torch", "2.8.0")
    built = replace(wheel, wheels=(), sdist=file("torch-2.8.0.tar.gz"))
    lock = lock_of(built, asked=(*BASE, "sdist allow"))

    assert [finding.code for finding in _stale(*BASE, lock=lock)] == ["LE112"]


def test_changed_image_settings_are_drift() -> None:
    lock = small_lock()
    asked = {name: [Asked(line) for line in lines] for name, lines in lock.request.items()}
    image = replace(lock.images[0], settings=("base scratch", "user root"))

    (finding,) = stale(lock, asked, (image,), lambda _: None)
    assert finding.code == "LE111"
    assert "user app" in finding.message
    assert "user root" in finding.message


def test_a_system_relation_that_the_pin_answers_is_no_drift() -> None:
    small = small_lock()
    before = (*small.request["gpu"], "system package libc6")
    lock = replace(small, request={"cpu": before, "gpu": before})

    def found(line: str) -> list[str]:
        asked = [Asked(item) for item in (*small.request["gpu"], line)]
        findings = stale(lock, {"cpu": asked, "gpu": asked}, lock.images, lambda _: None)
        return [finding.code for finding in findings]

    assert found("system package libc6 (>= 2.36)") == []
    assert found("system package libc6 (>= 2.37)") == ["LE110", "LE110"]
