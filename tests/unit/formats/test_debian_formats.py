"""Debian's formats: versions, relations, control stanzas, Release files, compressions."""

from __future__ import annotations

import io
from itertools import combinations

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.debian import (
    Relation,
    Request,
    compare_versions,
    decompressed,
    parse_date,
    parse_relations,
    parse_release,
    parse_request,
    parse_stanza,
    parse_stanzas,
    render_alternatives,
    stanza_spans,
    version_fits,
)
from tests.support.debian_archive import compressed

# Each is older than the next (Debian Policy 5.6.12 and its examples, dpkg's own tests).
ASCENDING = [
    "0~~",
    "0~~a",
    "0~",
    "0",
    "0a",
    "0+",
    "0.1",
    "1.0~beta1~svn1245",
    "1.0~beta1",
    "1.0",
    "1.0-0.1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-1+deb12u1",
    "1.0-1.1",
    "1.0-2",
    "1.0-10",
    "1.0a-1",
    "1.0+dfsg-1",
    "1.0.1-1",
    "1.10-1",
    "1:0.1-1",
    "1:1.0-1~bpo12+1",
    "1:1.0-1",
    "2:0",
]


def test_versions_stand_in_policys_order() -> None:
    for older, newer in combinations(ASCENDING, 2):
        assert compare_versions(older, newer) == -1, (older, newer)
        assert compare_versions(newer, older) == 1, (older, newer)


@pytest.mark.parametrize(("one", "other"), [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1")])
def test_versions_that_differ_in_spelling_alone_are_equal(one: str, other: str) -> None:
    assert compare_versions(one, other) == 0


@pytest.mark.parametrize(
    ("operator", "fitting"),
    [("<<", "-"), ("<=", "-="), ("=", "="), (">=", "=+"), (">>", "+"), ("<", "-="), (">", "=+")],
)
def test_operators_mean_what_policy_says(operator: str, fitting: str) -> None:
    versions = {"-": "1.0~rc1", "=": "1.0", "+": "1.0+b1"}
    for mark, version in versions.items():
        assert version_fits(version, operator, "1.0") == (mark in fitting)


def test_a_relation_field_keeps_order_alternatives_and_narrowings() -> None:
    text = "libc6 (>= 2.36),\n python3:any (<< 3.12) | a [amd64 !i386] <!nocheck> <cross x>, b:i386"

    groups = parse_relations(text)

    assert groups == (
        (Relation("libc6", "", ">=", "2.36"),),
        (
            Relation("python3", "any", "<<", "3.12"),
            Relation("a", "", "", "", ("amd64", "!i386"), (("!nocheck",), ("cross", "x"))),
        ),
        (Relation("b", "i386"),),
    )
    assert render_alternatives(groups[1]) == (
        "python3:any (<< 3.12) | a [amd64 !i386] <!nocheck> <cross x>"
    )


@pytest.mark.parametrize(
    "text", ["a b", "a (1.0)", "a (>= )", "(>= 1)", "a |", "a (>= 1.0 2)", "ä"]
)
def test_what_is_no_relation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a "):
        parse_relations(text)


@pytest.mark.parametrize(
    ("text", "architecture", "applies"),
    [
        ("a", "amd64", True),
        ("a [arm64 amd64]", "amd64", True),
        ("a [arm64]", "amd64", False),
        ("a [!arm64]", "amd64", True),
        ("a [!amd64]", "amd64", False),
        ("a [linux-any]", "arm64", True),
        ("a [any-arm64]", "arm64", True),
    ],
)
def test_lists_of_architectures_hold_or_not(text: str, architecture: str, applies: bool) -> None:  # noqa: FBT001 - a table
    ((relation,),) = parse_relations(text)

    assert relation.applies_to(architecture) is applies


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("curl", Request((Relation("curl"),))),
        ("curl=7.88-1", Request((Relation("curl", "", "=", "7.88-1"),))),
        ("curl:i386=7.88-1", Request((Relation("curl", "i386", "=", "7.88-1"),))),
        ("git/bookworm-backports", Request((Relation("git"),), "bookworm-backports")),
        ("a (>= 1) | b", Request((Relation("a", "", ">=", "1"), Relation("b")))),
    ],
)
def test_requests_take_relations_and_the_spellings_of_apt(text: str, request_: Request) -> None:
    assert parse_request(text) == request_


