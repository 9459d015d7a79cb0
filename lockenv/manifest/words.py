"""The small languages inside a manifest's strings; each parser answers or raises `ValueError`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from lockenv.patterns import pattern

_PYTHON = pattern(r"3\.(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})(?:(?:a|b|rc)\d{1,2})?)?t?")
_AGE = pattern(r"\s*(\d{1,5})\s*(hour|day|week)s?\s*")
_DATE = pattern(r"\d{4}-\d{2}-\d{2}")
_TIME = pattern(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_NAME = pattern(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LEVEL = pattern(r"[1-9]\d?\.\d{1,2}")
_PORT = pattern(r"(\d{1,5})(?:/(tcp|udp|sctp))?")
_VARIABLE = pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_DEBIAN_NAME = r"[a-z0-9][a-z0-9+.-]+"
#: One alternative of a relation (Debian Policy 7.1), or apt's ``name=version`` and ``name/suite``.
_ALTERNATIVE = pattern(
    rf"{_DEBIAN_NAME}(?::[a-z0-9-]+)?"
    r"(?:\s*\(\s*(?:<<|<=|=|>=|>>)\s*[A-Za-z0-9.+:~-]+\s*\)|=[A-Za-z0-9.+:~-]+|/[a-z0-9.-]+)?"
)

#: What a name in a target's dependencies may leave to the resolver.
PLACEHOLDERS = ("cuda.major",)
_PLACEHOLDER = pattern(r"\{([^{}]*)\}")


def parse_python(text: str) -> str:
    """An interpreter: ``3.11`` (any patch), ``3.11.7``, ``3.14.0rc1``, each also with ``t``."""
    if not _PYTHON.fullmatch(text):
        raise ValueError('write "3.11", "3.11.7" or, free-threaded, "3.13t"')
    return text


def parse_as_of(text: str) -> str:
    """The moment that an RFC 3339 date (its end) or time names, as ``2026-10-01T23:59:59Z``."""
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).strftime("%Y-%m-%dT23:59:59Z")
        found = _TIME.fullmatch(text)
        if found:
            offset = "+00:00" if found[3] in "Zz" else found[3]
            moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{offset}")
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such day or time") from error
    raise ValueError('write a date ("2026-10-01") or a time ("2026-10-01T12:00:00Z")')


def parse_age(text: str) -> timedelta:
    """How long ``7 days``, ``36 hours`` or ``2 weeks`` last."""
    found = _AGE.fullmatch(text)
    if not found:
        raise ValueError('write "7 days", "36 hours" or "2 weeks"')
    hours = {"hour": 1, "day": 24, "week": 168}[found[2]]
    return timedelta(hours=int(found[1]) * hours)


def parse_age_text(text: str) -> str:
    """An age in its one spelling: ``7 days``, ``1 day``."""
    parse_age(text)
    found = _AGE.fullmatch(text)
    count, unit = (int(found[1]), found[2]) if found else (0, "day")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def parse_name(text: str) -> str:
    """A Python project's name in its normalised form."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise ValueError("letters, digits, '-', '_' and '.' make a name") from error


def parse_label(text: str) -> str:
    """A name that users make up (target, index, environment): kept as written."""
    if not _NAME.fullmatch(text):
        raise ValueError("letters, digits, '-', '_' and '.' make a name")
    return text


def parse_version(text: str) -> str:
    """A version of PEP 440, kept as written."""
    try:
        Version(text)
    except ValueError as error:
        raise ValueError("PEP 440 has no such version") from error
    return text


def parse_specifiers(text: str) -> SpecifierSet:
    """A set of version specifiers (PEP 440)."""
    try:
        return SpecifierSet(text)
    except ValueError as error:
        raise ValueError('write specifiers as in ">=3.11,<4"') from error


def parse_bound(text: str) -> str:
    """Specifiers, or a bare release such as ``12.8`` that means ``12.8.*``; kept as written."""
    if not re.fullmatch(r"\d+(?:\.\d+)*", text):
        if not text.strip():
            raise ValueError('write specifiers as in ">=12.4,<13"')
        parse_specifiers(text)
    return text


