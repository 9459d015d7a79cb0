"""Image references, as Docker's distribution reads them: ``[HOST[:PORT]/]NAME[:TAG][@DIGEST]``."""

from __future__ import annotations

import re

from lockenv.values import dataclass

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where an image is: registry, repository, and its tag or digest (or both)."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        text = f"{self.registry}/{self.repository}"
        text += f":{self.tag}" if self.tag else ""
        return text + (f"@{self.digest}" if self.digest else "")

    @property
    def version(self) -> str:
        """What a registry's manifests are asked for by: the digest if there is one, or the tag."""
        return self.digest or self.tag or "latest"


def parse_reference(text: str, default_registry: str) -> Reference:
    """The reference, with the default registry, its ``library/`` and the tag ``latest`` filled in.

    ValueError if it is none.
    """
    rest, at, digits = text.partition("@")
    digest = digits if at else None
    first, slash, after = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, name = first, after
    else:
        host, name = default_registry, rest
    name, colon, tag = name.partition(":")
    if host == default_registry and "/" not in name:
        name = f"library/{name}"
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise ValueError(f"not a sha256 digest: {digits!r}")
    if not (_HOST.fullmatch(host) and _NAME.fullmatch(name) and (not colon or _TAG.fullmatch(tag))):
        raise ValueError(f"not an image reference: {text!r}")
    if not colon and digest is None:
        tag = "latest"
    return Reference(registry=host, repository=name, tag=tag or None, digest=digest)
