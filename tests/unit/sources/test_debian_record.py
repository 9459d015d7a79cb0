"""What an index says of a package is looked at before a lock takes it over."""

from __future__ import annotations

import pytest

from lockenv.errors import IntegrityError
from lockenv.model import ArchiveState, Digest
from lockenv.sources.debian.record import entry_of
from lockenv.sources.debian.universe import Listed, Standing

STATE = ArchiveState(
    name="test",
    url="https://example.com/",
    suite="stable",
    release=Digest("sha256", "0" * 64),
    date="2026-01-01T00:00:00Z",
    signer="",
)
FIELDS = {
    "package": "a",
    "version": "1",
    "architecture": "amd64",
    "filename": "pool/a.deb",
    "size": "10",
    "sha256": "AB" * 32,
}


def test_a_whole_stanza_becomes_an_entry() -> None:
    entry = entry_of(Listed(FIELDS, Standing(state=STATE), "amd64"), recommends=False)

    assert (entry.path, entry.size, entry.digest.hex) == ("pool/a.deb", 10, "ab" * 32)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("filename", ""),
        ("filename", "pool/../../etc/passwd"),
        ("filename", "pool/\x1b[31m.deb"),
        ("filename", "pool/\ufffd.deb"),
        ("size", "ten"),
        ("size", "\u0663"),
        ("size", "9" * 40),
        ("sha256", "ab" * 31),
        ("sha256", "+" + "ab" * 31 + "a"),
        ("source", "a\x00"),
    ],
)
def test_what_cannot_be_a_package_is_the_archives_fault(name: str, text: str) -> None:
    listed = Listed(FIELDS | {name: text}, Standing(state=STATE), "amd64")

    with pytest.raises(IntegrityError, match="without a usable path, size and sha256"):
        entry_of(listed, recommends=False)
