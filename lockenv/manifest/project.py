"""``[project]``, ``[build-system]``, ``[dependency-groups]`` and ``[external]`` of pyproject.toml.

PEP 621 (with 639 and 794), 517 and 518, 735, 685 (normalised extras) and 725.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.fields import nearest
from lockenv.manifest.words import parse_name, parse_specifiers, parse_version
from lockenv.model import Ask, BuildSystem, Origin, Project
from lockenv.values import dataclass

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from lockenv.fields import Fields
    from lockenv.manifest.document import Document

_PROJECT = (
    "name",
    "version",
    "description",
    "readme",
    "requires-python",
    "license",
    "license-files",
    "authors",
    "maintainers",
    "keywords",
    "classifiers",
    "urls",
    "scripts",
    "gui-scripts",
    "entry-points",
    "dependencies",
    "optional-dependencies",
    "import-names",
    "import-namespaces",
    "dynamic",
)
_TOP = ("project", "build-system", "dependency-groups", "external", "tool")
_EXTERNAL = ("dependencies", "host-requires", "build-requires")

#: PEP 517: what stands in for a missing [build-system] or a missing backend.
LEGACY_BUILD_SYSTEM = BuildSystem(
    requires=("setuptools>=40.8.0",), backend="setuptools.build_meta:__legacy__"
)


@dataclass(frozen=True, slots=True)
class Include:
    """A ``{ include-group = … }`` and where it stands."""

    name: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the standard tables say, before includes and references to itself are followed."""

    project: Project
    requires_python: SpecifierSet | None = None
    dependencies: tuple[Ask, ...] = ()
    extras: dict[str, tuple[Ask, ...]]
    groups: dict[str, tuple[Ask | Include, ...]]
    external: tuple[tuple[str, Origin], ...] = ()


def read_described(document: Document) -> Described:
    """The standard tables of pyproject.toml."""
    root = document.root
    _check_near(root, _TOP)
    fields = root.below("project")
    build_system = _build_system(root)
    if fields is None:
        return Described(
            project=Project(build_system=build_system), extras={}, groups=read_groups(document)
        )
    _check_near(fields, _PROJECT)
    dynamic = fields.texts("dynamic")
    _check_dynamic(fields, dynamic)
    name = fields.required_text("name")
    if name:
        fields.parsed("name", parse_name, "a project's name")
    if not fields.has("version") and "version" not in dynamic:
        fields.complain(
            "project.version is missing",
            fix='add version = "0.1.0", or dynamic = ["version"]',
            slug="missing-key",
        )
    return Described(
        project=Project(
            name=name or None,
            version=fields.parsed("version", parse_version, "a version"),
            dynamic=dynamic,
            build_system=build_system,
        ),
        requires_python=fields.parsed("requires-python", parse_specifiers, "a set of versions"),
        dependencies=document.asks(fields, "dependencies"),
        extras=read_extras(document, fields),
        groups=read_groups(document),
        external=_external(document),
    )


def _check_near(fields: Fields, known: tuple[str, ...]) -> None:
    """Complain about keys that look like a slip.

    Others may belong to a later version of the specification, which is not ours to refuse.
    """
    for key in fields.table:
        near = None if key in known else nearest(key, known)
        if near is not None:
            fields.complain(f"unknown key {key}", key, fix=f"write {near}", slug="unknown-key")


def _check_dynamic(fields: Fields, dynamic: tuple[str, ...]) -> None:
    """PEP 621: the name is never dynamic, and nothing is both static and dynamic."""
    for number, key in enumerate(dynamic):
        if key == "name":
            fields.complain(
                "the project's name cannot be dynamic",
                "dynamic",
                number,
                fix="write name",
            )
        elif fields.has(key):
            fields.complain(
                f"{key} is both written and dynamic",
                "dynamic",
                number,
                fix=f"remove {key} or its entry in dynamic",
            )
        elif key not in _PROJECT:
            near = nearest(key, _PROJECT)
            fields.complain(
                f'dynamic names "{key}", which is no field of [project]',
                "dynamic",
                number,
                fix=f'write "{near}"' if near else f'remove "{key}"',
                slug="unknown-key",
            )


def _build_system(root: Fields) -> BuildSystem | None:
    fields = root.below("build-system")
    if fields is None:
        return None
    fields.reject_unknown(("requires", "build-backend", "backend-path"))
    if not fields.has("requires"):
        fields.complain(
            "build-system.requires is missing",
            fix='add requires = ["setuptools"]',
            slug="missing-key",
        )
    return BuildSystem(
        requires=fields.texts("requires") or LEGACY_BUILD_SYSTEM.requires,
        backend=fields.text("build-backend") or LEGACY_BUILD_SYSTEM.backend,
        backend_path=fields.texts("backend-path"),
    )


def read_extras(document: Document, fields: Fields) -> dict[str, tuple[Ask, ...]]:
    """``optional-dependencies`` by normalised name."""
    below = fields.below("optional-dependencies")
    found: dict[str, tuple[Ask, ...]] = {}
    for written in below.table if below is not None else ():
        if below is not None and (name := _unique_name(below, written, found, "extra")):
            found[name] = document.asks(below, written)
    return found


def _unique_name(
    below: Fields, written: str, found: dict[str, tuple[Ask, ...]] | dict[str, object], kind: str
) -> str:
    """The normalised name; empty, and a fault, where it is none or stands twice."""
    try:
        name = parse_name(written)
    except ValueError as error:
        below.complain(f'"{written}" cannot name a {kind}: {error}', written, fix="rename it")
        return ""
    if name in found:
        below.complain(
            f"two {kind}s have the normalised name {name}",
            written,
            fix="rename or join them",
            slug="duplicate",
        )
        return ""
    return name


def read_groups(document: Document) -> dict[str, tuple[Ask | Include, ...]]:
    """``[dependency-groups]`` by normalised name, includes not yet followed (PEP 735)."""
    below = document.root.below("dependency-groups")
    found: dict[str, object] = {}
    groups: dict[str, tuple[Ask | Include, ...]] = {}
    for written in below.table if below is not None else ():
        if below is not None and (name := _unique_name(below, written, found, "group")):
            found[name] = None
            groups[name] = tuple(_members(document, below, written))
    return groups


def _members(document: Document, below: Fields, group: str) -> list[Ask | Include]:
    raw = below.raw(group)
    if not isinstance(raw, list):
        below.texts(group)
        return []
    found: list[Ask | Include] = []
    for number, member in enumerate(raw):
        if isinstance(member, str):
            ask = document.ask(below, member, group, number)
            found += [ask] if ask else []
        elif (
            isinstance(member, dict)
            and list(member) == ["include-group"]
            and isinstance(member["include-group"], str)
        ):
            name = canonicalize_name(member["include-group"])
            found.append(Include(name, document.origin(below, group, number)))
        else:
            below.complain(
                f"group {group} holds requirements and {{ include-group = … }} alone",
                group,
                number,
                fix='write "name>=1.2" or { include-group = "NAME" }',
                slug="wrong-type",
            )
    return found


def _external(document: Document) -> tuple[tuple[str, Origin], ...]:
    """PEP 725: the entries that always hold; whose they are, their key path tells."""
    fields = document.root.below("external")
    if fields is None:
        return ()
    found = []
    for key in _EXTERNAL:
        for number, text in fields.numbered_texts(key):
            if not text.startswith(("dep:", "pkg:")) or "/" not in text:
                fields.complain(
                    f'"{text}" is no external dependency',
                    key,
                    number,
                    fix='write "dep:generic/NAME"',
                )
                continue
            found.append((text, document.origin(fields, key, number)))
    return tuple(found)
