from __future__ import annotations

import pytest

from lockenv.fetch.freshness import LONGEST, fresh_for, pause_asked


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 600),
        ({"cache-control": "max-age=600, public"}, 600),
        ({"cache-control": "public, MAX-AGE=30"}, 30),
        ({"cache-control": 'max-age="30"'}, 30),
        ({"cache-control": "max-age=30", "age": "10"}, 20),
        ({"cache-control": "max-age=30", "age": "50"}, 0),
        ({"cache-control": "max-age=31536000, immutable"}, LONGEST),
        ({"cache-control": "max-age=" + "9" * 400}, LONGEST),
        ({"cache-control": "max-age=-1"}, 600),
        ({"cache-control": "no-store, max-age=30"}, 0),
        ({"cache-control": "no-cache"}, 0),
    ],
)
def test_freshness_follows_cache_control(headers: dict[str, str], seconds: float) -> None:
    assert fresh_for(headers) == seconds


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        (None, None),
        ("", None),
        ("12", 12),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, pause: float | None) -> None:
    assert pause_asked(value, now=40.0) == pause
