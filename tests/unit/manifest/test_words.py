"""The small languages inside a manifest's strings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lockenv.manifest import fill_placeholders, parse_age, parse_as_of, parse_python


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01", "2026-10-01T23:59:59Z"),
        ("2026-10-01T12:00:00Z", "2026-10-01T12:00:00Z"),
        ("2026-10-01t12:00:00.987z", "2026-10-01T12:00:00Z"),
        ("2026-10-01 01:00:00+02:00", "2026-09-30T23:00:00Z"),
    ],
)
def test_as_of_is_a_moment_in_utc(text: str, moment: str) -> None:
    assert parse_as_of(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-10-01T25:00:00Z",
        "20261001",
        "0001-01-01T00:00:00+02:00",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write a date|no such day"):
        parse_as_of(text)


def test_ages_are_counted_in_hours_days_and_weeks() -> None:
    assert parse_age("7 days") == timedelta(days=7)
    assert parse_age("36 hours") == timedelta(hours=36)
    assert parse_age("2 weeks") == timedelta(weeks=2)
    assert parse_age("1day") == timedelta(days=1)
    with pytest.raises(ValueError, match="7 days"):
        parse_age("a while")


@pytest.mark.parametrize("text", ["3.11", "3.11.7", "3.13t", "3.14.0rc1", "3.13.1t"])
def test_an_interpreter_is_named_by_its_version(text: str) -> None:
    assert parse_python(text) == text


@pytest.mark.parametrize("text", ["3", "2.7", "3.11.*", ">=3.11", "3.11\n", "pypy3.10", "03.11"])
def test_what_is_no_interpreter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"3\.11"):
        parse_python(text)


def test_placeholders_are_filled_in() -> None:
    assert fill_placeholders("cupy-cuda{cuda.major}x>=13", {"cuda.major": "12"}) == (
        "cupy-cuda12x>=13"
    )
