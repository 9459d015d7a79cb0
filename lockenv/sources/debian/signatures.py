"""OpenPGP signatures of archives: which key of a keyring signed, and the text that it signed.

What is verified: at least one signature by a key of the keyring, over the returned text. Only that
text may be read: what stands around it in a file is anybody's. A key that has expired since counts
for the past alone (``as_of``), and only for signatures made before it expired; such files go to
gpgv, because the library takes no reference time.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from shutil import which

import pysequoia

from lockenv.errors import InputError, IntegrityError
from lockenv.values import dataclass

#: RFC 9580, 7.1; apt too accepts nothing before it.
_CLEAR_SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified text, and the fingerprint of the key that vouches for it (upper case)."""

    text: bytes
    signer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """OpenPGP certificates with a name for messages (a distribution, or the file they are from)."""

    name: str
    data: bytes

    def certificates(self) -> list[pysequoia.Cert]:
        """Its keys; InputError if it cannot be read."""
        try:
            certificates = pysequoia.Cert.split_bytes(self.data)
        except (RuntimeError, ValueError) as error:
            raise InputError(
                "bad-keyring",
                f"the keyring {self.name} cannot be read",
                why=(_first_line(error),),
                fix="signed-by must name a file of OpenPGP public keys",
            ) from None
        return list(certificates)


def _first_line(error: Exception) -> str:
    # The library appends a backtrace of its own.
    return str(error).split("\n", 1)[0]


def verify_signed(
    name: str, data: bytes, detached: bytes | None, keyring: Keyring, *, past: bool = False
) -> Signed:
    """The verified text of ``InRelease``, or of ``Release`` with ``detached`` (its ``.gpg``).

    ``name`` is the address, for messages. ``past`` accepts keys that have expired since.
    IntegrityError where no key of the keyring vouches for it.
    """
    asked: list[str] = []
    certificates = keyring.certificates()

    def known(identifiers: list[str]) -> list[pysequoia.Cert]:
        asked.extend(identifiers)
        return certificates

    if detached is None and not data.startswith(_CLEAR_SIGNED):
        raise IntegrityError(
            "bad-signature",
            f"{name} is not a clear-signed text",
            why=(f"it begins with {data[:40]!r}",),
            fix="do not use this archive until you know why",
        )
    try:
        if detached is None:
            result = pysequoia.verify(bytes=data, store=known)
            text = result.bytes
        else:
            signature = pysequoia.Sig.from_bytes(detached)
            result = pysequoia.verify(bytes=data, store=known, signature=signature)
            text = data
        signers = sorted(found.certificate.upper() for found in result.valid_sigs)
    except (RuntimeError, ValueError) as error:
        reason = _first_line(error)
    else:
        if signers and text is not None:
            return Signed(bytes(text), signers[0])
        reason = "no valid signatures found"
    if past or (detached is not None and len(asked) < 2):
        # The library reads the first of several detached signatures only.
        found = _gpgv(data, detached, keyring, past=past)
        if found is not None:
            return found
    owners = ", ".join(sorted(certificate.fingerprint.upper() for certificate in certificates))
    signed_by = ", ".join(identifier.upper() for identifier in asked) or "nobody"
    raise IntegrityError(
        "bad-signature",
        f"{name} is not signed by a key of the keyring {keyring.name}",
        why=(f"signed by {signed_by}", f"the keyring holds {owners}", reason),
        fix=(
            "do not use this archive until you know why",
            "if it is signed by another key, name its file in signed-by",
        ),
    )


def _gpgv(data: bytes, detached: bytes | None, keyring: Keyring, *, past: bool) -> Signed | None:
    program = which("gpgv")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="lockenv-") as folder:
        place = Path(folder)
        (place / "keyring.gpg").write_bytes(_binary(keyring.data))
        (place / "signed").write_bytes(data)
        command = [program, "--status-fd", "1", "--homedir", folder]
        command += ["--keyring", str(place / "keyring.gpg")]
        if detached is None:
            command += ["--output", str(place / "text"), str(place / "signed")]
        else:
            (place / "signature").write_bytes(detached)
            command += [str(place / "signature"), str(place / "signed")]
        ran = subprocess.run(command, capture_output=True, check=False, timeout=60)
        signer = _valid_signer(ran.stdout.decode("utf-8", "replace"), past=past)
        if signer is None:
            return None
        if detached is not None:
            return Signed(data, signer)
        text = place / "text"
        return Signed(text.read_bytes(), signer) if text.is_file() else None


def _binary(keyring: bytes) -> bytes:
    # gpgv reads no armour.
    if not keyring.lstrip().startswith(b"-----BEGIN"):
        return keyring
    return b"".join(bytes(found) for found in pysequoia.Cert.split_bytes(keyring))


def _valid_signer(status: str, *, past: bool) -> str | None:
    """The key that gpgv's status lines (DETAILS of GnuPG, section "status-fd") vouch for.

    A signature's lines begin with NEWSIG. Good ones say GOODSIG, or EXPKEYSIG where the key has
    expired since, and VALIDSIG with fingerprint and time; KEYEXPIRED tells when it expired.
    """
    signers = []
    for block in status.split("[GNUPG:] NEWSIG")[1:]:
        lines = [
            line.removeprefix("[GNUPG:] ").split()
            for line in block.splitlines()
            if line.startswith("[GNUPG:] ")
        ]
        facts = {words[0]: words[1:] for words in lines if words}
        valid = facts.get("VALIDSIG", [])
        if len(valid) < 3 or {"BADSIG", "ERRSIG", "REVKEYSIG", "EXPSIG"} & facts.keys():
            continue
        expired = facts.get("KEYEXPIRED", [])
        in_time = not expired or int(valid[2]) <= int(expired[0])
        if "GOODSIG" in facts or ("EXPKEYSIG" in facts and past and in_time):
            signers.append(valid[-1].upper())
    return min(signers, default=None)
