"""``[system]`` and ``[cuda]``: the layers below Python (contract 2.1, 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.manifest import keys
from lockenv.manifest.document import complain_credentials
from lockenv.manifest.words import (
    CredentialsError,
    check_url,
    parse_bound,
    parse_label,
    parse_relation,
)
from lockenv.model import Archive, Cuda, System, SystemPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lockenv.fields import Fields
    from lockenv.manifest.document import Document


def read_system(document: Document) -> System | None:
    """The table, or None where nothing is there: no distribution and no archive either."""
    fields = document.root.below("system")
    if fields is None:
        return None
    fields.reject_unknown(keys.SYSTEM)
    distribution = fields.choice("distribution", keys.DISTRIBUTIONS, "debian")
    if distribution != "none" and not fields.has("suite"):
        example = "noble" if distribution == "ubuntu" else "bookworm"
        fields.complain("system.suite is missing", fix=f'add suite = "{example}"')
    valid_until = fields.flag("check-valid-until")
    system = System(
        distribution=distribution,
        suite=fields.parsed("suite", parse_label, "a suite's name") or "",
        components=words(fields, "components", parse_label, "a component") or ("main",),
        packages=system_packages(document, fields),
        backports=fields.flag("backports") or False,
        recommends=fields.flag("recommends") or False,
        architectures=words(fields, "architectures", parse_label, "an architecture"),
        prefer=words(fields, "prefer", parse_relation, "a Debian package"),
        scripts=fields.choice("scripts", keys.SCRIPTS, "run"),
        archives=tuple(_archives(document, fields)),
        check_valid_until=valid_until is not False,
        origin=document.origin(fields),
    )
    return None if distribution == "none" and not system.archives else system


def words(fields: Fields, key: str, parse: Callable[[str], str], meaning: str) -> tuple[str, ...]:
    """A list of strings that each parse; a fault for each that does not and for each repeated."""
    found: list[str] = []
    for number, text in fields.numbered_texts(key):
        try:
            word = parse(text)
        except ValueError as error:
            fields.complain(
                f'{key} has "{text}", which is not {meaning}: {error}',
                key,
                number,
                fix=f"correct or remove {text!r}",
            )
            continue
        if word in found:
            fields.complain(
                f'{key} has "{word}" twice', key, number, fix="remove one", slug="duplicate"
            )
        else:
            found.append(word)
    return tuple(found)


def system_packages(document: Document, fields: Fields) -> tuple[SystemPackage, ...]:
    """The members of ``packages``: relations as written."""
    found = []
    for number, text in fields.numbered_texts("packages"):
        try:
            relation = parse_relation(text)
        except ValueError as error:
            fields.complain(
                f'"{text}" is no Debian relation: {error}',
                "packages",
                number,
                fix=f"correct {text!r}",
                slug="invalid-relation",
            )
            continue
        origin = document.origin(fields, "packages", number)
        found.append(SystemPackage(relation=relation, origin=origin))
    return tuple(found)


def _archives(document: Document, fields: Fields) -> Iterator[Archive]:
    names: set[str] = set()
    for table in fields.tables("archive"):
        table.reject_unknown(keys.ARCHIVE)
        name = table.required_text("name")
        table.parsed("name", parse_label, "a name")
        if name in names:
            table.complain(
                f'two archives are named "{name}"', "name", fix="rename one", slug="duplicate"
            )
        names.add(name)
        url = table.required_text("url")
        _check_archive_url(table, url)
        suites = table.texts("suites")
        components = table.texts("components")
        _check_suites(table, suites, components)
        signed_by = table.text("signed-by")
        if signed_by is not None:
            signed_by = document.beside(table, signed_by, "signed-by")
        yield Archive(
            name=name,
            url=url,
            suites=suites,
            components=components,
            architectures=words(table, "architectures", parse_label, "an architecture"),
            signed_by=signed_by,
            priority=table.integer("priority"),
            check_valid_until=table.flag("check-valid-until") is not False,
        )


def _check_suites(table: Fields, suites: tuple[str, ...], components: tuple[str, ...]) -> None:
    """sources.list(5): a suite that ends in ``/`` is a path, and then there are no components."""
    if not suites:
        table.complain("an archive needs suites", fix='add suites = ["stable"], or ["./"] if flat')
        return
    flat = [suite for suite in suites if suite.endswith("/")]
    if flat and (components or len(flat) != len(suites)):
        table.complain(
            f'suite "{flat[0]}" means a flat archive, which has no components and no other suites',
            "suites",
            fix="remove components, or the / at the end of the suite",
        )
    if not flat and not components:
        table.complain("an archive needs components", fix='add components = ["main"]')


def _check_archive_url(table: Fields, url: str) -> None:
    try:
        check_url(url)
    except CredentialsError:
        complain_credentials(table, "url")
        return
    except ValueError:
        pass
    if url and not url.startswith(("https://", "http://", "file:///")):
        table.complain(
            f'url is "{url}", which is no http, https or file address',
            "url",
            fix='write url = "https://…"',
        )


def read_cuda(document: Document, fields: Fields) -> Cuda:
    """One table; what is not said stays None, so that a target's can be laid over it."""
    fields.reject_unknown(keys.CUDA)

    def listed(key: str) -> tuple[str, ...] | None:
        return fields.texts(key) if fields.has(key) else None

    def chosen(key: str, allowed: tuple[str, ...]) -> str | None:
        return fields.choice(key, allowed, allowed[0]) if fields.has(key) else None

    return Cuda(
        driver=fields.text("driver"),
        gpus=listed("gpus"),
        archs=listed("archs"),
        toolkit=fields.parsed("toolkit", parse_bound, "a set of toolkit releases"),
        source=chosen("source", keys.CUDA_SOURCES),
        sources=_component_sources(fields) if fields.has("sources") else None,
        components=listed("components"),
        cudnn=fields.parsed("cudnn", parse_bound, "a set of versions"),
        nccl=fields.parsed("nccl", parse_bound, "a set of versions"),
        majors=chosen("majors", ("one", "many")),
        ptx=chosen("ptx", ("allow", "deny")),
        forward_compat=fields.flag("forward-compat"),
        strategy=chosen("strategy", ("newest-packages", "newest-cuda")),
        origin=document.origin(fields),
    )


def _component_sources(fields: Fields) -> dict[str, str]:
    below = fields.below("sources")
    if below is None:
        return {}
    return {
        name: below.choice(name, keys.CUDA_SOURCES, keys.CUDA_SOURCES[0])
        for name in sorted(below.table)
    }
