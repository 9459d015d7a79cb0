"""Manifest to request: the canonical lines, one a fact, by which a lock's staleness is judged.

Everything stands here that may change what is locked for a target, and nothing that may not:
markers are evaluated, formatting and order are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.lockfile.asked import Asked
from lockenv.lockfile.request_layers import cuda_lines, image_lines, system_lines
from lockenv.lockfile.requirements import canonical_requirement, holds
from lockenv.model import Origin
from lockenv.tables.addresses import PYTHON_INDEX
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockenv.model import Ask, Manifest, SourceRule, Target, TargetTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One cell of what is locked, as the manifest declares it.

    ``python`` is the interpreter as asked (``3.11``; empty where the manifest leaves it open);
    ``groups`` and ``extras`` are the default selection; ``local`` are the lines about its local
    projects, which only a look at their folders tells.
    """

    target: Target
    python: str = ""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    local: tuple[Asked, ...] = ()


def request(manifest: Manifest, scope: Scope) -> tuple[str, ...]:
    """The request of one cell: sorted, each line once."""
    return tuple(sorted({asked.line for asked in asked_lines(manifest, scope)}))


def asked_lines(manifest: Manifest, scope: Scope) -> tuple[Asked, ...]:
    """The same lines with their origins; a line that stands twice keeps its first origin."""
    found: dict[str, Asked] = {}
    table = manifest.target_tables[scope.target.table or scope.target.name]
    for asked in (
        *_requirements(manifest, table, scope.target),
        *_python_lines(manifest, table, scope),
        *_policy_lines(manifest, table, scope.target),
        *_index_lines(manifest),
        *_source_lines(manifest, table),
        *_project_lines(manifest),
        *system_lines(manifest, table, scope.target.platform),
        *cuda_lines(manifest, table, scope.target.platform),
        *image_lines(manifest, table, scope.target.platform),
        *scope.local,
    ):
        found.setdefault(asked.line, asked)
    return tuple(found[line] for line in sorted(found))


def _lines(prefix: str, asks: Iterable[Ask], markers: Mapping[str, str]) -> Iterator[Asked]:
    for ask in asks:
        if holds(ask.requirement, markers, ()):
            text = canonical_requirement(ask.requirement, marker=False)
            yield Asked(f"{prefix} {text}", ask.origin)


def _requirements(manifest: Manifest, table: TargetTable, target: Target) -> Iterator[Asked]:
    markers = target.markers
    yield from _lines("requirement project", manifest.dependencies, markers)
    yield from _lines("requirement project", table.dependencies, markers)
    for text, origin in table.cuda_dependencies:
        yield Asked(f"requirement project {''.join(text.split())}", origin)
    groups, extras = _members(manifest, target.environment)
    for name in groups:
        yield from _lines(f"requirement group:{name}", manifest.groups[name], markers)
    for name in extras:
        asks = manifest.optional_dependencies[name]
        yield from _lines(f"requirement extra:{name}", asks, markers)
    yield from _lines("requirement seed", manifest.seed, markers)


def _members(manifest: Manifest, environment: str) -> tuple[list[str], list[str]]:
    """The groups and extras that are solved in a cell: its environment's, or what is in none."""
    if environment:
        own = manifest.environments[environment]
        return sorted(own.groups), sorted(own.extras)
    others = manifest.environments.values()
    groups = set(manifest.groups) - {name for other in others for name in other.groups}
    extras = set(manifest.optional_dependencies) - {
        name for other in others for name in other.extras
    }
    return sorted(groups), sorted(extras)


def key_origin(manifest: Manifest, *path: str | int) -> Origin:
    """Where a key of lockenv's own stands in the manifest."""
    prefix = ("tool", "lockenv") if manifest.file.endswith("pyproject.toml") else ()
    return Origin(manifest.file, (*prefix, *path))


def _python_lines(manifest: Manifest, table: TargetTable, scope: Scope) -> Iterator[Asked]:
    target = scope.target
    place = table.origin if table.python else key_origin(manifest, "python")
    if scope.python:
        yield Asked(f"python {scope.python}", place)
    if manifest.requires_python:
        specifier = str(manifest.requires_python)
        yield Asked(f"requires-python {specifier}", key_origin(manifest, "python"))
    yield Asked(f"python-source {table.python_source or manifest.python_source}", place)
    yield Asked(f"platform {target.platform.name}", table.origin)
    if target.platform.libc:
        yield Asked(f"{target.platform.libc} {target.level}", table.origin)
    if scope.groups:
        yield Asked(f"default-groups {','.join(sorted(scope.groups))}", table.origin)
    if scope.extras:
        yield Asked(f"default-extras {','.join(sorted(scope.extras))}", table.origin)
    if target.environment:
        own = manifest.environments[target.environment]
        words = [f"group:{name}" for name in own.groups] + [f"extra:{name}" for name in own.extras]
        place = key_origin(manifest, "environment", own.name)
        yield Asked(" ".join(["environment", own.name, *sorted(words)]), place)