@pytest.mark.parametrize("text", ["", "a, b", "a=", "a=1 2", "a/"])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_request(text)


def test_stanzas_are_found_by_their_spans_and_read_into_fields() -> None:
    data = b"\n\nPackage: a\nDescription: one\n two\n .\n three\n\n\nPackage: b\nX-Y:z\n"

    pieces = [data[start:stop] for start, stop in stanza_spans(data)]

    assert [parse_stanza(piece) for piece in pieces] == [
        {"package": "a", "description": "one\n two\n .\n three"},
        {"package": "b", "x-y": "z"},
    ]
    assert list(parse_stanzas(data)) == [parse_stanza(piece) for piece in pieces]


RELEASE = b"""Origin: Debian
Label: Debian
Suite: oldstable
Codename: bookworm
Version: 12.9
Date: Sat, 11 Jan 2025 09:02:39 UTC
Valid-Until: Sat, 18 Jan 2025 09:02:39 UTC
Acquire-By-Hash: yes
NotAutomatic: yes
ButAutomaticUpgrades: yes
Architectures: all amd64 arm64
No-Support-for-Architecture-all: Packages
Components: main contrib
MD5Sum:
 7fdf4db15250af5368cc52a91e8edbce   738242 contrib/Contents-all
SHA256:
 3957f28db16e3f28c7b34ae84f1c929c567de6970f3f1b95dac9b498dd80fe63   738242 contrib/Contents-all
"""


def test_a_release_says_what_it_lists_and_when() -> None:
    release = parse_release(RELEASE)

    assert (release.date, release.valid_until) == ("2025-01-11T09:02:39Z", "2025-01-18T09:02:39Z")
    assert (release.codename, release.suite, release.version) == ("bookworm", "oldstable", "12.9")
    assert release.components == ("main", "contrib")
    assert release.acquire_by_hash
    assert release.not_automatic
    assert release.automatic_upgrades
    assert not release.packages_for_all
    assert release.files["contrib/Contents-all"].size == 738242


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"SHA256:", b"SHA512:"),
        (b"Date: Sat, 11", b"Date: Sat, 41"),
        (b"UTC\nValid", b"CET\nValid"),
        (b"3957f", b"zz57f"),
        (b"738242 contrib/Contents-all\n", b"-1 contrib/Contents-all\n"),
        (b"Suite:", b"\nSuite:"),
    ],
)
def test_a_malformed_release_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_release(RELEASE.replace(old, new))


def test_dates_do_not_depend_on_names_of_days() -> None:
    assert parse_date("01 Feb 2026 1:02:03 GMT") == "2026-02-01T01:02:03Z"


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst", ""])
def test_compressed_bytes_come_out_whole_and_within_the_limit(ending: str) -> None:
    plain = b"Package: a\n" * 5000
    packed = compressed(plain, ending)

    assert b"".join(decompressed(io.BytesIO(packed), ending, "x", limit=len(plain))) == plain
    with pytest.raises(IntegrityError, match="cannot be decompressed"):
        list(decompressed(io.BytesIO(packed), ending, "x", limit=len(plain) - 1))


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
def test_files_of_several_members_are_one(ending: str) -> None:
    packed = compressed(b"one", ending) + compressed(b"two", ending)

    assert b"".join(decompressed(io.BytesIO(packed), ending, "x", limit=9)) == b"onetwo"


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_truncated_files_are_refused(ending: str) -> None:
    packed = compressed(b"Package: a\n" * 5000, ending)[:-3]

    with pytest.raises(IntegrityError, match="cannot be decompressed"):
        list(decompressed(io.BytesIO(packed), ending, "x", limit=1 << 20))


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
def test_a_small_file_that_means_gigabytes_is_read_in_small_pieces(ending: str) -> None:
    packed = compressed(bytes(64 << 20), ending)

    pieces = decompressed(io.BytesIO(packed), ending, "Packages", limit=1 << 30)

    assert max(map(len, pieces)) <= 1 << 20
