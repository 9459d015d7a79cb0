"""A machine's apt sources (sources.list(5)): both styles, as far as they say where archives are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.formats.debian.deb822 import parse_stanzas
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

#: ``deb [options] uri suite components``; a comment may follow.
_LINE = re.compile(r"\s*deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>[^\s#]+)(?P<rest>[^#]*)")
_NO = {"no", "false", "without", "off", "disable", "0"}


@dataclass(frozen=True, slots=True)
class AptSource:
    """One archive that apt reads: its address as written, its suites and components."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_sources_list(text: str) -> tuple[AptSource, ...]:
    """The one-line style; lines that mean no binary packages are passed over."""
    found = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is not None:
            found.append(AptSource(match["uri"], (match["suite"],), tuple(match["rest"].split())))
    return tuple(found)


def parse_sources(data: bytes) -> tuple[AptSource, ...]:
    """The deb822 style; stanzas that are switched off or mean no binary packages are left out."""
    return tuple(_of_stanzas(data))


def _of_stanzas(data: bytes) -> Iterator[AptSource]:
    for fields in parse_stanzas(data):
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in _NO:
            continue
        suites = tuple(fields.get("suites", "").split())
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            yield AptSource(uri, suites, components)


def parse_mirror_list(text: str) -> tuple[str, ...]:
    """The addresses of a file that ``mirror+file:`` names (apt-transport-mirror(1))."""
    lines = (line.split("#", 1)[0].split() for line in text.splitlines())
    return tuple(words[0] for words in lines if words)
