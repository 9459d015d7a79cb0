"""``[target.NAME]``, ``targets`` and ``[environment.NAME]``: what is locked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.fields import nearest
from lockenv.manifest import keys
from lockenv.manifest.system import read_cuda, system_packages, words
from lockenv.manifest.words import (
    PLACEHOLDERS,
    fill_placeholders,
    parse_label,
    parse_level,
    parse_name,
    parse_python,
    placeholders,
)
from lockenv.model import PLATFORMS, Environment, TargetTable
from lockenv.values import dataclass

if TYPE_CHECKING:
    from lockenv.fields import Fields, Key
    from lockenv.manifest.document import Document
    from lockenv.model import Ask, Cuda, Origin, SystemPackage

#: What stands in when no target is declared: the same on every machine that locks.
ASSUMED_TARGET = "linux-x86_64"


def read_pythons(fields: Fields) -> tuple[str, ...]:
    """``python``: one interpreter, or a list of them that makes a matrix."""
    if isinstance(fields.raw("python"), str):
        python = fields.parsed("python", parse_python, "an interpreter's version")
        return () if python is None else (python,)
    if not fields.has("python"):
        return ()
    if not isinstance(fields.raw("python"), list):
        fields.complain(
            "python must be a string or a list of strings",
            "python",
            fix='write python = "3.11"',
            slug="wrong-type",
        )
        return ()
    found = words(fields, "python", parse_python, "an interpreter's version")
    if fields.raw("python") == []:
        fields.complain("python is an empty list", "python", fix='write python = "3.11"')
    return found


def read_names(fields: Fields, key: str, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """A list of groups or extras that exist, normalised; None where the key is absent."""
    if not fields.has(key):
        return None
    found = words(fields, key, parse_name, "a name")
    kind = key.removesuffix("s")
    for number, text in fields.numbered_texts(key):
        try:
            name = parse_name(text)
        except ValueError:
            continue
        if name not in known:
            complain_unknown(fields, kind, text, known, key, number)
    return found


def complain_unknown(
    fields: Fields, kind: str, name: str, known: tuple[str, ...], *at: Key
) -> None:
    """Record that something is named that the manifest does not declare."""
    near = nearest(name, known)
    some = f"declare it, or use one of {', '.join(known[:8])}" if known else "declare it"
    fields.complain(
        f'there is no {kind} "{name}"',
        *at,
        fix=f'write "{near}"' if near else some,
        slug=f"unknown-{kind}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selections:
    """The groups and extras that there are, and those that `sync` takes unless told otherwise."""

    groups: tuple[str, ...]
    extras: tuple[str, ...]
    default_groups: tuple[str, ...]
    default_extras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """``names`` are locked, in the order in which they were asked; ``tables`` are all declared."""

    names: tuple[str, ...]
    tables: dict[str, TargetTable]
    assumed: bool


def read_selections(
    document: Document, groups: tuple[str, ...], extras: tuple[str, ...]
) -> Selections:
    """The default selection: what the top says, else the group ``dev`` if there is one."""
    default_groups = read_names(document.root, "groups", groups)
    if default_groups is None:
        default_groups = ("dev",) if "dev" in groups else ()
    default_extras = read_names(document.root, "extras", extras) or ()
    return Selections(
        groups=groups,
        extras=extras,
        default_groups=default_groups,
        default_extras=default_extras,
    )


def read_targets(document: Document, selections: Selections) -> Targets:
    """The targets to lock: those asked, else all declared, else linux-x86_64 alone."""
    root = document.root
    tables = {
        name: _table(document, name, fields, selections)
        for name, fields in root.named_tables("target")
    }
    if not root.has("targets") and not tables:
        tables[ASSUMED_TARGET] = _bare(ASSUMED_TARGET, selections, document.origin(root))
        return Targets(names=(ASSUMED_TARGET,), tables=tables, assumed=True)
    if not root.has("targets"):
        return Targets(names=tuple(tables), tables=tables, assumed=False)
    names: list[str] = []
    if root.raw("targets") == []:
        root.complain(
            "targets is an empty list", "targets", fix=f'write targets = ["{ASSUMED_TARGET}"]'
        )
    for number, name in root.numbered_texts("targets"):
        if name in names:
            root.complain(
                f'targets has "{name}" twice',
                "targets",
                number,
                fix="remove one",
                slug="duplicate",
            )
            continue
        if name not in tables and name in PLATFORMS:
            origin = document.origin(root, "targets", number)
            tables[name] = _bare(name, selections, origin)
        if name not in tables:
            known = (*tables, *sorted(PLATFORMS))
            complain_unknown(root, "target", name, known, "targets", number)
            continue
        names.append(name)
    return Targets(names=tuple(names), tables=tables, assumed=False)


def _bare(name: str, selections: Selections, origin: Origin) -> TargetTable:
    return TargetTable(
        name=name,
        platform=name,
        groups=selections.default_groups,
        extras=selections.default_extras,
        origin=origin,
    )


def _table(document: Document, name: str, fields: Fields, selections: Selections) -> TargetTable:
    fields.reject_unknown(keys.TARGET)
    check_label(fields, "target", name)
    platform = _platform(name, fields)
    groups = read_names(fields, "groups", selections.groups)
    extras = read_names(fields, "extras", selections.extras)
    system, packages = _system(document, platform, fields)
    cuda = _cuda(document, fields)
    asks, waiting = _dependencies(document, fields, refuses_cuda=cuda is False)
    return TargetTable(
        name=name,
        platform=platform,
        python=read_pythons(fields) or None,
        python_source=(
            fields.choice("python-source", keys.PYTHON_SOURCES, "standalone")
            if fields.has("python-source")
            else None
        ),
        groups=selections.default_groups if groups is None else groups,
        extras=selections.default_extras if extras is None else extras,
        dependencies=asks,
        cuda_dependencies=waiting,
        constraints=document.asks(fields, "constraints"),
        level=_level(platform, fields),
        system=system,
        system_packages=packages,
        cuda=cuda,
        origin=document.origin(fields),
    )


def check_label(fields: Fields, kind: str, name: str) -> None:
    """Complain about a name that options and the lock could not write."""
    try:
        parse_label(name)
    except ValueError as error:
        fields.complain(f'"{name}" cannot name a {kind}: {error}', fix=f"rename the {kind}")
    if kind == "target" and name == "auto":
        fields.complain('"auto" cannot name a target: --target auto means any', fix="rename it")


def _platform(name: str, fields: Fields) -> str:
    if not fields.has("platform"):
        if name in PLATFORMS:
            return name
        fields.complain(
            f"target {name} has no platform",
            fix=f'add platform = "{ASSUMED_TARGET}"',
            slug="missing-key",
        )
        return ASSUMED_TARGET
    return fields.choice("platform", PLATFORMS, ASSUMED_TARGET)


def _level(platform: str, fields: Fields) -> str | None:
    wanted = keys.LEVELS.get(PLATFORMS[platform].libc)
    for key in sorted(keys.LEVELS):
        if key != wanted and fields.has(key):
            fields.complain(
                f"{key} says nothing about {platform}",
                key,
                fix=f"remove {key}" if wanted is None else f"write {wanted} instead of {key}",
            )
    return None if wanted is None else fields.parsed(wanted, parse_level, f"a version of {wanted}")


def _dependencies(
    document: Document, fields: Fields, *, refuses_cuda: bool
) -> tuple[tuple[Ask, ...], tuple[tuple[str, Origin], ...]]:
    """The requirements, and apart from them those whose name follows the resolver."""
    asks = []
    waiting = []
    for number, text in fields.numbered_texts("dependencies"):
        names = placeholders(text)
        if not names:
            ask = document.ask(fields, text, "dependencies", number)
            asks += [ask] if ask else []
            continue
        for name in names:
            if name not in PLACEHOLDERS:
                fields.complain(
                    f"nothing fills in {{{name}}}",
                    "dependencies",
                    number,
                    fix="write {cuda.major}",
                    slug="unknown-placeholder",
                )
        if refuses_cuda:
            fields.complain(
                f'"{text}" follows CUDA, which cuda = false refuses here',
                "dependencies",
                number,
                fix="remove one of the two",
            )
        # Any number will do to see whether a requirement comes out.
        filled = fill_placeholders(text, dict.fromkeys(names, "12"))
        if document.requirement(fields, filled, "dependencies", number) is not None:
            waiting.append((text, document.origin(fields, "dependencies", number)))
    return tuple(asks), tuple(waiting)


def _system(
    document: Document, platform: str, fields: Fields
) -> tuple[bool | None, tuple[SystemPackage, ...]]:
    if not fields.has("system"):
        return None, ()
    packages: tuple[SystemPackage, ...] = ()
    if isinstance(fields.raw("system"), dict):
        below = fields.below("system")
        if below is not None:
            below.reject_unknown(("packages",))
            packages = system_packages(document, below)
        wanted = True
    elif isinstance(fields.raw("system"), bool):
        wanted = fields.raw("system") is True
    else:
        fields.complain(
            "system must be true, false or a table",
            "system",
            fix="write system = true or system = { packages = […] }",
            slug="wrong-type",
        )
        return None, ()
    if wanted and not PLATFORMS[platform].is_linux:
        fields.complain(
            f"{platform} has no system packages", "system", fix="remove system from this target"
        )
    elif wanted and not document.root.has("system"):
        fields.complain(
            "this target asks for system packages, but there is no [system]",
            "system",
            fix='add [system] with distribution = "debian" and suite = "bookworm"',
        )
    return wanted, packages


def _cuda(document: Document, fields: Fields) -> Cuda | bool | None:
    if not fields.has("cuda"):
        return None
    value = fields.raw("cuda")
    if isinstance(value, dict):
        below = fields.below("cuda")
        return None if below is None else read_cuda(document, below)
    if value is not False:
        fields.complain(
            "cuda must be false or a table",
            "cuda",
            fix='write cuda = false or cuda = { driver = "535" }',
            slug="wrong-type",
        )
    return False


def read_environments(
    document: Document, selections: Selections, targets: Targets
) -> dict[str, Environment]:
    """``[environment.NAME]``: groups and extras that are solved apart."""
    found = {}
    for name, fields in document.root.named_tables("environment"):
        fields.reject_unknown(keys.ENVIRONMENT)
        check_label(fields, "environment", name)
        for target in targets.tables:
            # The cell of a target and an environment is written target-environment in the lock.
            if f"{target}-{name}" in targets.tables:
                fields.complain(
                    f'the target "{target}-{name}" would be mistaken for environment {name} '
                    f"of target {target}",
                    fix="rename one of them",
                    slug="duplicate",
                )
        groups = read_names(fields, "groups", selections.groups) or ()
        extras = read_names(fields, "extras", selections.extras) or ()
        if not groups and not extras:
            fields.complain(
                f"environment {name} selects nothing", fix='add groups = ["…"] or extras = ["…"]'
            )
        found[name] = Environment(name=name, groups=groups, extras=extras)
    return found
