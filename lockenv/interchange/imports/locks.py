"""``poetry.lock``, ``pdm.lock``, ``pylock.toml`` and ``Pipfile.lock``: pins, and what they tell.

None of them says who asked for what: that stands in a pyproject.toml or a Pipfile beside it. What
nothing else in the lock needs stands in for the roots where there is no such file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.interchange.imports.documents import (
    add_index,
    parse_json_document,
    parse_toml_document,
    refuse_faults,
    requirement_name,
    without_credentials,
)
from lockenv.interchange.imports.poetry import poetry_specifier
from lockenv.interchange.imports.values import Imported
from lockenv.model import Origin, SourceRule
from lockenv.tables.addresses import PYTHON_INDEX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lockenv.fields import Fields


def parse_poetry_lock(file: str, text: str) -> Imported:
    """What a poetry.lock says."""
    document = parse_toml_document(file, text)
    found = Imported(file, has_roots=False)
    metadata = document.below("metadata")
    if metadata is not None:
        found.requires_python = _specifier(metadata.text("python-versions") or "")
    needed: set[str] = set()
    for package in document.tables("package"):
        name = canonicalize_name(package.required_text("name"))
        below = package.below("dependencies")
        needed |= {canonicalize_name(one) for one in (below.table if below else ())}
        hashes = tuple(
            digest for one in package.tables("files") if (digest := one.text("hash")) is not None
        )
        source = package.below("source")
        if source is not None and not _poetry_source(found, name, source):
            continue
        found.pin(name, package.required_text("version"), _marker(package, "markers"), hashes)
    _guess_roots(found, needed)
    refuse_faults(file, document)
    return found


def _poetry_source(found: Imported, name: str, source: Fields) -> bool:
    """Keep where a package comes from; whether it has a version of an index."""
    kind, url = source.text("type") or "", source.text("url") or ""
    if kind in {"legacy", ""}:
        if url.rstrip("/") != PYTHON_INDEX.rstrip("/"):
            index = add_index(found, url, name=source.text("reference") or "")
            _keep(found, SourceRule(package=name, index=index, origin=Origin(found.file)))
        return True
    _keep(found, _direct(found, name, kind, url, source))
    return False


def _direct(found: Imported, name: str, kind: str, url: str, source: Fields) -> SourceRule:
    origin = Origin(found.file)
    bare, _ = without_credentials(url)
    if kind == "git":
        return SourceRule(
            package=name,
            git=bare,
            rev=source.text("resolved_reference") or source.text("reference"),
            subdirectory=source.text("subdirectory"),
            origin=origin,
        )
    if kind == "url":
        return SourceRule(
            package=name, url=bare, subdirectory=source.text("subdirectory"), origin=origin
        )
    return SourceRule(package=name, path=url, origin=origin)


def _keep(found: Imported, rule: SourceRule) -> None:
    found.sources.setdefault(rule.package, [rule])


def parse_pdm_lock(file: str, text: str) -> Imported:
    """What a pdm.lock says; of several targets in it the first that has a package gives its pin."""
    document = parse_toml_document(file, text)
    found = Imported(file, has_roots=False)
    metadata = document.below("metadata")
    targets = list(metadata.tables("targets")) if metadata is not None else []
    if targets:
        found.requires_python = targets[0].text("requires_python")
    needed: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for package in document.tables("package"):
        name = canonicalize_name(package.required_text("name"))
        needed |= _names(package.texts("dependencies"), name)
        version = package.required_text("version")
        if (name, version) in seen:
            continue  # once more with an extra
        seen.add((name, version))
        if package.has("git") or package.has("url") or package.has("path"):
            _pdm_source(found, name, package)
            continue
        hashes = tuple(
            digest for one in package.tables("files") if (digest := one.text("hash")) is not None
        )
        found.pin(name, version, package.text("marker") or "", hashes)
    _guess_roots(found, needed)
    refuse_faults(file, document)
    return found


def _pdm_source(found: Imported, name: str, package: Fields) -> None:
    origin = Origin(found.file)
    git, url, path = package.text("git"), package.text("url"), package.text("path")
    if git is not None:
        rule = SourceRule(
            package=name,
            git=without_credentials(git)[0],
            rev=package.text("revision") or package.text("ref"),
            subdirectory=package.text("subdirectory"),
            origin=origin,
        )
    elif url is not None:
        rule = SourceRule(package=name, url=without_credentials(url)[0], origin=origin)
    else:
        rule = SourceRule(
            package=name,
            path=path,
            editable=package.raw("editable") is True,
            origin=origin,
        )
    _keep(found, rule)


def parse_pylock(file: str, text: str) -> Imported:
    """What a pylock.toml (PEP 751) says."""
    document = parse_toml_document(file, text)
    found = Imported(file, has_roots=False)
    found.requires_python = document.text("requires-python")
    needed: set[str] = set()
    tells = False
    for package in document.tables("packages"):
        name = canonicalize_name(package.required_text("name"))
        for one in package.tables("dependencies"):
            tells = True
            needed.add(canonicalize_name(one.text("name") or ""))
        if any(package.has(key) for key in ("vcs", "directory", "archive")):
            _pylock_source(found, name, package)
            continue
        index = package.text("index")
        if index and index.rstrip("/") != PYTHON_INDEX.rstrip("/"):
            named = add_index(found, index)
            _keep(found, SourceRule(package=name, index=named, origin=Origin(file)))
        hashes = tuple(
            f"{algorithm}:{digits}"
            for one in package.tables("wheels")
            for algorithm, digits in one.text_table("hashes").items()
        )
        version = package.text("version")
        if version is None:
            found.lose(name, "the file does not say its version")
            continue
        found.pin(name, version, package.text("marker") or "", hashes)
    _guess_roots(found, needed if tells else set())
    refuse_faults(file, document)
    return found


def _pylock_source(found: Imported, name: str, package: Fields) -> None:
    origin = Origin(found.file)
    vcs, directory, archive = (package.below(key) for key in ("vcs", "directory", "archive"))
    if vcs is not None:
        if vcs.text("type") not in {"git", None}:
            found.lose(f"{name} from {vcs.text('type')}", "lockenv reads git repositories")
            return
        rule = SourceRule(
            package=name,
            git=without_credentials(vcs.text("url") or vcs.text("path") or "")[0],
            rev=vcs.text("commit-id"),
            subdirectory=vcs.text("subdirectory"),
            origin=origin,
        )
    elif directory is not None:
        rule = SourceRule(
            package=name,
            path=directory.text("path"),
            editable=directory.raw("editable") is True,
            subdirectory=directory.text("subdirectory"),
            origin=origin,
        )
    else:
        url = archive.text("url") if archive is not None else None
        rule = SourceRule(
            package=name,
            url=without_credentials(url)[0] if url else None,
            path=archive.text("path") if archive is not None and not url else None,
            origin=origin,
        )
    if rule.path != ".":
        _keep(found, rule)


def parse_pipfile_lock(file: str, text: str) -> Imported:
    """What a Pipfile.lock says; what names its index stood in the Pipfile."""
    document = parse_json_document(file, text)
    found = Imported(file)
    meta = document.below("_meta")
    requires = meta.below("requires") if meta is not None else None
    if requires is not None:
        found.python = requires.text("python_full_version") or requires.text("python_version")
    for source in meta.tables("sources") if meta is not None else ():
        url = source.text("url") or ""
        if url.rstrip("/") != PYTHON_INDEX.rstrip("/"):
            add_index(found, url, name=source.text("name") or "")
    names = {index.name for index in found.indexes}
    for section in document.table:
        if section == "_meta":
            continue
        roots = (
            found.dependencies
            if section == "default"
            else found.groups.setdefault("dev" if section == "develop" else section, [])
        )
        for name, entry in document.named_tables(section):
            _pipfile_entry(found, canonicalize_name(name), entry, roots, names)
    refuse_faults(file, document)
    return found


def _pipfile_entry(
    found: Imported, name: str, entry: Fields, roots: list[str], indexes: Collection[str]
) -> None:
    marker, extras = entry.text("markers") or "", entry.texts("extras")
    asked = name + (f"[{','.join(extras)}]" if extras else "")
    index, version = entry.text("index"), entry.text("version")
    if index is not None or version is None:
        roots.append(asked)
    if index is not None and canonicalize_name(index) in indexes:
        _keep(
            found,
            SourceRule(package=name, index=canonicalize_name(index), origin=Origin(found.file)),
        )
    if version is not None:
        found.pin(name, version.removeprefix("=="), marker, entry.texts("hashes"))
        return
    origin = Origin(found.file)
    git, path, url = entry.text("git"), entry.text("path"), entry.text("file")
    if git is not None:
        rule = SourceRule(
            package=name, git=without_credentials(git)[0], rev=entry.text("ref"), origin=origin
        )
    elif path is not None:
        if path == ".":
            roots.remove(asked)
            return
        rule = SourceRule(
            package=name, path=path, editable=entry.raw("editable") is True, origin=origin
        )
    elif url is not None:
        rule = SourceRule(package=name, url=without_credentials(url)[0], origin=origin)
    else:
        found.lose(name, "its entry has neither a version nor a place")
        return
    _keep(found, rule)


def _marker(package: Fields, key: str) -> str:
    """A marker, or the alternatives of several groups."""
    if isinstance(package.raw(key), str) or not package.has(key):
        return package.text(key) or ""
    said = package.text_table(key)
    return " or ".join(f"({one})" for one in dict.fromkeys(said.values()))


def _names(texts: Iterable[str], own: str) -> set[str]:
    """The names at the beginning of requirements, without the package itself (its extras)."""
    found: set[str] = set()
    for text in texts:
        found.add(requirement_name(text))
    return found - {own, ""}


def _guess_roots(found: Imported, needed: set[str]) -> None:
    """What nothing else needs was asked for by somebody."""
    names = [*(pin.name for pin in found.pins), *found.sources]
    found.dependencies += sorted({name for name in names if name not in needed})


def _specifier(text: str) -> str | None:
    try:
        return poetry_specifier(text) or None
    except ValueError:
        return None
