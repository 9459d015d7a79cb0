"""How `lockenv.manifest.edits` does it: tomlkit, which keeps comments, order and format."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tomlkit.items import Array, InlineTable

from lockenv.errors import InputError
from lockenv.fields import nearest
from lockenv.formats.toml import parse_toml
from lockenv.manifest.sections import with_key
from lockenv.manifest.where import Where
from lockenv.manifest.words import (
    PLACEHOLDERS,
    CredentialsError,
    fill_placeholders,
    parse_name,
    parse_relation,
    parse_requirement,
    suggest_requirement,
)
from lockenv.model import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tomlkit import TOMLDocument

Holder: TypeAlias = "MutableMapping[str, object]"

#: Any number will do to see which name a placeholder stands in.
_ANY = dict.fromkeys(PLACEHOLDERS, "12")


#: What a first system package is taken from; written into the manifest, to be changed there.
FIRST_SUITE = "bookworm"


def add_requirement(text: str, file: str, requirement: str, where: Where) -> str:
    """The manifest with the requirement in its place."""
    requirement = _checked(requirement, where)
    document = _document(file, _prepared(text, file, where))
    array = _array(document, file, where, make=True)
    former = [str(member) for member in array]
    place = _same(array, requirement, where)
    if place is not None:
        array[place] = requirement
        return _rendered(document, file, text)
    if not array and not _is_inline(document, file, where):
        array.multiline(multiline=True)
    place = _place(array, requirement)
    array.insert(place, requirement)
    edited = _rendered(document, file, text)
    if place == len(former) and _members(edited, file, where) != [*former, requirement]:
        # A comment ends the last line of several members: tomlkit would write into it.
        document = _document(file, _prepared(text, file, where))
        _array(document, file, where, make=True).add_line(requirement)
        edited = _rendered(document, file, text)
    return edited


def _members(text: str, file: str, where: Where) -> list[str]:
    return [str(member) for member in _array(_document(file, text), file, where, make=False)]


def remove_requirement(text: str, file: str, name: str, where: Where) -> str:
    """The manifest without any requirement of that name in that place."""
    document = _document(file, text)
    wanted = _name(name, where)
    array = _array(document, file, where, make=False)
    places = [n for n, member in enumerate(array) if _name(member, where) == wanted]
    if not places:
        raise _missing(document, file, name, where)
    for place in reversed(places):
        del array[place]
    return _rendered(document, file, text)


def set_sdist_policy(text: str, file: str, name: str, word: str) -> str:
    """The manifest with builds of a package allowed (``allow``, ``locked-build``) or denied."""
    parse_toml(file, text)
    policy_keys = [*_prefix(file), "policy"]
    document = _document(file, with_key(text, policy_keys, "sdist", "{}"))
    policy = _table(document, [*_prefix(file), "policy"])
    sdist = policy.get("sdist")
    if isinstance(sdist, str) and (str(sdist) == word or "deny" not in {str(sdist), word}):
        return text
    if isinstance(sdist, str) and str(sdist) != "deny":
        raise InputError(
            "sdist-policy",
            f'{file} has sdist = "{sdist}" for all packages',
            fix="write a table, package by package, in [policy]",
        )
    if not isinstance(sdist, MutableMapping):
        policy["sdist"] = tomlkit.inline_table()
    table = _table(policy, ["sdist"])
    wanted = _known_name(name)
    written = next((key for key in table if canonicalize_name(key) == wanted), wanted)
    table[written] = word
    return _rendered(document, file, text)


def _is_inline(document: TOMLDocument, file: str, where: Where) -> bool:
    """Whether the list lies in an inline table, which is to stay on its line."""
    return isinstance(_table(document, _keys(document, file, where)[:-1]), InlineTable)


def _known_name(name: str) -> str:
    try:
        return parse_name(name)
    except ValueError as error:
        raise InputError(
            "invalid-name", f'"{name}" is no package\'s name: {error}', fix="correct the name"
        ) from error


def _checked(requirement: str, where: Where) -> str:
    """The requirement as it will be written."""
    text = requirement.strip()
    try:
        if where.system:
            return parse_relation(text)
        parse_requirement(fill_placeholders(text, _ANY) if where.target else text)
    except CredentialsError as error:
        raise InputError(
            "credentials",
            "credentials stand in the address of a requirement",
            fix="leave them out; keep them in netrc or a keyring",
        ) from error
    except ValueError as error:
        raise InputError(
            "invalid-relation" if where.system else "invalid-requirement",
            f'"{text}" is no requirement: {error}',
            fix='write "name" or "name (>= 1.2)"' if where.system else suggest_requirement(text),
        ) from error
    return text


def _document(file: str, text: str) -> TOMLDocument:
    parse_toml(file, text)  # its complaints have file and line
    return tomlkit.parse(text)


def _rendered(document: TOMLDocument, file: str, former: str) -> str:
    text = _spaced(former, tomlkit.dumps(document))
    parse_toml(file, text)  # an edit that broke the document must not be written
    return text


def _prefix(file: str) -> list[str]:
    return ["tool", "lockenv"] if file.endswith("pyproject.toml") else []


def _array(document: TOMLDocument, file: str, where: Where, *, make: bool) -> Array:
    """The list that is meant; a new one where there is none and one may be made."""
    keys = _keys(document, file, where)
    holder = _table(document, keys[:-1])
    found = holder.get(keys[-1])
    if isinstance(found, Array):
        return found
    if found is None:
        array = tomlkit.array()
        if make:
            _check_static(document, file, keys)
            holder[keys[-1]] = array
            made = holder[keys[-1]]
            return made if isinstance(made, Array) else array
        return array
    raise InputError(
        "wrong-type",
        f"{'.'.join(keys)} in {file} is no list",
        fix=f"write {keys[-1]} = []",
    )


def _prepared(text: str, file: str, where: Where) -> str:
    """The text with an empty list where the edit needs one that is not there."""
    document = _document(file, text)
    prefix = _prefix(file)
    keys = _keys(document, file, where)
    _check_static(document, file, keys)
    if where.target is not None:
        table = [*prefix, "target", where.target]
        opening = [f'platform = "{where.target}"']
        if not where.system:
            return with_key(text, table, "dependencies", "[]", opening)
        return with_key(text, table, "system", "{ packages = [] }", opening)
    if where.system:
        # Said, not assumed: what a lock is made for stands in the manifest.
        opening = ['distribution = "debian"', f'suite = "{FIRST_SUITE}"']
        return with_key(text, keys[:-1], keys[-1], "[]", opening)
    return with_key(text, keys[:-1], keys[-1], "[]")


def _keys(document: TOMLDocument, file: str, where: Where) -> list[str]:
    prefix = _prefix(file)
    is_pyproject = bool(prefix)
    if where.target is not None:
        keys = [*prefix, "target", _target(document, file, where.target)]
        if not where.system:
            return [*keys, "dependencies"]
        table = _table(document, keys)
        if isinstance(table.get("system"), bool):
            del table["system"]
        if "system" not in table:
            table["system"] = tomlkit.inline_table()
        return [*keys, "system", "packages"]
    if where.system:
        system = _table(document, [*prefix, "system"])
        if not system:
            # Said, not assumed: what a lock is made for stands in the manifest.
            system["distribution"] = "debian"
            system["suite"] = FIRST_SUITE
        return [*prefix, "system", "packages"]
    if where.group is not None:
        return ["dependency-groups", _written(document, ["dependency-groups"], where.group)]
    above = ["project"] if is_pyproject else []
    if is_pyproject and "project" not in document:
        raise InputError(
            "no-project",
            f"{file} has no [project] whose dependencies this could be",
            fix="add [project] with name and version, or use --group NAME",
        )
    if where.extra is not None:
        extras = [*above, "optional-dependencies"]
        return [*extras, _written(document, extras, where.extra)]
    return [*above, "dependencies"]


def _target(document: TOMLDocument, file: str, target: str) -> str:
    """A declared target's name; a bare platform gets its table."""
    tables = _table(document, [*_prefix(file), "target"], make=False)
    if target not in tables:
        if target not in PLATFORMS:
            near = nearest(target, [*tables, *PLATFORMS])
            raise InputError(
                "unknown-target",
                f'{file} has no target "{target}"',
                fix=f"write --target {near}" if near else f"add [target.{target}] with a platform",
            )
        table = _table(document, [*_prefix(file), "target", target])
        table["platform"] = target
    return target