def parse_level(text: str) -> str:
    """The version of a libc or of macOS: two numbers."""
    if not _LEVEL.fullmatch(text):
        raise ValueError('write two numbers, as in "2.28"')
    return text


def parse_port(text: str) -> str:
    """A port as OCI's image configuration has it: ``8080/tcp``."""
    found = _PORT.fullmatch(text)
    if not found or not 0 < int(found[1]) < 65536:
        raise ValueError('write "8080" or "8080/udp"')
    return f"{int(found[1])}/{found[2] or 'tcp'}"


def parse_variable(text: str) -> str:
    """The name of an environment variable (POSIX)."""
    if not _VARIABLE.fullmatch(text):
        raise ValueError("letters, digits and '_' make a variable's name")
    return text


def parse_relation(text: str) -> str:
    """A Debian relation, kept as written but for blanks around it."""
    for alternative in text.split("|"):
        if not _ALTERNATIVE.fullmatch(alternative.strip()):
            raise ValueError('write "name", "name (>= version)", "a | b" or "name:arch"')
    return text.strip()


def parse_requirement(text: str) -> Requirement:
    """A requirement (PEP 508); what is wrong with it, and a hint, stand in the complaint."""
    try:
        requirement = Requirement(text)
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{reason[:1].lower()}{reason[1:]}") from error
    if requirement.url:
        check_url(requirement.url)
    return requirement


def suggest_requirement(text: str) -> str:
    """What was probably meant by something that is no requirement: a fix for the user."""
    name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?)", text)
    rest = text[name.end() :].strip() if name else ""
    if name and re.fullmatch(r"=\s*[\w.]+", rest):
        return f'write "{name[1]}=={rest[1:].strip()}"'
    if name and re.fullmatch(r"\^\s*\d[\w.]*", rest):
        version = rest[1:].strip()
        return f'write "{name[1]}>={version},<{_next_breaking(version)}"'
    if name and re.fullmatch(r"~\s*\d[\w.]*", rest):
        return f'write "{name[1]}~={rest[1:].strip()}"'
    if name and re.fullmatch(r"\d[\w.]*", rest):
        return f'write "{name[1]}=={rest}"'
    return 'write a requirement as in "name>=1.2", "name[extra]" or "name @ https://…"'


def _next_breaking(version: str) -> str:
    """The upper bound that a caret means: the next change of the first number that is not zero."""
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    for place, number in enumerate(numbers):
        if number or place == len(numbers) - 1:
            return ".".join(map(str, [*numbers[:place], number + 1]))
    return "1"


def placeholders(text: str) -> tuple[str, ...]:
    """The names in braces of a target's dependency."""
    return tuple(_PLACEHOLDER.findall(text.partition(";")[0]))


def fill_placeholders(text: str, values: dict[str, str]) -> str:
    """The dependency with each ``{name}`` that has a value replaced by it."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def check_url(url: str) -> None:
    """Complain about an address that carries a password or a token (contract 2.4)."""
    try:
        parts = urlsplit(url.removeprefix("git+"))
    except ValueError as error:
        raise ValueError("it is no address") from error
    if parts.password is not None or (parts.username and parts.scheme in {"http", "https"}):
        raise CredentialsError("credentials stand in an address")


class CredentialsError(ValueError):
    """An address carries a user name, a password or a token."""


def redact(text: str) -> str:
    """The text with whatever stands before an ``@`` in an address replaced by stars."""
    return re.sub(r"(\w\+?://)[^/@\s]+@", r"\1***@", text)


def parse_index_url(text: str) -> str:
    """The address of an index: http, https or file, or a folder relative to the manifest."""
    check_url(text)
    parts = urlsplit(text)
    if parts.scheme in {"http", "https"}:
        if not parts.hostname:
            raise ValueError("it names no host")
        return urlunsplit(parts._replace(scheme=parts.scheme, netloc=parts.netloc.lower()))
    if parts.scheme == "file":
        return text
    if parts.scheme or not text or text.startswith("/"):
        raise ValueError("write an address (https://…) or a folder beside the manifest")
    return text
