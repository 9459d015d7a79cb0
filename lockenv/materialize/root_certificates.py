"""The bundle of certificates without maintainer scripts: what update-ca-certificates(8) makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.formats.x509 import CertificateError, read_certificates, subject_hash

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE, _TARGET = "usr/share/ca-certificates", "etc/ssl/certs"


def bundle_certificates(root: Path) -> None:
    """One file of all certificates that packages bring, and the links that OpenSSL looks for."""
    source = root / _SOURCE
    if not source.is_dir():
        return
    target = root / _TARGET
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(
        path.relative_to(source).as_posix()
        for path in source.rglob("*.crt")
        if path.is_file() and not path.is_symlink()
    )
    bundle = b""
    for name in names:
        text = (source / name).read_bytes()
        bundle += text if text.endswith(b"\n") else text + b"\n"
        link = target / _pem_name(name)
        if not link.is_symlink():
            link.symlink_to(f"/{_SOURCE}/{name}")
        _link_by_hash(link, text)
    for place, content in (
        (target / "ca-certificates.crt", bundle),
        (root / "etc/ca-certificates.conf", "".join(f"{name}\n" for name in names).encode()),
    ):
        place.write_bytes(content)
        place.chmod(0o644)


def _pem_name(name: str) -> str:
    base = name.rpartition("/")[2].removesuffix(".crt")
    return re.sub("[()]", "=", re.sub("[ ,]", "_", base)) + ".pem"


def _link_by_hash(file: Path, text: bytes) -> None:
    """`HASH.0`, or the next number where another certificate has the same subject."""
    certificates = read_certificates(text)
    # What is no certificate, or holds several, cannot be found by a subject.
    if len(certificates) != 1:
        return
    try:
        digits = subject_hash(certificates[0])
    except CertificateError:
        return
    number = 0
    while (link := file.with_name(f"{digits}.{number}")).is_symlink():
        number += 1
    link.symlink_to(file.name)
