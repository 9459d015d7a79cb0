"""``[[index]]`` and ``[sources]``: where Python packages come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.manifest import keys
from lockenv.manifest.document import complain_credentials
from lockenv.manifest.targets import complain_unknown
from lockenv.manifest.words import (
    CredentialsError,
    check_url,
    parse_index_url,
    parse_label,
    parse_name,
)
from lockenv.model import Index, SourceRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.fields import Fields
    from lockenv.manifest.document import Document

_PLACES = ("index", "git", "url", "path")
_REVISIONS = ("rev", "branch", "tag")
#: Which keys mean something beside which place.
_BESIDE = {
    "index": (),
    "git": (*_REVISIONS, "subdirectory"),
    "url": ("subdirectory",),
    "path": ("editable",),
}


def read_indexes(document: Document) -> tuple[Index, ...]:
    """The indexes in order of priority."""
    found: list[Index] = []
    for fields in document.root.tables("index"):
        index = _index(document, fields)
        if any(index.name == other.name for other in found):
            fields.complain(
                f'two indexes are named "{index.name}"', "name", fix="rename one", slug="duplicate"
            )
        if index.default and any(other.default for other in found):
            fields.complain(
                "two indexes say default = true", "default", fix="remove one", slug="duplicate"
            )
        found.append(index)
    return tuple(found)


def _index(document: Document, fields: Fields) -> Index:
    fields.reject_unknown(keys.INDEX)
    fields.required_text("name")
    name = fields.parsed("name", parse_label, "a name") or ""
    url = fields.required_text("url")
    if fields.has("url"):
        try:
            url = parse_index_url(url)
            if "://" not in url:
                url = document.beside(fields, url, "url") or ""
        except CredentialsError:
            complain_credentials(fields, "url", index=name)
        except ValueError as error:
            fields.complain(
                f'url is "{url}", which is no index: {error}',
                "url",
                fix=f'write url = "file://{url}"' if url[:1] == "/" else 'write url = "https://…"',
            )
    explicit = fields.flag("explicit") or False
    default = fields.flag("default") or False
    if explicit and default:
        fields.complain(
            "an index cannot be both explicit and the default", "explicit", fix="remove one"
        )
    return Index(
        name=name,
        url=url,
        explicit=explicit,
        default=default,
        format=fields.choice("format", ("simple", "flat"), "simple"),
        upload_time=fields.choice("upload-time", ("require", "ignore"), "require"),
    )


def read_sources(
    document: Document, indexes: tuple[Index, ...], targets: tuple[str, ...]
) -> dict[str, tuple[SourceRule, ...]]:
    """The rules of each package, by its normalised name."""
    below = document.root.below("sources")
    if below is None:
        return {}
    known = tuple(index.name for index in indexes)
    found: dict[str, tuple[SourceRule, ...]] = {}
    for written in below.table:
        try:
            name = parse_name(written)
        except ValueError as error:
            below.complain(f'"{written}" names no package: {error}', written, fix="correct it")
            continue
        if name in found:
            below.complain(
                f"sources of {name} stand twice",
                written,
                fix="join them in one list",
                slug="duplicate",
            )
            continue
        tables = list(_tables(below, written))
        rules = [_rule(document, name, fields, known, targets) for fields in tables]
        _check_overlap(name, rules, tables)
        found[name] = tuple(rules)
    return found


def _tables(below: Fields, written: str) -> Iterator[Fields]:
    """One table, or a list of them."""
    if isinstance(below.raw(written), list):
        yield from below.tables(written)
        return
    fields = below.below(written)
    if fields is not None:
        yield fields


def _rule(
    document: Document,
    package: str,
    fields: Fields,
    indexes: tuple[str, ...],
    targets: tuple[str, ...],
) -> SourceRule:
    fields.reject_unknown(keys.SOURCE)
    places = [place for place in _PLACES if fields.has(place)]
    if len(places) != 1:
        said = " and ".join(places) or "none"
        fields.complain(
            f"a source names one of index, git, url and path; here stand {said}"
            if places
            else "a source names one of index, git, url and path; here is none",
            fix="keep one" if places else 'write { index = "…" }',
        )
    else:
        _check_beside(fields, places[0])
    index = fields.text("index")
    if index is not None and index not in indexes:
        complain_unknown(fields, "index", index, indexes, "index")
    path = fields.text("path")
    if path is not None:
        path = document.beside(fields, path, "path")
    for key in ("git", "url"):
        _check_address(fields, key)
    return SourceRule(
        package=package,
        index=index,
        git=fields.text("git"),
        rev=fields.text("rev"),
        branch=fields.text("branch"),
        tag=fields.text("tag"),
        subdirectory=fields.text("subdirectory"),
        url=fields.text("url"),
        path=path,
        editable=fields.flag("editable") or False,
        targets=_rule_targets(fields, targets),
        origin=document.origin(fields),
    )


def _check_beside(fields: Fields, place: str) -> None:
    allowed = _BESIDE[place]
    for key in (*_REVISIONS, "subdirectory", "editable"):
        if fields.has(key) and key not in allowed:
            fields.complain(f"{key} means nothing beside {place}", key, fix=f"remove {key}")
    said = [key for key in _REVISIONS if fields.has(key)]
    if place == "git" and len(said) > 1:
        fields.complain(
            f"a revision is named by one of rev, branch and tag; here stand {' and '.join(said)}",
            said[1],
            fix=f"remove {said[1]}",
        )


def _check_address(fields: Fields, key: str) -> None:
    address = fields.text(key)
    if address is None:
        return
    try:
        check_url(address)
    except CredentialsError:
        complain_credentials(fields, key)
        return
    except ValueError as error:
        fields.complain(f"{key} cannot be read: {error}", key, fix=f'write {key} = "https://…"')
        return
    scheme = address.partition("://")[0]
    allowed = ("https", "http", "ssh", "file") if key == "git" else ("https", "http", "file")
    scp = key == "git" and "://" not in address and "@" in address and ":" in address
    if scheme not in allowed and not scp:
        fields.complain(
            f'{key} is "{address}", which is no address', key, fix=f'write {key} = "https://…"'
        )


def _rule_targets(fields: Fields, known: tuple[str, ...]) -> tuple[str, ...]:
    """``target``: one name or a list of them; none means every target."""
    single = isinstance(fields.raw("target"), str)
    text = fields.text("target") if single else None
    named = [(-1, text)] if text is not None else fields.numbered_texts("target")
    for number, name in named:
        if name not in known:
            at = ("target",) if number < 0 else ("target", number)
            complain_unknown(fields, "target", name, known, *at)
    if fields.raw("target") == []:
        fields.complain("target is an empty list", "target", fix="name a target, or remove target")
    return tuple(sorted({name for _, name in named}))


def _check_overlap(name: str, rules: list[SourceRule], tables: list[Fields]) -> None:
    """A target takes the rule that names it, else the one that names none: never one of two."""
    seen: set[str] = set()
    for rule, fields in zip(rules, tables, strict=True):
        for target in rule.targets or ("",):
            if target in seen:
                whom = f"target {target}" if target else "all targets"
                fields.complain(
                    f"{name} has two sources for {whom}",
                    fix="give each its own target = …, or remove one",
                    slug="duplicate",
                )
            seen.add(target)
