"""Single values of a lock, read with suspicion: names, paths, addresses, times, hashes, files.

Each function answers with a harmless default after a complaint, as `lockenv.fields` does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lockenv.model import Artifact, Digest, parse_digest
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from lockenv.fields import Fields

#: The digest that stands in where a fault was found; no lock with a fault is ever used.
NO_DIGEST = Digest("sha256", "0" * 64)

#: A normalised project name (PEP 503); with dots and plus signs, a Debian package's.
PYTHON_NAME = pattern(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
SYSTEM_NAME = pattern(r"[a-z0-9][a-z0-9+.-]*\Z")
#: Versions end up in file names and messages: no slash, no blank.
PYTHON_VERSION = pattern(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*\Z")
SYSTEM_VERSION = pattern(r"[A-Za-z0-9][A-Za-z0-9.+:~-]*\Z")
WORD = pattern(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
_FILE_NAME = pattern(r"[!-.0-\[\]-~]{1,255}\Z")
_PATH = pattern(r"[ -\[\]-~\u00a0-\U0010ffff]{1,4096}\Z")
#: ``scheme://rest`` or ``file:path``; no blank, no control character, no backslash.
_URL = pattern(r"(?:[a-z][a-z0-9+.-]*://|file:)[!-\[\]-~]+\Z")
_CREDENTIALS = pattern(r"[a-z][a-z0-9+.-]*://[^/@]*:[^/@]*@|https?://[^/@]*@")
_STRONG = frozenset({"sha256", "sha384", "sha512"})
_ARTIFACT_KEYS = frozenset({"name", "url", "upload-time", "size", "hashes", "targets"})


def matching(fields: Fields, key: str, pattern: re.Pattern[str], words: str) -> str:
    """A string that must be there and have a shape."""
    text = fields.required_text(key)
    if text and not pattern.match(text):
        fields.complain(f'{key} is "{text[:100]}", which is not {words}', key)
        return ""
    if fields.has(key) and text == "" and isinstance(fields.raw(key), str):
        fields.complain(f"{key} must not be empty", key)
    return text


def optional(fields: Fields, key: str, pattern: re.Pattern[str], words: str) -> str | None:
    """A string that may be absent but must then have a shape."""
    return matching(fields, key, pattern, words) if fields.has(key) else None


def address(fields: Fields, key: str) -> str | None:
    """An address without credentials, or None where there is none."""
    url = fields.text(key)
    if url is None:
        return None
    if not _URL.match(url):
        fields.complain(f"{key} is not an address", key, slug="invalid-url")
        return None
    if _CREDENTIALS.match(url):
        fields.complain(
            f"{key} holds credentials",
            key,
            fix="remove them; they belong into netrc, the keyring or a variable",
            slug="credentials-in-url",
        )
        return None
    return url


def relative_path(fields: Fields, key: str, *, upwards: bool = False) -> str | None:
    """A relative path with ``/``, or None where absent; ``..`` at its start only, if at all."""
    path = fields.text(key)
    if path is None:
        return None
    parts = path.split("/")
    if upwards:
        while parts[:1] == [".."]:
            parts = parts[1:]
    inside = parts if parts != ["."] or not upwards else []
    drive = re.match(r"[A-Za-z]:", path) is not None
    if not _PATH.match(path) or drive or (inside and not set(inside).isdisjoint({"", ".", ".."})):
        fields.complain(f"{key} is not a safe relative path", key, slug="unsafe-path")
        return None
    return path


def moment(fields: Fields, key: str) -> str | None:
    """A TOML date-time with its offset, as RFC 3339 in UTC in whole seconds; None where absent."""
    raw = fields.raw(key)
    if raw is None:
        return None
    if not isinstance(raw, datetime) or raw.tzinfo is None:
        fields.complain(f"{key} must be a date-time with its offset", key, slug="wrong-type")
        return None
    try:
        return raw.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    except OverflowError:
        fields.complain(f"{key} is out of range", key)
        return None


def digest(fields: Fields, key: str) -> Digest:
    """A digest written ``sha256:…`` that must be there."""
    return optional_digest(fields, key) or _missing(fields, key)


def optional_digest(fields: Fields, key: str) -> Digest | None:
    """A strong digest written ``sha256:…``, or None where there is none."""
    if not fields.has(key):
        return None
    found = fields.parsed(key, parse_digest, "a digest")
    if found is not None and not found.is_strong:
        fields.complain(f"{key} is only {found.algorithm}", key, slug="LE202")
    return found or NO_DIGEST


def _missing(fields: Fields, key: str) -> Digest:
    fields.complain(f"{key} is missing", slug="LE202")
    return NO_DIGEST


def hashes(fields: Fields) -> Digest:
    """The one strong hash of ``hashes = { sha256 = "…" }``; none, or only a weak one, is LE202."""
    table = fields.text_table("hashes")
    name = fields.raw("name")
    named = f" of {name}" if isinstance(name, str) else ""
    strong = sorted(_STRONG & set(table))
    if not strong:
        weak = f"the hash{named} is only {', '.join(sorted(table))}"
        fields.complain(weak if table else f"the hash{named} is missing", slug="LE202")
        return NO_DIGEST
    if len(table) != 1:
        fields.complain(f"there are {len(table)} hashes{named}, not one", "hashes")
    try:
        return parse_digest(f"{strong[0]}:{table[strong[0]]}")
    except ValueError:
        fields.complain(f"{strong[0]}{named} is not a hash", "hashes", strong[0])
        return NO_DIGEST


def artifact(
    fields: Fields, targets: tuple[str, ...] = (), also: frozenset[str] = frozenset()
) -> Artifact:
    """A file; where it names no targets it serves all of its entry's."""
    fields.reject_unknown(_ARTIFACT_KEYS | also)
    name = fields.required_text("name")
    if fields.has("name") and (not _FILE_NAME.match(name) or name in {".", ".."}):
        fields.complain("name is not a file name", "name", slug="unsafe-path")
        name = ""
    return Artifact(
        name=name,
        digest=hashes(fields),
        size=fields.size("size"),
        url=address(fields, "url"),
        upload_time=moment(fields, "upload-time"),
        targets=fields.texts("targets") or targets,
    )


def digests(fields: Fields, key: str) -> tuple[Digest, ...]:
    """A list of digests written ``sha256:…``."""
    found = []
    for number, text in fields.numbered_texts(key):
        try:
            found.append(parse_digest(text))
        except ValueError as error:
            fields.complain(str(error), key, number)
    return tuple(found)