def _written(document: TOMLDocument, keys: list[str], name: str) -> str:
    """How a group or an extra is written, since names are compared normalised."""
    table = _table(document, keys, make=False)
    wanted = _known_name(name)
    return next((key for key in table if canonicalize_name(key) == wanted), name)


def _check_static(document: TOMLDocument, file: str, keys: list[str]) -> None:
    """PEP 621: what is dynamic must not be written."""
    project = document.get("project")
    dynamic = project.get("dynamic") if isinstance(project, MutableMapping) else None
    if keys[0] == "project" and isinstance(dynamic, Array) and keys[1] in dynamic:
        raise InputError(
            "dynamic-dependencies",
            f"{keys[1]} of {file} is dynamic: the build backend reads it from elsewhere",
            fix="edit the file that it is read from, or use --group NAME",
        )


def _table(document: Holder, keys: Sequence[str], *, make: bool = True) -> Holder:
    """The table at the keys, made where it is missing; without ``make``, a stray empty one."""
    holder = document
    for number, key in enumerate(keys):
        below = holder.get(key)
        if below is None:
            if not make:
                return tomlkit.table()
            is_inline = isinstance(holder, InlineTable)
            # A table that only holds tables needs no header of its own.
            is_super = number < len(keys) - 1
            holder[key] = tomlkit.inline_table() if is_inline else tomlkit.table(is_super)
            below = holder[key]
        if not isinstance(below, MutableMapping):
            place = ".".join(keys[: number + 1])
            raise InputError("wrong-type", f"{place} is no table", fix=f"write [{place}]")
        holder = below
    return holder


