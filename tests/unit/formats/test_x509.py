from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockenv.formats.x509 import CertificateError, read_certificates, subject_hash

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.tools
SUBJECTS = (
    "/CN=plain",
    "/C=DE/O=  Two   Spaces  Ltd /CN=UPPER Case",
    "/C=HU/L=Budapest/O=NetLock Kft./OU=Tanúsítványkiadók/CN=Főtanúsítvány",
    "/DC=example/emailAddress=Me@Example.COM/CN=mixed\ttypes",
)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_has_the_hash_that_openssl_gives_it(tmp_path: Path, subject: str) -> None:
    file = tmp_path / "one.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-utf8", "-subj", subject, "-keyout", str(tmp_path / "key"), "-out", str(file)]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    asked = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(file)]
    expected = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()

    (certificate,) = read_certificates(file.read_bytes())

    assert re.fullmatch(r"[0-9a-f]{8}", expected)
    assert subject_hash(certificate) == expected


@pytest.mark.parametrize(
    "bytes_",
    [b"", b"0", b"\x30\x80", b"\x30\x85\1\1\1\1\1", b"\x30\x05\x30\x03\x02\x01", b"\x02\x01\x00"],
)
def test_what_is_no_certificate_is_refused(bytes_: bytes) -> None:
    with pytest.raises(CertificateError):
        subject_hash(bytes_)
