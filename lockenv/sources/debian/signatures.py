"""OpenPGP signatures of archives: which key of a keyring signed, and the text that it signed.

What is verified: at least one signature by a key of the keyring, made while the key was valid, over
the returned text. Only that text may be read: what stands around it in a file is anybody's. Of
several good signatures the lowest fingerprint is recorded, so that every machine records the same.
Where the OpenPGP library cannot be installed, gpgv answers.
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import tempfile
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError, IntegrityError
from lockenv.values import dataclass

try:
    import pysequoia
except ImportError:  # there is none for Windows
    _HAS_LIBRARY = False
else:
    _HAS_LIBRARY = True

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_SIGNATURE = "no valid signatures found"
#: RFC 9580, 7.1; apt too accepts nothing before it.
_CLEAR_SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
#: RFC 9580, 6.2: the lines around an armoured block, and one of its headers.
_BEGIN, _END = (
    re.compile(rb"-----BEGIN PGP [A-Z ]+-----"),
    re.compile(rb"-----END PGP [A-Z ]+-----"),
)
_HEADER = re.compile(rb"[^\s:]+: ")


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

    @property
    def binary(self) -> bytes:
        """Without armour."""
        return _dearmoured(self.data)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a verifier says: the signed text with its good signers, or who signed and why not."""

    text: bytes = b""
    signers: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    reason: str = _NO_SIGNATURE
    owners: tuple[str, ...] = ()


def verify_signed(name: str, data: bytes, detached: bytes | None, keyring: Keyring) -> Signed:
    """The verified text of ``InRelease``, or of ``Release`` with ``detached`` (its ``.gpg``).

    ``name`` is the address, for messages. The text of an ``InRelease`` is that of the ``Release``
    beside it, with its last line feed. IntegrityError where no key of the keyring vouches for it.
    """
    if detached is None and not data.startswith(_CLEAR_SIGNED):
        raise IntegrityError(
            "bad-signature",
            f"{name} is not a clear-signed text",
            why=(f"it begins with {data[:40]!r}",),
            fix="do not use this archive until you know why",
        )
    verify = _by_library if _HAS_LIBRARY else _gpgv
    verdict = verify(data, detached, keyring)
    if verdict.signers:
        return Signed(verdict.text, min(verdict.signers))
    raise IntegrityError(
        "bad-signature",
        f"{name} is not signed by a key of the keyring {keyring.name}",
        why=(
            f"signed by {', '.join(verdict.asked) or 'nobody'}",
            f"the keyring holds {', '.join(verdict.owners) or 'no keys'}",
            verdict.reason,
        ),
        fix=(
            "do not use this archive until you know why",
            "if it is signed by another key, name its file in signed-by",
        ),
    )


# -- the library ----------------------------------------------------------------------------------


def _by_library(data: bytes, detached: bytes | None, keyring: Keyring) -> _Verdict:
    asked: dict[str, None] = {}
    reason = ""
    try:
        certificates = list(pysequoia.Cert.split_bytes(keyring.data))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            "bad-keyring",
            f"the keyring {keyring.name} cannot be read",
            why=(_first_line(error),),
            fix="signed-by must name a file of OpenPGP public keys",
        ) from None

    def known(identifiers: list[str]) -> list[pysequoia.Cert]:
        asked.update(dict.fromkeys(identifier.upper() for identifier in identifiers))
        return certificates

    text, signers = data, []
    # The library reads only the first of several detached signatures: each is handed to it alone.
    for packet in [None] if detached is None else list(signature_packets(detached)):
        try:
            if packet is None:
                result = pysequoia.verify(bytes=data, store=known)
                text = bytes(result.bytes or b"")
                # RFC 9580, 7.1: the line end before the signature is not a part of the text.
                text += b"" if text.endswith(b"\n") else b"\n"
            else:
                signature = pysequoia.Sig.from_bytes(packet)
                result = pysequoia.verify(bytes=data, store=known, signature=signature)
            signers += [found.certificate.upper() for found in result.valid_sigs]
        except (RuntimeError, ValueError) as error:
            reason = _first_line(error)
    return _Verdict(
        text,
        tuple(signers),
        tuple(asked),
        reason or _NO_SIGNATURE,
        tuple(sorted(one.fingerprint.upper() for one in certificates)),
    )


