"""A manifest's text to its value: every table read, every fault told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from lockenv.errors import FaultsError, InputError
from lockenv.formats.toml import locate, parse_toml
from lockenv.manifest import keys
from lockenv.manifest.asked import read_asked
from lockenv.manifest.document import Document, Reading, tool_layer
from lockenv.manifest.exports import read_exports
from lockenv.manifest.images import Surroundings, read_images
from lockenv.manifest.layers import written_in
from lockenv.manifest.origins import read_indexes, read_sources
from lockenv.manifest.policies import read_ignores, read_policy
from lockenv.manifest.project import (
    LEGACY_BUILD_SYSTEM,
    Described,
    read_described,
    read_extras,
    read_groups,
)
from lockenv.manifest.selecting import Selector, follow_includes
from lockenv.manifest.steering import read_pythons_or_pinned, read_steering
from lockenv.manifest.system import read_cuda, read_system
from lockenv.manifest.targets import read_environments, read_selections, read_targets
from lockenv.manifest.words import parse_specifiers
from lockenv.model import Ask, Manifest, Origin, Project, SourceRule
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.manifest.asked import Asked

LOCKENV_TOML = "lockenv.toml"
PYPROJECT_TOML = "pyproject.toml"


def parse_manifest(file: str, text: str, *, load: Callable[[str], str | None]) -> Manifest:
    """The manifest in a text; `FaultsError` with all its faults, each with file and line.

    ``file`` is ``pyproject.toml`` or ``lockenv.toml``. ``load`` gives the text of another file
    that the manifest names, by its path from the project's folder, or None where there is none.
    """
    reading = Reading(load)
    reading.files[file] = text
    try:
        table = parse_toml(file, text)
    except InputError as error:
        raise FaultsError([error]) from error
    reading.table = table
    tool = reading.document(tool_layer(reading, file, table))
    if file.endswith(PYPROJECT_TOML):
        described = read_described(reading.document(written_in(file, (), table)))
        tool.root.reject_unknown(keys.TOOL)
    else:
        described = _described_here(tool)
        tool.root.reject_unknown((*keys.TOOL, *keys.LOCKENV_TOML))
    manifest = _read(reading, tool, described)
    reading.raise_faults()
    return replace(manifest, files=dict(reading.files))


def line_of(manifest: Manifest, origin: Origin) -> int | None:
    """The line on which something was asked; None for a file that was not read."""
    if origin.line is not None:
        return origin.line
    text = manifest.files.get(origin.file)
    return None if text is None else locate(text, origin.path)


def _described_here(tool: Document) -> Described:
    """The standard keys as ``lockenv.toml`` has them, at its top."""
    root = tool.root
    return Described(
        project=Project(),
        requires_python=root.parsed("requires-python", parse_specifiers, "a set of versions"),
        dependencies=tool.asks(root, "dependencies"),
        extras=read_extras(tool, root),
        groups=read_groups(tool),
    )


def _read(reading: Reading, tool: Document, described: Described) -> Manifest:
    root = tool.root
    file = next(iter(reading.files))
    project, package = _project(reading, tool, described.project)
    name = project.normal_name
    asked = read_asked(reading, tool, described, name)
    built = _only_a_build_tells(tool, project, asked)
    selector = Selector(
        reading,
        None if built else name,
        (*described.dependencies, *asked.dependencies, *built),
        asked.extras,
    )
    groups = {
        group: selector.of_group(asks)
        for group, asks in follow_includes(reading, described.groups).items()
    }
    selections = read_selections(tool, tuple(groups), tuple(asked.extras))
    targets = read_targets(tool, selections)
    names = tuple(targets.tables)
    indexes = read_indexes(tool)
    steering = read_steering(tool, targets)
    system = read_system(tool)
    cuda = root.below("cuda")
    return Manifest(
        file=file,
        files={},
        project=replace(project, dynamic=asked.dynamic),
        requires_python=described.requires_python,
        dependencies=selector.of_project(),
        optional_dependencies={extra: selector.of_extra(extra) for extra in asked.extras},
        groups=groups,
        python=read_pythons_or_pinned(reading, tool, described.requires_python, targets),
        python_source=root.choice("python-source", keys.PYTHON_SOURCES, "standalone"),
        targets=targets.names,
        targets_assumed=targets.assumed,
        target_tables=targets.tables,
        default_target=steering.default_target,
        align=steering.align,
        as_of=steering.as_of,
        package=package and not built,
        seed=tool.asks(root, "seed"),
        constraints=(*tool.asks(root, "constraints"), *asked.constraints),
        overrides=tool.asks(root, "overrides"),
        exclude=steering.exclude,
        resolution=steering.resolution,
        prerelease=steering.prerelease,
        prerelease_names=steering.prerelease_names,
        minimum_release_age=steering.minimum_release_age,
        exempt=tool.asks(root, "exempt"),
        requires_lockenv=steering.requires_lockenv,
        indexes=indexes,
        sources=_sources(read_sources(tool, indexes, names), [*asked.sources, *map(_here, built)]),
        policy=read_policy(tool),
        ignores=read_ignores(tool, names),
        system=system,
        cuda=None if cuda is None else read_cuda(tool, cuda),
        images=read_images(
            tool,
            Surroundings(
                selections=selections,
                targets=targets.tables,
                system=system,
                as_of=steering.as_of,
            ),
        ),
        exports=read_exports(tool, names, selections),
        environments=read_environments(tool, selections, targets),
        follow=steering.follow,
        external=described.external,
    )


def _project(reading: Reading, tool: Document, project: Project) -> tuple[Project, bool]:
    """The project itself, and whether it is installed: by default where it can be built."""
    package = tool.root.flag("package")
    if package is None:
        return project, project.build_system is not None
    if not package or project.build_system is not None:
        return project, package
    # A lockenv.toml may stand beside what builds the project (PEP 517: at least a setup.py).
    file = next(iter(reading.files))
    text = reading.open(PYPROJECT_TOML) if file == LOCKENV_TOML else None
    if text is not None:
        try:
            table = parse_toml(PYPROJECT_TOML, text)
        except InputError as error:
            reading.refuse(error)
            return project, True
        project = read_described(reading.document(written_in(PYPROJECT_TOML, (), table))).project
    elif file == LOCKENV_TOML and reading.load("setup.py") is None:
        tool.root.complain(
            "package = true, but there is neither a pyproject.toml nor a setup.py to build",
            "package",
            fix="remove package, or add a [build-system]",
        )
    if project.build_system is None:
        project = replace(project, build_system=LEGACY_BUILD_SYSTEM)
    return project, True


def _only_a_build_tells(tool: Document, project: Project, asked: Asked) -> tuple[Ask, ...]:
    """The project as its own dependency, where only its build backend says what it needs.

    It then is a local source like another, built while locking.
    """
    is_built = "dependencies" in asked.dynamic and tool.root.flag("package") is not False
    name = project.normal_name
    if not is_built or name is None:
        return ()
    file = next(iter(tool.reading.files))
    own = Requirement(name)
    return (Ask(own, Origin(file, ("project", "dynamic"))),)


def _here(own: Ask) -> SourceRule:
    return SourceRule(package=own.requirement.name, path=".", editable=True, origin=own.origin)


def _sources(
    declared: dict[str, tuple[SourceRule, ...]], found: list[SourceRule]
) -> dict[str, tuple[SourceRule, ...]]:
    """The declared rules, and for other packages the places that requirements files name."""
    rules = dict(declared)
    for rule in found:
        rules.setdefault(rule.package, (rule,))
    return dict(sorted(rules.items()))
