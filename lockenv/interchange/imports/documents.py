"""Reading other tools' documents: bounded, and with the file's name in every complaint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.fields import Fields, kind_of, parse_json, render_path
from lockenv.formats.toml import parse_toml
from lockenv.model import Index, Origin, SourceRule
from lockenv.tables.addresses import PYTHON_INDEX
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.interchange.imports.values import Imported

#: The largest lock that a tool is known to write has 10 MB; what is larger is no lock.
SIZE_LIMIT = 64 * 1024 * 1024
#: Documents written by hand: Dockerfiles, environments, lists.
SMALL_LIMIT = 1024 * 1024


def check_size(file: str, text: str, limit: int = SMALL_LIMIT) -> None:
    """InputError for a text that is larger than any file of its kind."""
    if len(text) > limit:
        raise InputError(
            "too-large",
            f"{file} has {len(text)} characters, more than any file of its kind",
            fix="name another file",
        )


def parse_toml_document(file: str, text: str) -> Fields:
    """The table of a TOML file; InputError with its line if it is none."""
    check_size(file, text, SIZE_LIMIT)
    return Fields(parse_toml(file, text))


def parse_json_document(file: str, text: str) -> Fields:
    """The object of a JSON file; InputError if it is none."""
    check_size(file, text, SIZE_LIMIT)
    try:
        document = parse_json(text)
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            "invalid-json",
            f"{file}{line} is no JSON",
            why=str(error)[:200],
            fix="make it again with its own tool",
        ) from error
    if not isinstance(document, dict):
        raise InputError(
            "invalid-json",
            f"{file} holds {kind_of(document)}, not an object",
            fix="make it again with its own tool",
        )
    return Fields(document)


def refuse_faults(file: str, fields: Fields) -> None:
    """InputError with what was found to be of another type than its tool writes."""
    if fields.faults:
        places = [
            f"{render_path(fault.path)}: {fault.message}" if fault.path else fault.message
            for fault in fields.faults[:5]
        ]
        raise InputError(
            "invalid-document",
            f"{file} is not what its tool writes",
            why=places,
            fix="make it again with that tool",
        )


def add_index(found: Imported, url: str, *, name: str = "", default: bool = False) -> str:
    """The name of the index at an address, added where it is new; without credentials."""
    bare, had_credentials = without_credentials(url)
    if had_credentials:
        found.lose(
            f"credentials of {bare}", "keep them in netrc, a keyring or LOCKENV_INDEX_<NAME>_TOKEN"
        )
    for index in found.indexes:
        if index.url.rstrip("/") == bare.rstrip("/"):
            return index.name
    taken = {index.name for index in found.indexes}
    stem = canonicalize_name(name) if name else _name_of(bare)
    chosen, count = stem, 2
    while chosen in taken:
        chosen, count = f"{stem}-{count}", count + 1
    found.indexes.append(Index(name=chosen, url=bare, default=default))
    return chosen


def take_from(found: Imported, names: Sequence[str], url: str) -> None:
    """Have packages come from the index that stood beside them, and nothing else from there."""
    if url.rstrip("/") == PYTHON_INDEX.rstrip("/"):
        return
    name = add_index(found, url)
    place = next(n for n, one in enumerate(found.indexes) if one.name == name)
    found.indexes[place] = replace(found.indexes[place], explicit=True)
    for package in names:
        rule = SourceRule(package=package, index=name, origin=Origin(found.file))
        found.sources.setdefault(package, [rule])


def requirement_name(text: str) -> str:
    """The normalised name at the beginning of a requirement; empty where there is none."""
    stem = "".join(one if one.isalnum() or one in "-_." else " " for one in text).split()
    return canonicalize_name(stem[0]) if stem and text[:1].isalnum() else ""


def without_credentials(url: str) -> tuple[str, bool]:
    """The address without a user and password, and whether there were any."""
    scheme, slashes, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    if slashes and "@" in place:
        return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}", True
    return url, False


def _name_of(url: str) -> str:
    """A short name for an index: the last telling word of its path, else its host's."""
    host, _, path = url.partition("://")[2].partition("/")
    words = [word for word in path.split("/") if word not in {"", "simple", "whl", "pypi"}]
    stem = words[-1] if words else host.partition(":")[0]
    return "".join(one if one.isalnum() else "-" for one in stem.lower()).strip("-") or "index"
