"""A content hash: algorithm and hexadecimal digits."""

from __future__ import annotations

from lockenv.values import dataclass

_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """Written ``sha256:…``, lower-case digits, as OCI writes digests."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @property
    def is_strong(self) -> bool:
        """Whether a match proves the content: sha256 and up."""
        return self.algorithm in {"sha256", "sha384", "sha512"}


def parse_digest(text: str) -> Digest:
    """The digest that ``algorithm:hex`` names; ValueError if it is none."""
    algorithm, _, digits = text.partition(":")
    digits = digits.lower()
    if len(digits) != _LENGTHS.get(algorithm) or not _HEX.issuperset(digits):
        raise ValueError(f"not a digest: {text[:100]!r}")
    return Digest(algorithm, digits)


def sha256(digits: str) -> Digest:
    """The sha256 digest with these digits; ValueError if they are none."""
    return parse_digest(f"sha256:{digits}")
