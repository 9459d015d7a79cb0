from __future__ import annotations

import pytest

from tests.fuzz.search import attempt, failures
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_sound_bytes_are_read(target: Target) -> None:
    for seed in target.seeds:
        assert attempt(target, seed) is None


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_broken_bytes_are_refused_as_documented(target: Target) -> None:
    found = [one.what for one in failures(target, seconds=5, most=300, seed=20260101)]

    assert found == []
