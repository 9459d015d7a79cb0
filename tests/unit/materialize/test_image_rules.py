from __future__ import annotations

import hashlib
import struct

import pytest

from lockenv.formats.tar import Entry
from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.materialize.image_rules import RULES, owned, rewriter, rule_for, timed
from lockenv.materialize.root_scan import difference, portable_capability, whiteouts


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("etc/machine-id", "empty"),
        ("etc/ssh/ssh_host_ed25519_key", "drop"),
        ("etc/ssh/ssh_host_ed25519_key.pub", "drop"),
        ("etc/ssh/sshd_config", None),
        ("var/log/dpkg.log", "drop"),
        ("var/log/btmp", None),
        ("var/lib/dpkg/status", None),
        ("var/lib/dpkg/status-old", "drop"),
        ("etc/passwd-", "drop"),
        ("usr/bin/run/tmp/file", None),
        ("tmp/file", "drop-new"),
        ("var/lib/texmf/ls-R", "listing"),
        ("var/lib/texmf/fmtutil.cnf-TEXLIVEDIST", "sorted-lines"),
        ("var/lib/postgresql", "shipped"),
        ("var/lib/postgresql/15/main/PG_VERSION", "drop-new"),
        ("etc/postgresql/15", "drop-new"),
        ("etc/postgresql", None),
        ("etc/ldap/slapd.d/cn=config.ldif", "drop-new"),
        ("var/lib/mysql", None),
        ("var/lib/mysql/ibdata1", "drop-new"),
        ("etc/bind/rndc.key", "drop-new"),
        ("etc/shadowsocks-libev/config.json", "drop-new"),
        ("var/lib/ucf/registry", "sorted-lines"),
        ("var/lib/ucf/registry.7", "drop"),
        ("var/lib/ucf/hashfile", "sorted-lines"),
        ("var/lib/ucf/cache/:etc:registry.7", None),
    ],
)
def test_a_path_falls_under_its_rule(path: str, action: str | None) -> None:
    rule = rule_for(path)

    assert (rule.action if rule else None) == action


def test_every_rule_gives_its_reason() -> None:
    assert all(rule.reason and not rule.reason.endswith(".") for rule in RULES)


def test_listings_are_sorted() -> None:
    rewrite = rewriter(rule_for("var/lib/texmf/ls-R"))
    assert rewrite is not None

    text = rewrite(b"% head\n\n./b:\nz\na\n\n./a:\ny\nx\n")

    assert text == b"% head\n\n./a:\nx\ny\n\n./b:\na\nz\n"


def test_lines_below_the_head_are_sorted() -> None:
    rewrite = rewriter(rule_for("var/lib/texmf/updmap.cfg-DEBIAN"))
    assert rewrite is not None

    assert rewrite(b"# by\n# us\nMap b\nMap a\n# c\n") == b"# by\n# us\n# c\nMap a\nMap b\n"


@pytest.mark.parametrize(
    ("name", "first", "second", "head", "tail"),
    [
        (
            "language.dat",
            b"german loadhyph-de-1901.tex\n",
            b"ngerman-x-2022 dehyphn.tex\n=ngerman-x-latest\n",
            b"% us\nenglish hyphen.tex % first\n=usenglish\n% more\nnone zero.tex % empty\n",
            b"",
        ),
        (
            "language.def",
            b"\\addlanguage{german}{loadhyph-de-1901.tex}{}{2}{2}\n",
            b"\\addlanguage{russian}{loadhyph-ru.tex}{}{2}{2}\n",
            b"%% e-TeX V2.0;2\n\\addlanguage {USenglish}{hyphen}{}{2}{3} %%% first\n\n",
            b"\n\\uselanguage {USenglish}\n",
        ),
        (
            "language.dat.lua",
            b"  ['german'] = {\n    loader = 'x.tex',\n    hyphenation = '',\n  },\n",
            b"  ['russian'] = {\n    loader = 'a.tex',\n  },\n",
            b"-- us\n--[[\nz text\na text\n]]\nreturn {\n\t['english']={\n\t},\n-- END\n",
            b"}",
        ),
    ],
)
def test_the_languages_of_tex_are_sorted(
    name: str, first: bytes, second: bytes, head: bytes, tail: bytes
) -> None:
    rewrite = rewriter(rule_for(f"var/lib/texmf/tex/generic/config/{name}"))
    assert rewrite is not None

    assert rewrite(head + second + first + tail) == head + first + second + tail
    assert rewrite(head + first + second + tail) == head + first + second + tail


def _keystore(*entries: tuple[bytes, int]) -> bytes:
    body = struct.pack(">III", 0xFEEDFEED, 2, len(entries))
    for alias, time in entries:
        body += struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">Q", time)
        body += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", 4) + b"cert"
    key = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
    return body + hashlib.sha1(key + body, usedforsecurity=False).digest()


def test_a_keystore_loses_its_dates_and_stays_whole() -> None:
    rewrite = rewriter(rule_for("etc/ssl/certs/java/cacerts"))
    assert rewrite is not None

    one = rewrite(_keystore((b"b", 1_700_000_000_000), (b"a", 1_700_000_000_111)))
    other = rewrite(_keystore((b"a", 1_800_000_000_000), (b"b", 1_800_000_000_111)))

    assert one == other == _keystore((b"a", CONSTANT_TIME * 1000), (b"b", CONSTANT_TIME * 1000))


def test_what_is_no_keystore_is_left_alone() -> None:
    rewrite = rewriter(rule_for("etc/ssl/certs/java/cacerts"))
    assert rewrite is not None

    assert rewrite(b"PKCS12 or so" * 10) == b"PKCS12 or so" * 10


def test_directories_have_one_time_and_files_are_clamped() -> None:
    assert timed(Entry(path="d", kind="directory", mtime=5), 10).mtime == CONSTANT_TIME
    assert timed(Entry(path="f", mtime=5), 10).mtime == 5
    assert timed(Entry(path="f", mtime=50), 10).mtime == 10


def test_the_shadow_files_belong_to_their_group() -> None:
    assert owned(Entry(path="etc/shadow")).gid == 42
    assert owned(Entry(path="etc/passwd")).gid == 0


def test_a_namespaced_capability_becomes_a_plain_one() -> None:
    plain = bytes.fromhex("0100000200200000000000000000000000000000")
    namespaced = bytes.fromhex("0100000300200000000000000000000000000000e8030000")

    assert portable_capability(namespaced) == plain
    assert portable_capability(plain) == plain


def _tree(*entries: Entry) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


def test_a_difference_holds_what_changed_and_marks_what_went() -> None:
    before = _tree(
        Entry(path="d", kind="directory"), Entry(path="d/gone"), Entry(path="same", digest="1")
    )
    after = _tree(Entry(path="same", digest="1"), Entry(path="new", digest="2"))

    found = difference(before, after)

    assert [entry.path for entry in found.members] == ["new"]
    assert [entry.path for entry in whiteouts(found.removed)] == [".wh.d"]


def test_which_of_two_names_is_the_file_is_no_difference() -> None:
    before = _tree(Entry(path="b", digest="1"), Entry(path="a", kind="hardlink", target="b"))
    after = _tree(Entry(path="a", digest="1"), Entry(path="b", kind="hardlink", target="a"))

    assert difference(before, after).members == ()


def test_names_of_a_changed_file_stay_together() -> None:
    before = _tree(Entry(path="a", digest="1"), Entry(path="b", kind="hardlink", target="a"))
    after = _tree(Entry(path="a", digest="2"), Entry(path="b", kind="hardlink", target="a"))

    assert [entry.path for entry in difference(before, after).members] == ["a", "b"]
