from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.search import attempt, failures
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from tests.fuzz.target import Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_sound_bytes_are_read(target: Target) -> None:
    for seed in target.seeds:
        assert attempt(target, seed) is None


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_broken_bytes_are_refused_as_documented(target: Target) -> None:
    found = [one.what for one in failures(target, seconds=5, most=300, seed=20260101)]

    assert found == []


#: Bytes that a search has found, each once met with a traceback.
_FOUND = [
    ("uv.lock", b'[[package]]\nname = "a"\nversion = "' + b"9" * 5000 + b'"\n'),
    ("poetry.lock", b'[[package]]\nname = "a"\nversion = "' + b"9" * 5000 + b'"\n'),
    ("Pipfile.lock", b'{"default": {"a": {"version": "==' + b"9" * 5000 + b'"}}}'),
    ("environment.yml", b"dependencies: ['python=3.1,<&']"),
    ("registry-logins", '{"auths": {"r": {"auth": "\xe9"}}}'.encode()),
    ("environment-state", b'{"format": 1, "site_packages": "\\ud800/site-packages"}'),
    ("registry-answer", b'401\nWWW-Authenticate: Bearer realm="https://a.example"\n\n{'),
    ("registry-answer", b'401\nWWW-Authenticate: Bearer realm="https://[a"\n\n{}'),
    ("registry-answer", b'401\nWWW-Authenticate: Bearer realm="https://a.example"\n\n[]'),
    ("registry-answer", b"200\nX-A: \xff\n\n{}"),
    ("registry-answer", b"200\nContent-Encoding: gzip\n\n{}"),
    ("git-address", b"git+http://[a"),
    ("http-answer", b"302\nLocation: http://[\n\n"),
    ("base-layer", b"\x1f\x8b\x08\0\0\0\0\0\0\xff]"),
    ("base-layer", b"\x1f\x8b\x07"),
]


@pytest.mark.parametrize(("name", "data"), _FOUND, ids=[name for name, _ in _FOUND])
def test_what_was_found_before_stays_mended(name: str, data: bytes) -> None:
    (target,) = (one for one in TARGETS if one.name == name)

    assert attempt(target, data) is None
