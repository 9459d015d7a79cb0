"""Mirrors: an address is asked somewhere else, and what comes back keeps its canonical name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrors:
    """Address prefixes, each with the addresses to ask instead, in order.

    A prefix covers whole parts of a path: ``https://a.example/x`` covers ``…/x/y``, not ``…/xy``.
    Of several that cover an address the longest holds. The origin itself is asked, and last, only
    with ``fallback``. ``spares`` are asked after the origin, where that is asked at all: they are
    what the machine itself knows, and the user did not say. Both sides are as `parse_prefix` gives
    them.
    """

    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fallback: bool = False
    spares: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def candidates(self, url: str) -> tuple[str, ...]:
        """The addresses to try for a canonical one, in order; never empty."""
        prefix = _covering(self.prefixes, url)
        if prefix is None:
            return (url, *self._spare(url))
        rest = _rest(prefix, url)
        mirrored = tuple(mirror + rest for mirror in self.prefixes[prefix])
        return (*mirrored, url, *self._spare(url)) if self.fallback else mirrored

    def _spare(self, url: str) -> tuple[str, ...]:
        prefix = _covering(self.spares, url) if self.spares else None
        if prefix is None:
            return ()
        return tuple(spare + _rest(prefix, url) for spare in self.spares[prefix])

    def canonical(self, url: str) -> str:
        """The canonical address of one that a mirror gave; itself where no mirror covers it."""
        origins = {
            mirror: prefix
            # Where two origins share a mirror, the first by name: the answer must not wander.
            for prefix, mirrors in sorted(
                (*self.spares.items(), *self.prefixes.items()), reverse=True
            )
            for mirror in mirrors
        }
        mirror = _covering(origins, url)
        return url if mirror is None else origins[mirror] + _rest(mirror, url)


def parse_prefix(text: str) -> str:
    """An address as prefixes are compared: scheme and host in lower case, no slash at its end.

    Raises `ValueError` for what is no http, https or file address, or carries credentials.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https", "file"} or (
        parts.scheme != "file" and not parts.hostname
    ):
        raise ValueError("write an http, https or file address")
    if parts.query or parts.fragment:
        raise ValueError("a prefix has no ? and no #")
    if "@" in parts.netloc:
        raise ValueError("keep credentials in netrc")
    return _normalised(text).rstrip("/")


def _normalised(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # no address at all: whoever asks for it will say so
    return urlunsplit(parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()))


def _covering(prefixes: Mapping[str, object], url: str) -> str | None:
    comparable = _normalised(url)
    covering = [
        prefix
        for prefix in prefixes
        if comparable.startswith(prefix) and comparable[len(prefix) :][:1] in {"", "/", "?"}
    ]
    return max(covering, key=len, default=None)


def _rest(prefix: str, url: str) -> str:
    return _normalised(url)[len(prefix) :]
