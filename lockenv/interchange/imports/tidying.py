"""Of what a file says only what a manifest can hold; the rest is listed, not lost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from lockenv.manifest import parse_index_url
from lockenv.values import replace

if TYPE_CHECKING:
    from lockenv.interchange.imports.values import Imported

_PORT = re.compile(r"\d{1,5}(?:/(?:tcp|udp))?\Z")
_USER = re.compile(r"(?:[a-z_][a-z0-9_-]*|\d+)(?::(?:[a-z_0-9][a-z0-9_-]*))?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_GROUP = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_PYTHON = re.compile(r"3\.\d{1,2}(?:\.\d{1,3})?t?\Z")


def tidied(found: Imported) -> Imported:
    """The same value, after everything that no manifest could hold was moved to ``unmapped``."""
    for members in (found.dependencies, found.constraints, found.overrides):
        _keep_requirements(found, members)
    for table in (found.extras, found.groups):
        for name in list(table):
            _keep_requirements(found, table[name])
            if not table[name]:
                del table[name]  # it asks for nothing
            elif not _GROUP.match(name):
                found.lose(f"the group {name[:60]}", "this is no name for one")
                del table[name]
    _keep_indexes(found)
    _keep_python(found)
    _keep_image(found)
    return found


def _keep_requirements(found: Imported, members: list[str]) -> None:
    kept = []
    for member in members:
        try:
            Requirement(member)
        except (InvalidRequirement, RecursionError) as error:
            found.lose(member[:100], f"it is no requirement ({str(error).splitlines()[0][:100]})")
        else:
            kept.append(member)
    members[:] = kept


def _keep_indexes(found: Imported) -> None:
    """Folders become addresses; what is no index at all goes, with what was to come from it."""
    kept = []
    for index in found.indexes:
        url = f"file://{quote(index.url)}" if index.url.startswith("/") else index.url
        try:
            parse_index_url(url)
        except ValueError as error:
            found.lose(f"the index {index.url[:100]}", f"it is no address ({str(error)[:100]})")
        else:
            kept.append(replace(index, url=url))
    names = {index.name for index in kept}
    for package in list(found.sources):
        rules = [rule for rule in found.sources[package] if not rule.index or rule.index in names]
        if not rules:
            found.lose(f"the source of {package}", "its index has no address")
            del found.sources[package]
        else:
            found.sources[package] = rules
    found.indexes[:] = kept


def _keep_python(found: Imported) -> None:
    if found.python is not None and not _PYTHON.match(found.python):
        found.lose(f"Python {found.python[:40]}", "lockenv locks CPython 3")
        found.python = None
    if found.requires_python is not None:
        try:
            SpecifierSet(found.requires_python)
        except ValueError:
            found.lose(f"Python {found.requires_python[:80]}", "it is no condition of PEP 440")
            found.requires_python = None


def _keep_image(found: Imported) -> None:
    image = found.image
    ports = image.pop("ports", ())
    good = tuple(one for one in ports if _is_port(one)) if isinstance(ports, tuple) else ()
    for one in ports if isinstance(ports, tuple) else ():
        if one not in good:
            found.lose(f"the port {one[:40]}", "its number is not known here")
    if good:
        image["ports"] = tuple(dict.fromkeys(good))
    user = image.get("user")
    if isinstance(user, str) and not _USER.match(user):
        found.lose(f"the user {user[:40]}", "its name is not known here")
        del image["user"]
    for key in ("env", "labels"):
        table = image.get(key)
        if not isinstance(table, dict):
            continue
        bad = [name for name in table if key == "env" and not _VARIABLE.match(name)]
        for name in bad:
            found.lose(f"the variable {name[:40]}", "this is no name for one")
        kept = {name: value for name, value in table.items() if name not in bad}
        if kept:
            image[key] = kept
        else:
            del image[key]


def _is_port(text: str) -> bool:
    return bool(_PORT.match(text)) and 0 < int(text.partition("/")[0]) < 65536