def _name(member: object, where: Where) -> str | None:
    """The normalised name that a member of a list asks for; None for what asks for none."""
    text = str(member) if isinstance(member, str) else ""
    if where.system:
        found = re.match(r"\s*([a-z0-9][a-z0-9+.-]+)", text)
        return found[1] if found and "|" not in text else None
    try:
        return canonicalize_name(Requirement(fill_placeholders(text, _ANY)).name)
    except ValueError:
        return None


def _same(array: Array, requirement: str, where: Where) -> int | None:
    """The member that a new requirement replaces.

    Of several with its name (one for each platform, say) only one with the same marker.
    """
    name = _name(requirement, where)
    places = [n for n, member in enumerate(array) if name and _name(member, where) == name]
    if len(places) > 1 and not where.system:
        marker = _marker(requirement)
        places = [place for place in places if _marker(str(array[place])) == marker]
    return places[0] if places else None


def _marker(text: str) -> str:
    return str(Requirement(fill_placeholders(text, _ANY)).marker or "")


def _place(array: Array, requirement: str) -> int:
    """Where a new member goes: in order if the list is in order, else to the end."""
    members = [str(member).lower() if isinstance(member, str) else None for member in array]
    words = [member for member in members if member is not None]
    if words != members or words != sorted(words):
        return len(members)
    return sum(word <= requirement.lower() for word in words)


def _missing(document: TOMLDocument, file: str, name: str, where: Where) -> InputError:
    """The error for a name that is not there, with the option that would have found it."""
    found = []
    for option, other in _others(document, file):
        wanted = _name(name, other)
        try:
            array = _array(document, file, other, make=False)
        except InputError:
            continue
        if other != where and any(_name(member, other) == wanted for member in array):
            found.append(f"lockenv remove {name}{option}")
    return InputError(
        "not-in-manifest",
        f"{file} does not ask for {name} there",
        fix=found or f"look where it comes from: lockenv why {name}",
    )


def _others(document: TOMLDocument, file: str) -> list[tuple[str, Where]]:
    """Every list of the manifest, with the option that names it."""
    above = ["project"] if _prefix(file) else []
    groups = _table(document, ["dependency-groups"], make=False)
    extras = _table(document, [*above, "optional-dependencies"], make=False)
    targets = _table(document, [*_prefix(file), "target"], make=False)
    return [
        ("", Where()),
        *((f" --group {name}", Where(group=name)) for name in groups),
        *((f" --extra {name}", Where(extra=name)) for name in extras),
        (" --system", Where(system=True)),
        *((f" --target {name}", Where(target=name)) for name in targets),
    ]


def _spaced(before: str, after: str) -> str:
    """The edited text with the empty lines that stood before table headers."""
    rows = before.splitlines()
    airy = {row for above, row in pairwise(rows) if row.startswith("[") and not above.strip()}
    lines: list[str] = []
    for row in after.splitlines(keepends=True):
        if row.rstrip() in airy and lines and lines[-1].strip():
            lines.append("\n")
        lines.append(row)
    return "".join(lines)