def _policy_lines(manifest: Manifest, table: TargetTable, target: Target) -> Iterator[Asked]:
    markers = target.markers
    yield from _lines("constraint", (*manifest.constraints, *table.constraints), markers)
    yield from _lines("override", manifest.overrides, markers)
    for name in manifest.exclude:
        yield Asked(f"exclude {canonicalize_name(name)}", key_origin(manifest, "exclude"))
    yield from _setting(manifest, "resolution", manifest.resolution, "highest")
    prerelease = ",".join(sorted(manifest.prerelease_names)) or manifest.prerelease
    yield from _setting(manifest, "prerelease", prerelease, "if-necessary")
    yield from _setting(manifest, "align", manifest.align, "prefer")
    yield from _setting(manifest, "as-of", manifest.as_of or "", "")
    yield from _setting(manifest, "minimum-release-age", manifest.minimum_release_age or "", "")
    yield from _lines("exempt", manifest.exempt, markers)
    policy = manifest.policy
    yield from _setting(manifest, "sdist", policy.sdist, "deny", "policy")
    for name, word in policy.sdist_by_package.items():
        line = f"sdist {canonicalize_name(name)} {word}"
        yield Asked(line, key_origin(manifest, "policy", "sdist", name))
    yield from _setting(manifest, "native-libraries", policy.native_libraries, "warn", "policy")
    yield from _lines("allow", policy.allow, markers)
    yield from _lines("deny", policy.deny, markers)
    for code in _KEPT:
        yield from _finding_lines(manifest, target, code)


#: Findings that not only ``check`` judges: what is made from a lock is refused by them or not, also
#: where the manifest is not read.
_KEPT = ("LE704", "LE705")


def _finding_lines(manifest: Manifest, target: Target, code: str) -> Iterator[Asked]:
    """What is said of a finding by which an environment is refused or not."""
    word = manifest.policy.findings.get(code)
    if word:
        yield Asked(f"finding {code} {word}", key_origin(manifest, "policy", "findings", code))
    for ignore in manifest.ignores:
        if ignore.code == code and ignore.target in {None, target.name}:
            name = canonicalize_name(ignore.package) if ignore.package else "*"
            yield Asked(f"ignore {code} {name}", key_origin(manifest, "ignore"))


def _setting(
    manifest: Manifest, key: str, value: str, default: str, *above: str
) -> Iterator[Asked]:
    if value != default:
        yield Asked(f"{key} {value}", key_origin(manifest, *above, key))


def _index_lines(manifest: Manifest) -> Iterator[Asked]:
    ordered = [index for index in manifest.indexes if not index.default]
    defaults = [index for index in manifest.indexes if index.default]
    origin = key_origin(manifest, "index")
    for number, index in enumerate((*ordered, *defaults), 1):
        words = [f"index {number:02d} {index.name} {without_credentials(index.url)}"]
        words += ["explicit"] if index.explicit else []
        words += ["flat"] if index.format == "flat" else []
        words += ["no-upload-time"] if index.upload_time == "ignore" else []
        yield Asked(" ".join(words), origin)
    if not defaults:
        yield Asked(f"index {len(ordered) + 1:02d} pypi {PYTHON_INDEX}", origin)


def without_credentials(url: str) -> str:
    """The address without a user and a password."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else url


def _source_lines(manifest: Manifest, table: TargetTable) -> Iterator[Asked]:
    for name, rules in manifest.sources.items():
        for rule in rules:
            if not rule.targets or table.name in rule.targets:
                line = f"source {canonicalize_name(name)} {_source(rule)}"
                yield Asked(line, rule.origin)


def _source(rule: SourceRule) -> str:
    words = {
        "index": rule.index,
        "git": rule.git and without_credentials(rule.git),
        "rev": rule.rev,
        "branch": rule.branch,
        "tag": rule.tag,
        "subdirectory": rule.subdirectory,
        "url": rule.url and without_credentials(rule.url),
        "path": rule.path,
        "editable": "yes" if rule.editable else None,
    }
    return " ".join(f"{key}={value}" for key, value in words.items() if value)


def _project_lines(manifest: Manifest) -> Iterator[Asked]:
    origin = key_origin(manifest, "package")
    # What has no name cannot be installed: a [build-system] beside no [project] names none.
    is_installed = manifest.package and manifest.project.name is not None
    yield Asked(f"package {'yes' if is_installed else 'no'}", origin)
    build = manifest.project.build_system
    if not is_installed or build is None:
        return
    origin = Origin(manifest.file, ("build-system", "requires"))
    for text in build.requires:
        yield Asked(f"build-requires {text}", origin)
    if build.backend:
        place = Origin(manifest.file, ("build-system", "build-backend"))
        yield Asked(f"build-backend {build.backend}", place)
