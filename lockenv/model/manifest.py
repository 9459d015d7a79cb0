"""The manifest: what the user asks, after reading (contract 2). Nothing is resolved yet.

Every value that a user wrote and that a later message may have to name carries an `Origin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from lockenv.fields import KeyPath

EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was asked: a file (relative to the project) and the key path in it.

    ``line`` is set where the reader knows it (requirements files); for TOML the locator finds it
    from the key path, and only when a message needs it.
    """

    file: str
    path: KeyPath = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One requirement line and who wrote it."""

    requirement: Requirement
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSystem:
    """``[build-system]`` (PEP 518, 517)."""

    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A Python index. ``format`` is simple or flat; ``upload_time`` is require or ignore."""

    name: str
    url: str
    explicit: bool = False
    default: bool = False
    format: str = "simple"
    upload_time: str = "require"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRule:
    """One entry of ``[sources]``: where a package comes from, for some targets or for all.

    Exactly one of ``index``, ``git``, ``url`` and ``path`` is set.
    """

    package: str
    index: str | None = None
    git: str | None = None
    rev: str | None = None
    branch: str | None = None
    tag: str | None = None
    subdirectory: str | None = None
    url: str | None = None
    path: str | None = None
    editable: bool = False
    targets: tuple[str, ...] = ()
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """``[policy]``, each with its default."""

    sdist: str = "deny"
    sdist_by_package: Mapping[str, str] = field(default_factory=dict)
    native_libraries: str = "warn"
    allow: tuple[Ask, ...] = ()
    deny: tuple[Ask, ...] = ()
    findings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """One ``[[ignore]]``: a finding that is accepted, with the reason."""

    code: str
    package: str | None = None
    target: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One ``[[system.archive]]``; a flat archive has suites that end in ``/`` and no components."""

    name: str
    url: str
    suites: tuple[str, ...]
    components: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    signed_by: str | None = None
    priority: int | None = None
    check_valid_until: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPackage:
    """One member of ``system.packages``: a relation as written, and who wrote it."""

    relation: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """``[system]`` (contract 2.1)."""

    distribution: str = "debian"
    suite: str = ""
    components: tuple[str, ...] = ("main",)
    packages: tuple[SystemPackage, ...] = ()
    backports: bool = False
    recommends: bool = False
    architectures: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    scripts: str = "run"
    archives: tuple[Archive, ...] = ()
    check_valid_until: bool = True
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuda:
    """``[cuda]`` (contract 2.2). None means: not said (a target's table is merged key by key)."""

    driver: str | None = None
    gpus: tuple[str, ...] | None = None
    archs: tuple[str, ...] | None = None
    toolkit: str | None = None
    source: str | None = None
    sources: Mapping[str, str] | None = None
    components: tuple[str, ...] | None = None
    cudnn: str | None = None
    nccl: str | None = None
    majors: str | None = None
    ptx: str | None = None
    forward_compat: bool | None = None
    strategy: str | None = None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTable:
    """One ``[target.NAME]``, or a bare platform from ``targets`` (then all else is unset).

    ``system``: None means the default (true on linux); ``system_packages`` are those added here.
    ``cuda``: None means the top-level table; False refuses CUDA builds.
    """

    name: str
    platform: str
    python: tuple[str, ...] | None = None
    python_source: str | None = None
    groups: tuple[str, ...] | None = None
    extras: tuple[str, ...] | None = None
    dependencies: tuple[Ask, ...] = ()
    cuda_dependencies: tuple[tuple[str, Origin], ...] = ()
    constraints: tuple[Ask, ...] = ()
    level: str | None = None
    system: bool | None = None
    system_packages: tuple[SystemPackage, ...] = ()
    cuda: Cuda | bool | None = None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """``[image]`` (then ``key`` is empty) or ``[images.KEY]`` (contract 2.3)."""

    key: str = ""
    target: str | None = None
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    project: bool = True
    base: str = "scratch"
    name: str | None = None
    user: str | None = None
    workdir: str = "/app"
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    compression: str = "gzip"
    origin: Origin


#: What a lock can be written as for other tools.
EXPORT_FORMATS = (
    "pylock",
    "requirements",
    "dockerfile",
    "devcontainer",
    "kubernetes",
    "compose",
    "kernelspec",
    "cyclonedx",
    "spdx",
    "github-matrix",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One ``[[export]]``: a file that ``lock`` keeps fresh.

    ``groups`` and ``extras``: None means the target's own. ``options`` are those of
    ``lockenv export FORMAT``, by name.
    """

    format: str
    output: str
    target: str | None = None
    groups: tuple[str, ...] | None = None
    extras: tuple[str, ...] | None = None
    options: Mapping[str, str | int | bool | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """``[environment.NAME]``: groups and extras that are solved apart from the rest."""

    name: str
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What ``[project]`` says about the project itself; None where it is dynamic or absent.

    ``name`` is as it is written; `normal_name` as locks and indexes have it.
    """

    name: str | None = None
    version: str | None = None
    dynamic: tuple[str, ...] = ()
    build_system: BuildSystem | None = None

    @property
    def normal_name(self) -> str | None:
        """The name in normal form (PEP 503)."""
        from packaging.utils import canonicalize_name  # noqa: PLC0415 - start-up: few ask for it

        return None if self.name is None else canonicalize_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that one project's manifest asks.

    ``file`` is the manifest's name (``pyproject.toml`` or ``lockenv.toml``); ``files`` maps every
    file that was read for it (extended tables, requirements files) to its text, so that a locator
    can find lines later. Groups have their includes resolved; optional dependencies likewise have
    references of the project to its own extras resolved.
    """

    file: str
    files: Mapping[str, str]
    project: Project = Project()
    requires_python: SpecifierSet | None = None
    dependencies: tuple[Ask, ...] = ()
    optional_dependencies: Mapping[str, tuple[Ask, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Ask, ...]] = field(default_factory=dict)

    python: tuple[str, ...] = ()
    python_source: str = "standalone"
    targets: tuple[str, ...] = ()
    targets_assumed: bool = False  # none were declared: linux-x86_64 stands in, and `lock` says so
    target_tables: Mapping[str, TargetTable] = field(default_factory=dict)
    default_target: str | None = None
    align: str = "prefer"
    as_of: str | None = None
    package: bool = False
    seed: tuple[Ask, ...] = ()
    constraints: tuple[Ask, ...] = ()
    overrides: tuple[Ask, ...] = ()
    exclude: tuple[str, ...] = ()
    resolution: str = "highest"
    prerelease: str = "if-necessary"
    prerelease_names: tuple[str, ...] = ()
    minimum_release_age: str | None = None
    exempt: tuple[Ask, ...] = ()
    requires_lockenv: SpecifierSet | None = None
    indexes: tuple[Index, ...] = ()
    sources: Mapping[str, tuple[SourceRule, ...]] = field(default_factory=dict)
    policy: Policy = Policy()
    ignores: tuple[Ignore, ...] = ()
    system: System | None = None
    cuda: Cuda | None = None
    images: tuple[Image, ...] = ()
    exports: tuple[Export, ...] = ()
    environments: Mapping[str, Environment] = field(default_factory=dict)
    follow: str | None = None
    external: tuple[tuple[str, Origin], ...] = ()
