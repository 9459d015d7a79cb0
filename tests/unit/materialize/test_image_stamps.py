from __future__ import annotations

import gzip
import time
from typing import TYPE_CHECKING

import pytest

from lockenv.materialize.image_stamps import secret_in, without_stamps

if TYPE_CHECKING:
    from collections.abc import Callable

#: 2026-11-28 21:43:00 to 21:44:00, and 2026-03-05 06:07:08.
WINDOW = (1795902180, 1795902240)
EPOCH = 1772690828


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (b"Sat Nov 28 21:43:07 2026 UTC", b"Thu Mar  5 06:07:08 2026 UTC"),
        (b"Sat Nov 28 21:43:07 UTC 2026", b"Thu Mar  5 06:07:08 UTC 2026"),
        (b"Sat, 28 Nov 2026 21:43:07 +0000", b"Thu, 05 Mar 2026 06:07:08 +0000"),
        (b"[28/Nov/2026:21:43:07 +0000]", b"[05/Mar/2026:06:07:08 +0000]"),
        (b"2026-11-28T21:43:07Z", b"2026-03-05T06:07:08Z"),
        (b"2026-11-28 21:43:07.123456", b"2026-03-05 06:07:08.0"),
        (b"2026/11/28 21:43", b"2026/03/05 06:07"),
        (b"createTimestamp: 20261128214307Z", b"createTimestamp: 20260305060708Z"),
        (b"made=1795902187;", b"made=1772690828;"),
        (b"made=1795902187123;", b"made=1772690828000;"),
    ],
)
def test_a_time_of_the_build_becomes_the_epoch(written: bytes, kept: bytes) -> None:
    assert without_stamps(b"# by us, " + written + b"\nx\n", WINDOW, EPOCH) == (
        b"# by us, " + kept + b"\nx\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"Sat Nov 28 21:42:59 2026",
        b"2026-11-28T21:44:01Z",
        b"2025-11-28T21:43:07Z",
        b"99-99-99 21:43 2026-13-45 21:43:07",
        b"31795902187 1795902187.5e3 17959021870",
        b"d41d1795902187d98f00 0020261128214307ff 20261128214307ab",
        b"2026-11-28",
        b"\x00 Sat Nov 28 21:43:07 2026",
        b"0000-00-00 00:00:00",
    ],
)
def test_every_other_text_stays_as_it_is(text: bytes) -> None:
    assert without_stamps(text, WINDOW, EPOCH) == text.replace(b"1795902187.5e3", b"1772690828.5e3")


def test_the_time_in_a_gzip_header_is_the_epoch_too() -> None:
    made, again = (gzip.compress(b"text", mtime=stamp) for stamp in (WINDOW[0] + 3, WINDOW[0] + 9))

    assert without_stamps(made, WINDOW, EPOCH) == without_stamps(again, WINDOW, EPOCH)
    assert gzip.decompress(without_stamps(made, WINDOW, EPOCH)) == b"text"
    old = gzip.compress(b"text", mtime=5)
    assert without_stamps(old, WINDOW, EPOCH) == old


def _certificate(openssl: Callable[..., bytes]) -> tuple[bytes, bytes]:
    key = openssl("genpkey", "-algorithm", "ed25519")
    return key, openssl("req", "-x509", "-key", "/dev/stdin", "-subj", "/CN=x", input=key)


def test_keys_and_their_certificates_are_known(openssl: Callable[..., bytes]) -> None:
    now = int(time.time())
    key, certificate = _certificate(openssl)

    assert "key" in (secret_in(key, (0, 0)) or "")
    assert "certificate" in (secret_in(certificate, (now - 60, now + 60)) or "")
    assert secret_in(certificate, WINDOW) is None
    assert (
        secret_in(b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n", WINDOW) is None
    )
    assert secret_in(b"a text about a PRIVATE KEY", WINDOW) is None


def test_parameters_found_by_chance_are_known(openssl: Callable[..., bytes]) -> None:
    # Any size will do, and a small one is found at once.
    parameters = openssl("dhparam", "-2", "512")

    assert "by chance" in (secret_in(parameters, WINDOW) or "")
    assert secret_in(b"how to write BEGIN DH PARAMETERS", WINDOW) is None


@pytest.fixture
def openssl() -> Callable[..., bytes]:
    import subprocess  # noqa: PLC0415 - for this fixture alone

    def call(*words: str, input: bytes = b"") -> bytes:  # noqa: A002 - as subprocess has it
        return subprocess.run(
            ["openssl", *words], input=input, capture_output=True, check=True
        ).stdout

    return call
