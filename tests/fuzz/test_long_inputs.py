"""Inputs that are long and say nothing: no parser takes longer than their length."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.fuzz.targets import TARGETS

_LONG = 120_000
#: What made one of them slow, or could: repeated to a length.
_REPEATED = [
    ("signature", b"-----BEGIN PGP SIGNATURE-----\n", b"\n"),
    ("signed", b"-----BEGIN PGP SIGNED MESSAGE-----\n-----BEGIN PGP SIGNATURE-----\n", b" "),
    ("page-html", b"", b"<a "),
    ("page-html", b"<base href='https://i.example/'>", b"<a href="),
    ("page-html", b"", b"<!--"),
    ("toml", b"", b"a."),
    ("sdist-pyproject", b"", b"a."),
    ("requirements", b"", b" "),
    ("requirements", b"a", b"\t"),
    ("cdi", b"a: b", b" "),
    ("environment.yml", b"", b"[a, "),
    ("Dockerfile", b"RUN ", b"a && "),
    ("compiled", b"", b"a==1 \\\n"),
    ("relations", b"", b"a (>= 1) | "),
    ("marker", b"", b"("),
    ("installed-record", b"", b'"'),
]


@pytest.mark.parametrize(("name", "start", "piece"), _REPEATED)
def test_long_inputs_take_no_longer_than_their_length(
    name: str, start: bytes, piece: bytes
) -> None:
    (target,) = (one for one in TARGETS if one.name == name)
    data = start + piece * (_LONG // len(piece))
    began = time.process_time()

    with contextlib.suppress(*target.refusals):
        target.parse(data)

    assert time.process_time() - began < 2.0
