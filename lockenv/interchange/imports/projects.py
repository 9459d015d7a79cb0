"""What ``[tool.uv]``, ``[tool.poetry]``, ``[tool.pdm]`` and a Pipfile ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.interchange.imports.documents import (
    add_index,
    parse_toml_document,
    without_credentials,
)
from lockenv.interchange.imports.poetry import poetry_specifier
from lockenv.interchange.imports.tidying import tidied
from lockenv.interchange.imports.values import Imported
from lockenv.model import Origin, SourceRule
from lockenv.tables.addresses import PYTHON_INDEX
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lockenv.fields import Fields

#: Keys of [tool.uv] that change nothing about what is installed.
_UV_HARMLESS = {"package", "managed", "default-groups", "required-version", "build-backend"}


def parse_other_tools(file: str, text: str) -> Imported:
    """What the tables of other tools ask beside ``[project]``."""
    document = parse_toml_document(file, text)
    found = Imported(file)
    tools = document.below("tool")
    if tools is not None:
        uv, poetry, pdm = (_table(tools, name) for name in ("uv", "poetry", "pdm"))
        if uv is not None:
            _read_uv(found, uv)
        if poetry is not None:
            _read_poetry(found, poetry)
        if pdm is not None:
            _read_pdm(found, pdm)
    for fault in document.faults:
        found.lose(".".join(map(str, fault.path)), fault.message)
    return tidied(found)


def _table(fields: Fields, name: str) -> Fields | None:
    return fields.below(name) if isinstance(fields.raw(name), dict) else None


def _read_uv(found: Imported, uv: Fields) -> None:
    for index in uv.tables("index"):
        name = add_index(found, index.required_text("url"), name=index.text("name") or "")
        place = next(n for n, one in enumerate(found.indexes) if one.name == name)
        found.indexes[place] = replace(
            found.indexes[place],
            explicit=index.raw("explicit") is True,
            default=index.raw("default") is True,
        )
    if uv.text("index-url"):
        add_index(found, uv.text("index-url") or "", default=True)
    for url in uv.texts("extra-index-url"):
        add_index(found, url)
    found.constraints += uv.texts("constraint-dependencies")
    found.overrides += uv.texts("override-dependencies")
    if uv.texts("dev-dependencies"):
        found.groups.setdefault("dev", []).extend(uv.texts("dev-dependencies"))
    found.prerelease = {"allow": "allow", "disallow": "deny"}.get(uv.text("prerelease") or "")
    sources = uv.below("sources")
    if sources is not None:
        _uv_sources(found, sources)
    known = {
        *_UV_HARMLESS,
        *("index", "index-url", "extra-index-url", "constraint-dependencies", "sources"),
        *("override-dependencies", "dev-dependencies", "prerelease"),
    }
    for key in uv.table:
        if key == "workspace":
            found.lose(
                "tool.uv.workspace", "each member is a project of its own: lockenv init there"
            )
        elif key not in known:
            found.lose(f"tool.uv.{key}", "lockenv has no key that means the same")


def _uv_sources(found: Imported, sources: Fields) -> None:
    for name in sources.table:
        if isinstance(sources.raw(name), list):
            entries = list(sources.tables(name))
        else:
            entry = sources.below(name)
            entries = [entry] if entry is not None else []
        for entry in entries:
            _uv_source(found, canonicalize_name(name), entry)


def _uv_source(found: Imported, name: str, entry: Fields) -> None:
    origin = Origin(found.file)
    if entry.raw("workspace") is True:
        found.members.append(name)
        return
    condition = entry.text("marker") or entry.text("extra") or entry.text("group")
    if condition:
        found.lose(
            f"the source of {name} where {condition}",
            'write in [sources] which target takes it: target = ["…"]',
        )
        return
    index = entry.text("index")
    git = entry.text("git")
    rule = SourceRule(
        package=name,
        index=canonicalize_name(index) if index else None,
        git=without_credentials(git)[0] if git else None,
        rev=entry.text("rev"),
        branch=entry.text("branch"),
        tag=entry.text("tag"),
        subdirectory=entry.text("subdirectory"),
        url=entry.text("url"),
        path=entry.text("path"),
        editable=entry.raw("editable") is True,
        origin=origin,
    )
    found.sources[name] = [rule]


def _read_poetry(found: Imported, poetry: Fields) -> None:
    for source in poetry.tables("source"):
        url = source.text("url")
        if url is not None and url.rstrip("/") != PYTHON_INDEX.rstrip("/"):
            priority = source.text("priority") or ""
            name = add_index(found, url, name=source.text("name") or "")
            place = next(n for n, one in enumerate(found.indexes) if one.name == name)
            found.indexes[place] = replace(
                found.indexes[place],
                explicit=priority == "explicit",
                default=priority == "default" or source.raw("default") is True,
            )
    extras_of: dict[str, list[str]] = {}
    extras = poetry.below("extras")
    for extra in extras.table if extras is not None else ():
        for name in extras.texts(extra) if extras is not None else ():
            extras_of.setdefault(canonicalize_name(name), []).append(extra)
    dependencies = poetry.below("dependencies")
    if dependencies is not None:
        _poetry_list(found, dependencies, found.dependencies, extras_of)
    older = poetry.below("dev-dependencies")
    if older is not None:
        _poetry_list(found, older, found.groups.setdefault("dev", []), {})
    for group, fields in poetry.named_tables("group"):
        below = fields.below("dependencies")
        if below is not None:
            _poetry_list(found, below, found.groups.setdefault(group, []), {})


def _poetry_list(
    found: Imported, fields: Fields, into: list[str], extras_of: dict[str, list[str]]
) -> None:
    for written in fields.table:
        raw = fields.raw(written)
        name = canonicalize_name(written)
        entries: Iterable[Fields | None]
        if isinstance(raw, str):
            entries, plain = [None], raw
        else:
            plain = ""
            entries = fields.tables(written) if isinstance(raw, list) else [fields.below(written)]
        for entry in entries:
            _poetry_entry(found, name, entry, plain, into, extras_of)


def _poetry_entry(
    found: Imported,
    name: str,
    entry: Fields | None,
    plain: str,
    into: list[str],
    extras_of: dict[str, list[str]],
) -> None:
    version = plain if entry is None else entry.text("version") or ""
    try:
        specifier = poetry_specifier(version)
    except ValueError as error:
        found.lose(f"{name} {version}", str(error))
        return
    if name == "python":
        found.requires_python = specifier or None
        return
    markers = []
    if entry is not None:
        _poetry_place(found, name, entry)
        markers = _poetry_markers(found, name, entry)
    extras = entry.texts("extras") if entry is not None else ()
    text = name + (f"[{','.join(extras)}]" if extras else "") + specifier
    text += f"; {' and '.join(markers)}" if markers else ""
    if entry is not None and entry.raw("optional") is True:
        for extra in extras_of.get(name, ()):
            found.extras.setdefault(extra, []).append(text)
        if name not in extras_of:
            found.lose(text, "it is optional, and no extra asks for it")
        return
    into.append(text)


def _poetry_place(found: Imported, name: str, entry: Fields) -> None:
    git, path, url = entry.text("git"), entry.text("path"), entry.text("url")
    index = entry.text("source")
    if not (git or path or url or index):
        return
    found.sources[name] = [
        SourceRule(
            package=name,
            index=canonicalize_name(index) if index and not (git or path or url) else None,
            git=without_credentials(git)[0] if git else None,
            rev=entry.text("rev"),
            branch=entry.text("branch"),
            tag=entry.text("tag"),
            subdirectory=entry.text("subdirectory"),
            url=without_credentials(url)[0] if url else None,
            path=path,
            editable=entry.raw("develop") is True,
            origin=Origin(found.file),
        )
    ]


def _poetry_markers(found: Imported, name: str, entry: Fields) -> list[str]:
    markers = [f"({one})" if " or " in one else one for one in [entry.text("markers") or ""] if one]
    platform = entry.text("platform")
    if platform:
        markers.append(f"sys_platform == '{platform}'")
    python = entry.text("python")
    if python:
        try:
            conditions = poetry_specifier(python)
        except ValueError as error:
            found.lose(f"python {python} of {name}", str(error))
            return markers
        for one in filter(None, conditions.split(",")):
            number = one.lstrip("<>=!~")
            key = "python_version" if number.count(".") < 2 else "python_full_version"
            markers.append(f"{key} {one.removesuffix(number)} '{number}'")
    return markers


def _read_pdm(found: Imported, pdm: Fields) -> None:
    for source in pdm.tables("source"):
        url = source.text("url")
        if url is not None and url.rstrip("/") != PYTHON_INDEX.rstrip("/"):
            add_index(
                found, url, name=source.text("name") or "", default=source.text("name") == "pypi"
            )
    groups = pdm.below("dev-dependencies")
    for group in groups.table if groups is not None else ():
        found.groups[group] = list(groups.texts(group)) if groups is not None else []
    resolution = pdm.below("resolution")
    overrides = resolution.below("overrides") if resolution is not None else None
    for name in overrides.table if overrides is not None else ():
        said = overrides.text(name) if overrides is not None else None
        if said is not None:
            plain = said[:1].isdigit()
            found.overrides.append(f"{name}=={said}" if plain else f"{name}{said}")
    if resolution is not None and resolution.raw("allow-prereleases") is True:
        found.prerelease = "allow"


def parse_pipfile(file: str, text: str) -> Imported:
    """What a Pipfile asks."""
    document = parse_toml_document(file, text)
    found = Imported(file)
    requires = document.below("requires")
    if requires is not None:
        found.python = requires.text("python_full_version") or requires.text("python_version")
    for source in document.tables("source"):
        url = source.text("url") or ""
        if url.rstrip("/") != PYTHON_INDEX.rstrip("/"):
            add_index(found, url, name=source.text("name") or "")
    sections: dict[str, Callable[[], list[str]]] = {
        "packages": lambda: found.dependencies,
        "dev-packages": lambda: found.groups.setdefault("dev", []),
    }
    for section in document.table:
        if section in {"source", "requires", "scripts", "pipenv"}:
            continue
        fields = document.below(section)
        into = sections.get(section, lambda name=section: found.groups.setdefault(name, []))()
        if fields is not None:
            for name in fields.table:
                _pipfile_entry(found, canonicalize_name(name), fields, name, into)
    for fault in document.faults:
        found.lose(".".join(map(str, fault.path)), fault.message)
    return found


def _pipfile_entry(
    found: Imported, name: str, fields: Fields, written: str, into: list[str]
) -> None:
    raw = fields.raw(written)
    if isinstance(raw, str):
        into.append(name + ("" if raw == "*" else raw))
        return
    entry = fields.below(written)
    if entry is None:
        return
    version, marker = entry.text("version") or "*", entry.text("markers")
    extras = entry.texts("extras")
    conditions = [one for one in [marker] if one]
    keys = ("sys_platform", "platform_machine", "os_name", "python_version")
    conditions += [f"{key} {entry.text(key)}" for key in keys if entry.text(key)]
    text = name + (f"[{','.join(extras)}]" if extras else "") + ("" if version == "*" else version)
    into.append(f"{text}; {' and '.join(conditions)}" if conditions else text)
    git, path, url, index = (entry.text(key) for key in ("git", "path", "file", "index"))
    if path == ".":
        into.pop()
        return
    if git or path or url or index:
        found.sources[name] = [
            SourceRule(
                package=name,
                index=canonicalize_name(index) if index and not (git or path or url) else None,
                git=without_credentials(git)[0] if git else None,
                rev=entry.text("ref"),
                url=without_credentials(url)[0] if url else None,
                path=path,
                editable=entry.raw("editable") is True,
                origin=Origin(found.file),
            )
        ]
