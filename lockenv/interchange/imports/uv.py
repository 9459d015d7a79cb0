"""``uv.lock``: its pins with their forks, its roots, its indexes and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.interchange.imports.documents import (
    add_index,
    parse_toml_document,
    refuse_faults,
    without_credentials,
)
from lockenv.interchange.imports.values import Imported
from lockenv.model import Origin, SourceRule
from lockenv.tables.addresses import PYTHON_INDEX

if TYPE_CHECKING:
    from lockenv.fields import Fields


def parse_uv_lock(file: str, text: str) -> Imported:
    """What a uv.lock says; the project's own entry gives the roots, as they were written."""
    document = parse_toml_document(file, text)
    found = Imported(file, has_roots=False)
    found.requires_python = document.text("requires-python")
    for package in document.tables("package"):
        name = canonicalize_name(package.required_text("name"))
        source = package.below("source")
        if source is None:
            continue
        if _is_own(source):
            _read_roots(found, package)
            continue
        _read_package(found, package, name, source)
    manifest = document.below("manifest")
    if manifest is not None:
        found.constraints += _requirements(manifest, "constraints")
        found.overrides += _requirements(manifest, "overrides")
    refuse_faults(file, document)
    return found


def _is_own(source: Fields) -> bool:
    return any(source.raw(key) == "." for key in ("virtual", "editable", "directory"))


def _read_package(found: Imported, package: Fields, name: str, source: Fields) -> None:
    version = package.text("version") or ""
    marker = " or ".join(f"({one})" for one in package.texts("resolution-markers"))
    hashes = tuple(
        digest
        for one in (*package.tables("wheels"), *_one(package, "sdist"))
        if (digest := one.text("hash")) is not None
    )
    registry = source.text("registry")
    if registry is not None:
        found.pin(name, version, marker, hashes)
        if registry.rstrip("/") != PYTHON_INDEX.rstrip("/") and "://" in registry:
            index = add_index(found, registry)
            _source(found, SourceRule(package=name, index=index, origin=Origin(found.file)))
        elif "://" not in registry:
            found.lose(f"{name} from the folder {registry}", 'write [[index]] with format = "flat"')
        return
    rule = _rule(found, name, source)
    if rule is None:
        found.lose(f"{name} {version}", "its source is of a kind that is not known")
        return
    _source(found, rule)
    if version:
        found.pin(name, version, marker, hashes)


def _one(package: Fields, key: str) -> list[Fields]:
    below = package.below(key) if isinstance(package.raw(key), dict) else None
    return [below] if below is not None else []


def _rule(found: Imported, name: str, source: Fields) -> SourceRule | None:
    origin = Origin(found.file)
    subdirectory = source.text("subdirectory")
    git, url = source.text("git"), source.text("url")
    if git is not None:
        address, _, commit = git.partition("#")
        address, _, query = address.partition("?")
        asked = dict(part.partition("=")[::2] for part in query.split("&") if part)
        address, _ = without_credentials(address)
        return SourceRule(
            package=name,
            git=address,
            rev=commit or asked.get("rev"),
            subdirectory=asked.get("subdirectory", subdirectory),
            origin=origin,
        )
    if url is not None:
        return SourceRule(
            package=name,
            url=without_credentials(url)[0],
            subdirectory=subdirectory,
            origin=origin,
        )
    for key in ("path", "directory", "editable", "virtual"):
        path = source.text(key)
        if path is not None:
            return SourceRule(package=name, path=path, editable=key == "editable", origin=origin)
    return None


def _source(found: Imported, rule: SourceRule) -> None:
    rules = found.sources.setdefault(rule.package, [])
    if rule not in rules and not rules:
        rules.append(rule)
    elif rule not in rules:
        found.lose(
            f"a second source of {rule.package}", "write in [sources] which target takes which"
        )


def _read_roots(found: Imported, package: Fields) -> None:
    metadata = package.below("metadata")
    if metadata is None:
        return
    found.has_roots = True
    for requirement in metadata.tables("requires-dist"):
        text = _requirement(requirement)
        extra, marker = _extra_of(requirement.text("marker") or "")
        if extra:
            plain = _requirement(requirement, marker)
            found.extras.setdefault(extra, []).append(plain)
        else:
            found.dependencies.append(text)
    groups = metadata.below("requires-dev")
    for name in groups.table if groups is not None else ():
        if groups is not None:
            found.groups[name] = [_requirement(one) for one in groups.tables(name)]


def _extra_of(marker: str) -> tuple[str, str]:
    """The extra that a marker asks for, and the rest of the marker."""
    parts = [part.strip() for part in marker.split(" and ")]
    extras = [part for part in parts if part.startswith("extra == ")]
    if len(extras) != 1:
        return "", marker
    rest = " and ".join(part for part in parts if part not in extras)
    return extras[0].partition("==")[2].strip().strip("\"'"), rest


def _requirement(table: Fields, marker: str | None = None) -> str:
    extras = table.texts("extras")
    text = (table.text("name") or "") + (f"[{','.join(extras)}]" if extras else "")
    text += table.text("specifier") or ""
    said = (table.text("marker") or "") if marker is None else marker
    return f"{text}; {said}" if said else text


def _requirements(manifest: Fields, key: str) -> list[str]:
    return [_requirement(one) for one in manifest.tables(key)]
