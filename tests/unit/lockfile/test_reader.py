from __future__ import annotations

import re

import pytest

from lockenv.errors import FaultsError, InputError, IntegrityError
from lockenv.lockfile import (
    decode_lock,
    inspect_lock,
    is_writable,
    parse_lock,
    render_lock,
    self_check,
    split_markers,
)
from lockenv.model import Lock
from tests.support.locks import small_lock

TEXT = render_lock(small_lock())


def test_a_missing_hash_is_an_integrity_error_and_a_finding() -> None:
    broken = re.sub(r", hashes = \{ [^}]* \}", "", TEXT, count=1)

    with pytest.raises(IntegrityError) as caught:
        parse_lock(broken)
    assert caught.value.status == 4
    assert caught.value.slug == "LE202"
    assert [item.code for item in inspect_lock(broken).findings] == ["LE202"]


def test_a_weak_hash_counts_as_none() -> None:
    inspection = inspect_lock(TEXT.replace("sha256 =", "md5 =", 1))

    assert [item.code for item in inspection.findings] == ["LE202"]


def test_all_faults_come_at_once_each_with_its_line() -> None:
    broken = TEXT.replace('name = "requests"', 'nmae = "requests"').replace(
        "size = 5000", 'size = "many"'
    )

    with pytest.raises(FaultsError) as caught:
        parse_lock(broken)
    assert caught.value.status == 2
    slugs = [fault.slug for fault in caught.value.faults]
    assert slugs.count("wrong-type") == 2
    assert "unknown-key" in slugs
    assert all(fault.what.startswith("lockenv.lock:") for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("good", "bad", "slug"),
    [
        ("requests-2.31.0-py3", "../requests-2.31.0-py3", "unsafe-path"),
        ("requests-2.31.0-py3-none-any.whl", "..", "unsafe-path"),
        ('path = "pool/', 'path = "/pool/', "unsafe-path"),
        ('path = "pool/', 'path = "pool/../../', "unsafe-path"),
        ("https://files.example.com/requests", "https://u:p@x.example.com/r", "credentials-in-url"),
        ("https://files.example.com/requests", "requests files", "invalid-url"),
        ('platform = "linux-x86_64"', 'platform = "linux-sparc"', "unknown-value"),
        ('lock-version = "1.0"', 'lock-version = "one"', "invalid"),
        ("2026-01-02T03:04:05Z", "2026-01-02", "wrong-type"),
    ],
)
def test_what_is_hostile_or_strange_is_refused(good: str, bad: str, slug: str) -> None:
    inspection = inspect_lock(TEXT.replace(good, bad, 1))

    assert inspection.lock is None
    assert slug in {getattr(fault, "slug", "") for fault in inspection.faults}


@pytest.mark.parametrize("text", [TEXT[:-400], "[" * 5000, 'lock-version = "1', "\x00"])
def test_what_is_no_toml_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_lock(text)
    assert caught.value.status == 2


def test_bytes_that_are_no_text_are_an_input_error_with_their_line() -> None:
    with pytest.raises(InputError, match=r"lockenv\.lock:2 is not UTF-8"):
        decode_lock(b"a = 1\n\xff")


def test_a_newer_minor_is_read_with_a_warning_and_never_written() -> None:
    inspection = inspect_lock(TEXT.replace("1.0", "1.1"))

    assert inspection.lock is not None
    assert [(item.code, item.severity) for item in inspection.findings] == [("LE108", "warning")]
    assert not is_writable(inspection.lock.version)
    with pytest.raises(InputError, match=r"format 1\.1"):
        render_lock(inspection.lock)


def test_a_newer_minor_may_hold_keys_that_nobody_knows_yet() -> None:
    newer = TEXT.replace("1.0", "1.7").replace('name = "cpu"', 'name = "cpu"\nnovel = 1', 1)

    assert parse_lock(newer).version == "1.7"


def test_only_the_first_line_of_a_newer_minor_must_agree() -> None:
    newer = TEXT.replace('lock-version = "1.0"', 'lock-version = "1.1"')

    assert [item.code for item in self_check(parse_lock(newer), newer)] == ["LE204"]


def test_a_newer_major_is_refused() -> None:
    inspection = inspect_lock(TEXT.replace("1.0", "2.0"))

    assert inspection.lock is None
    assert [(item.code, item.severity) for item in inspection.findings] == [("LE108", "error")]


def test_merge_markers_are_named_with_their_line() -> None:
    marked = TEXT.replace("[[packages]]", "<<<<<<< ours\n[[packages]]", 1)

    (finding,) = inspect_lock(marked).findings
    assert finding.code == "LE206"
    assert marked.splitlines()[(finding.line or 0) - 1] == "<<<<<<< ours"
    with pytest.raises(InputError) as caught:
        parse_lock(marked)
    assert caught.value.status == 2


def test_conflicts_are_taken_apart_with_and_without_their_base() -> None:
    two = "a\n<<<<<<< x\nb\n=======\nc\n>>>>>>> y\nd\n"
    three = "a\n<<<<<<< x\nb\n||||||| o\nz\n=======\nc\n>>>>>>> y\nd\n"

    assert split_markers(two) == ("a\nb\nd\n", "a\nc\nd\n", None)
    assert split_markers(three) == ("a\nb\nd\n", "a\nc\nd\n", "a\nz\nd\n")


@pytest.mark.parametrize("text", ["<<<<<<< x\n", "=======\n", "<<<<<<< x\n>>>>>>> y\n"])
def test_conflicts_that_do_not_pair_up_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"stands|end"):
        split_markers(text)


def test_an_entry_that_stands_twice_is_an_integrity_error() -> None:
    lock = small_lock()
    doubled = render_lock(
        Lock(
            targets=lock.targets,
            request=lock.request,
            interpreters=lock.interpreters,
            packages=(*lock.packages, lock.packages[1]),
        )
    )

    with pytest.raises(IntegrityError, match="twice") as caught:
        parse_lock(doubled)
    assert caught.value.slug == "LE203"
