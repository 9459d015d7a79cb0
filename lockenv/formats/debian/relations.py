"""Relations between packages (Debian Policy 7.1), and the spellings of apt's command line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from lockenv.formats.debian.versions import is_version, version_fits
from lockenv.patterns import pattern


class Relation(NamedTuple):
    """One alternative: a name with what narrows it.

    A named tuple, not a dataclass: a lock makes thousands of these, and it is three times as quick.
    ``qualifier`` is what follows the name's colon (``any``, ``native``, an architecture).
    """

    name: str
    qualifier: str = ""
    operator: str = ""
    version: str = ""
    architectures: tuple[str, ...] = ()
    profiles: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        text = f"{self.name}:{self.qualifier}" if self.qualifier else self.name
        if self.operator:
            text += f" ({self.operator} {self.version})"
        if self.architectures:
            text += f" [{' '.join(self.architectures)}]"
        for profile in self.profiles:
            text += f" <{' '.join(profile)}>"
        return text

    def fits(self, version: str) -> bool:
        """Whether a version of the named thing answers it."""
        return not self.operator or version_fits(version, self.operator, self.version)

    def applies_to(self, architecture: str) -> bool:
        """Whether its list of architectures (if it has one) holds there."""
        if not self.architectures:
            return True
        negative = self.architectures[0].startswith("!")
        named = any(_covers(word.lstrip("!"), architecture) for word in self.architectures)
        return named != negative


#: Alternatives, any of which will do.
Alternatives: TypeAlias = tuple[Relation, ...]

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9+.\-_]*"
_RELATION = pattern(
    rf"\s*(?P<name>{_NAME})(?::(?P<qualifier>[a-z0-9\-]+))?"
    r"\s*(?:\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[^\s()]+)\s*\))?"
    r"\s*(?:\[(?P<architectures>[^\]]*)\])?"
    r"\s*(?P<profiles>(?:<[^<>]*>\s*)*)",
    re.ASCII,
)
_PROFILE = pattern(r"<([^<>]*)>")
_REQUEST = pattern(
    rf"(?P<name>{_NAME})(?::(?P<qualifier>[a-z0-9\-]+))?(?P<mark>[=/])(?P<value>\S+)", re.ASCII
)


def _covers(wildcard: str, architecture: str) -> bool:
    # Policy 11.1.1: `any`, `any-CPU` and `OS-any`; all that is locked for is Linux.
    return wildcard in {architecture, "any", "linux-any", f"any-{architecture}"}


def parse_relation(text: str) -> Relation:
    """One relation without alternatives; ValueError if it is none."""
    match = _RELATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a relation: {text.strip()[:100]!r}")
    name, qualifier, operator, version, architectures, profiles = match.groups()
    if version and not is_version(version):
        raise ValueError(f"not a version: {version[:100]!r}")
    return Relation(
        name,
        qualifier or "",
        operator or "",
        version or "",
        tuple(architectures.split()) if architectures else (),
        tuple(tuple(found.split()) for found in _PROFILE.findall(profiles)) if profiles else (),
    )


@lru_cache(maxsize=1 << 15)
def parse_relations(text: str) -> tuple[Alternatives, ...]:
    """A relation field: what stands between commas, each with its alternatives; ValueError."""
    return tuple(
        tuple([parse_relation(alternative) for alternative in part.split("|")])
        for part in text.split(",")
        if part and not part.isspace()
    )


def render_alternatives(alternatives: Alternatives) -> str:
    """As Debian writes it: ``a (>= 1) | b``."""
    return " | ".join(str(relation) for relation in alternatives)


class Request(NamedTuple):
    """One member of ``system.packages``: alternatives, or one name from a release.

    ``release`` is what followed the slash: a suite, codename or version number of a release.
    """

    alternatives: Alternatives
    release: str = ""

    def __str__(self) -> str:
        if self.release:
            return f"{self.alternatives[0]}/{self.release}"
        return render_alternatives(self.alternatives)


def parse_request(text: str) -> Request:
    """A relation, or apt's ``name=version`` and ``name/release``; ValueError if it is neither."""
    match = _REQUEST.fullmatch(text.strip())
    if match is None:
        groups = parse_relations(text)
        if len(groups) != 1:
            raise ValueError(f"not one relation: {text.strip()[:100]!r}")
        return Request(groups[0])
    value = match["value"]
    if match["mark"] == "/":
        return Request((Relation(match["name"], match["qualifier"] or ""),), value)
    if not is_version(value):
        raise ValueError(f"not a version: {value[:100]!r}")
    return Request((Relation(match["name"], match["qualifier"] or "", "=", value),))
