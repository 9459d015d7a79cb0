"""The hash of a certificate's subject, by which OpenSSL finds it in a folder (openssl-rehash(1)).

SHA-1 over the canonical form of the name: each text as UTF-8 in lower case, without white space at
its ends and with one space for several; without the length of the whole (X.690; OpenSSL's
``X509_NAME_hash_ex``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LABEL = rb"(?:TRUSTED |X509 )?CERTIFICATE-----"
_PEM = re.compile(rb"-----BEGIN " + _LABEL + rb"(.+?)-----END " + _LABEL, re.DOTALL)
_SEQUENCE, _SET, _UTF8, _EXPLICIT = 0x30, 0x31, 0x0C, 0xA0
#: The types of text that are made UTF-8, with how each is read.
_TEXTS = {
    _UTF8: "utf-8",
    0x13: "latin-1",  # PrintableString
    0x14: "latin-1",  # T61String, as OpenSSL reads it
    0x16: "latin-1",  # IA5String
    0x1A: "latin-1",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
#: More than four bytes of length do not occur in what is smaller than 4 GiB.
_LONGEST = 4


class CertificateError(ValueError):
    """The bytes are no certificate."""


def read_certificates(text: bytes) -> list[bytes]:
    """The certificates of a PEM file as DER (RFC 7468); those that are no base64 are left out."""
    found = []
    for match in _PEM.finditer(text):
        try:
            found.append(base64.b64decode(b"".join(match[1].split()), validate=True))
        except binascii.Error:
            continue
    return found


def subject_hash(certificate: bytes) -> str:
    """The eight digits that the subject of a certificate is found by; CertificateError for none."""
    fields = list(_members(_inside(_inside(certificate, _SEQUENCE), _SEQUENCE)))
    # A version may stand first; then serial number, algorithm, issuer, validity, subject.
    place = 5 if fields and fields[0][0] == _EXPLICIT else 4
    if len(fields) <= place or fields[place][0] != _SEQUENCE:
        raise CertificateError("it has no subject")
    canonical = b"".join(_part(tag, value) for tag, value in _members(fields[place][1]))
    digest = hashlib.sha1(canonical).digest()  # noqa: S324  a name, nothing is protected by it
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _part(tag: int, value: bytes) -> bytes:
    """A relative name: a set of pairs of a type and a text."""
    if tag != _SET:
        raise CertificateError("its subject is no name")
    pairs = []
    for _, pair in _members(value):
        kind, text = [*_members(pair), (0, b""), (0, b"")][:2]
        pairs.append(_encode(_SEQUENCE, _encode(*kind) + _encode(*_canonical(*text))))
    return _encode(_SET, b"".join(sorted(pairs)))


def _canonical(tag: int, value: bytes) -> tuple[int, bytes]:
    if tag not in _TEXTS:
        return tag, value
    try:
        text = value.decode(_TEXTS[tag])
    except UnicodeDecodeError:
        raise CertificateError("a text of its subject cannot be read") from None
    # Only what ASCII calls letters and white space counts.
    plain = re.sub(r"[ \t\n\v\f\r]+", " ", text).strip(" ").encode()
    return _UTF8, plain.lower()


def _inside(data: bytes, tag: int) -> bytes:
    """The content of the first value, which must be of a type."""
    found = next(_members(data), None)
    if found is None or found[0] != tag:
        raise CertificateError("it does not begin as a certificate does")
    return found[1]


def _members(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The values that stand one after another, each with its type."""
    place = 0
    while place < len(data):
        tag, start, end = _span(data, place)
        yield tag, data[start:end]
        place = end


def _span(data: bytes, place: int) -> tuple[int, int, int]:
    if len(data) < place + 2:
        raise CertificateError("it ends too early")
    tag, length = data[place], data[place + 1]
    start = place + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= _LONGEST or len(data) < start + count:
            raise CertificateError("a length in it is not one")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise CertificateError("it ends too early")
    return tag, start, start + length


def _encode(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 0x80:
        return bytes((tag, length)) + value
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + value
