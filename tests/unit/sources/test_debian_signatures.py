"""Signatures of archives: what vouches for a text, by the library and by gpgv alike."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import InputError, IntegrityError
from lockenv.sources.debian import Keyring, verify_signed
from lockenv.sources.debian.signatures import _gpgv, signature_packets, valid_signers
from tests.support.debian_archive import signing_key

if TYPE_CHECKING:
    from pathlib import Path

FINGERPRINT = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"
#: Signed at 1700000000; the key expired at the time that is filled in (GnuPG's doc/DETAILS).
EXPIRED = """[GNUPG:] NEWSIG
[GNUPG:] KEYEXPIRED {expired}
[GNUPG:] KEY_CONSIDERED {fingerprint} 0
[GNUPG:] SIG_ID abc 2023-11-14 1700000000
[GNUPG:] EXPKEYSIG B7C5D7D6350947F8 Test
[GNUPG:] VALIDSIG {fingerprint} 2023-11-14 1700000000 0 4 0 1 10 00 {fingerprint}
"""


def test_an_expired_key_vouches_for_what_it_signed_in_time() -> None:
    in_time = EXPIRED.format(expired=1700000001, fingerprint=FINGERPRINT)
    too_late = EXPIRED.format(expired=1699999999, fingerprint=FINGERPRINT)

    assert valid_signers(in_time) == [FINGERPRINT]
    assert valid_signers(too_late) == []


@pytest.mark.parametrize("word", ["BADSIG", "ERRSIG", "REVKEYSIG", "EXPSIG"])
def test_bad_signatures_vouch_for_nothing(word: str) -> None:
    status = EXPIRED.format(expired=1700000001, fingerprint=FINGERPRINT)

    assert valid_signers(status.replace("EXPKEYSIG", word)) == []


def test_a_good_signature_among_unknown_ones_is_enough() -> None:
    status = (
        "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG 1234 1 10 00 1700000000 9 -\n[GNUPG:] NO_PUBKEY 1234\n"
        + EXPIRED.replace("EXPKEYSIG", "GOODSIG")
        .replace("[GNUPG:] KEYEXPIRED {expired}\n", "")
        .format(fingerprint=FINGERPRINT)
    )

    assert valid_signers(status) == [FINGERPRINT]


def test_a_file_that_holds_no_keys_is_no_keyring() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        verify_signed(
            "x", b"-----BEGIN PGP SIGNED MESSAGE-----\n", None, Keyring(name="k", data=b"no key")
        )


def test_only_the_signed_text_comes_back_and_all_of_it() -> None:
    key = signing_key("archive")
    text = b"Origin: Test\n- dash\n"

    signed = verify_signed("x", key.clear_signed(text), None, Keyring(name="k", data=key.public))

    assert signed.text == text
    assert signed.signer == key.fingerprint


def test_one_of_several_detached_signatures_is_enough() -> None:
    known, unknown = signing_key("archive"), signing_key("somebody-else")
    text = b"Origin: Test\n"
    signatures = unknown.detached(text) + known.detached(text)

    signed = verify_signed("x", text, signatures, Keyring(name="k", data=known.public))

    assert len(list(signature_packets(signatures))) == 2
    assert signed.signer == known.fingerprint


@pytest.mark.tools
@pytest.mark.skipif(
    shutil.which("gpg") is None or shutil.which("gpgv") is None, reason="needs gpg and gpgv"
)
def test_gpgv_and_the_library_agree_on_a_release_of_the_past(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)

    def gpg(*arguments: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode"]
        command += ["loopback", "--passphrase", "", "--faked-system-time", "20200101T000000"]
        return subprocess.run(
            [*command, *arguments], check=True, input=data, capture_output=True
        ).stdout

    gpg("--quick-generate-key", "old@example.com", "ed25519", "sign", "1y")
    keyring = Keyring(name="old", data=gpg("--export"))
    text = b"Origin: Old\n"
    inline, detached = gpg("--clear-sign", data=text), gpg("--detach-sign", data=text)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)

    # The key has expired since, which takes nothing from what it signed before.
    for one in (
        verify_signed("x", inline, None, keyring),
        verify_signed("x", text, detached, keyring),
        _gpgv(inline, None, keyring),
        _gpgv(text, detached, keyring),
    ):
        assert one.text == text
    assert _gpgv(inline, None, keyring).signers == (
        verify_signed("x", inline, None, keyring).signer,
    )
    assert not _gpgv(text + b"more", detached, keyring).signers
    with pytest.raises(IntegrityError, match="is not signed by a key"):
        verify_signed("x", text + b"more", detached, keyring)