def _first_line(error: Exception) -> str:
    # The library appends a backtrace of its own.
    return str(error).split("\n", 1)[0]


def _dearmoured(data: bytes) -> bytes:
    """The packets of all armoured blocks joined; what is not armoured as it is."""
    if not data.lstrip().startswith(b"-----BEGIN"):
        return data
    parts: list[bytes] = []
    block: list[bytes] | None = None
    for line in map(bytes.strip, data.splitlines()):
        if _BEGIN.fullmatch(line):
            block = []
        elif block is None:
            continue
        elif _END.fullmatch(line):
            # A checksum may end it; nobody needs to verify one (RFC 9580, 6.1).
            text = block[:-1] if block and block[-1].startswith(b"=") else block
            try:
                parts.append(base64.b64decode(b"".join(text), validate=True))
            except binascii.Error:
                return b""
            block = None
        elif block or not _HEADER.match(line):
            block.append(line)
    return b"".join(parts)


def signature_packets(data: bytes) -> Iterator[bytes]:
    """Each packet of a file of detached signatures (RFC 9580, 4.2), armoured or not."""
    rest = _dearmoured(data)
    while len(rest) > 1 and rest[0] & 0x80:
        if rest[0] & 0x40:  # the present format
            first = rest[1]
            if first < 192:
                head, length = 2, first
            elif first < 224:
                head, length = 3, ((first - 192) << 8) + (rest[2] if len(rest) > 2 else 0) + 192
            elif first == 255:
                head, length = 6, int.from_bytes(rest[2:6], "big")
            else:
                return  # signatures do not come in parts
        else:  # the format before RFC 4880
            octets = (1, 2, 4, 0)[rest[0] & 3]
            head, length = 1 + octets, int.from_bytes(rest[1 : 1 + octets], "big")
            length = length if octets else len(rest) - 1
        if head + length > len(rest):
            return
        yield rest[: head + length]
        rest = rest[head + length :]


# -- gpgv -----------------------------------------------------------------------------------------


def _gpgv(data: bytes, detached: bytes | None, keyring: Keyring) -> _Verdict:
    program = which("gpgv")
    if program is None:
        raise HostError(
            "no-openpgp",
            "nothing here can verify the signatures of archives",
            why=("neither the library pysequoia nor the program gpgv is there",),
            fix="install gpgv (GnuPG)",
        )
    with tempfile.TemporaryDirectory(prefix="lockenv-") as folder:
        place = Path(folder)
        (place / "keyring.gpg").write_bytes(keyring.binary)
        (place / "signed").write_bytes(data)
        command = [program, "--status-fd", "1", "--homedir", folder]
        command += ["--keyring", str(place / "keyring.gpg")]
        if detached is None:
            command += ["--output", str(place / "text"), str(place / "signed")]
        else:
            (place / "signature").write_bytes(_dearmoured(detached))
            command += [str(place / "signature"), str(place / "signed")]
        ran = subprocess.run(command, capture_output=True, check=False, timeout=60)
        status = ran.stdout.decode("utf-8", "replace")
        text = data
        if detached is None:
            text = (place / "text").read_bytes() if (place / "text").is_file() else b""
    return _Verdict(
        text,
        tuple(valid_signers(status)) if text else (),
        tuple(sorted(set(re.findall(r"^\[GNUPG:\] NO_PUBKEY (\w+)", status, re.MULTILINE)))),
    )


def valid_signers(status: str) -> list[str]:
    """The keys that gpgv's status lines (GnuPG's doc/DETAILS) vouch for.

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
        in_time = bool(expired) and int(valid[2]) <= int(expired[0])
        if "GOODSIG" in facts or ("EXPKEYSIG" in facts and in_time):
            signers.append(valid[-1].upper())
    return signers
