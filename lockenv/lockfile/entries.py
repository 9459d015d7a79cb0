"""The reader's part for the Python layer: targets, packages, builds, interpreters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile import values
from lockenv.lockfile.targets import target_of
from lockenv.model import (
    DEFAULT_LEVELS,
    PLATFORMS,
    Artifact,
    BuildPackage,
    CudaFacts,
    DirectoryPin,
    LockedBuild,
    LockedInterpreter,
    LockedPackage,
    LockedTarget,
    VcsPin,
)
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from lockenv.fields import Fields

PYTHON_SOURCES = frozenset({"standalone", "debian", "host"})
_PYTHON = pattern(r"3\.\d{1,3}(\.\d{1,4}((a|b|rc)\d{1,3})?)?\Z")
_LEVEL = pattern(r"\d{1,3}\.\d{1,3}\Z")
_LIBCS = frozenset(DEFAULT_LEVELS) - {""}
_COMMIT = pattern(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")

_TARGET_KEYS = frozenset(
    [
        "name",
        "platform",
        "python",
        "python-source",
        "freethreaded",
        "table",
        "environment",
        "groups",
        "extras",
        "suite",
        "epoch",
        "native-libraries",
        "declared",
        "needs",
        "markers",
    ]
)
_PACKAGE_KEYS = frozenset(
    [
        "name",
        "version",
        "index",
        "requires-python",
        "yanked",
        "note",
        "targets",
        "groups",
        "extras",
        "dependencies",
        "vcs",
        "directory",
        "archive",
        "sdist",
        "wheels",
        "attestation-identities",
    ]
)
_BUILD_KEYS = frozenset(
    [
        "name",
        "version",
        "kind",
        "targets",
        "backend",
        "backend-path",
        "requires",
        "system",
        "packages",
    ]
)
_INTERPRETER_KEYS = frozenset(
    {"version", "platform", "source", "variant", "build", "targets", "artifact"}
)


def read_target(fields: Fields) -> LockedTarget:
    """One ``[[targets]]``; its markers are written for people and must be what follows from it."""
    platform = fields.choice("platform", PLATFORMS, "linux-x86_64")
    if not fields.has("platform"):
        fields.complain("platform is missing", slug="missing-key")
    libc = PLATFORMS[platform].libc
    fields.reject_unknown(_TARGET_KEYS | ({libc} if libc else set()))
    target = LockedTarget(
        name=values.matching(fields, "name", values.WORD, "the name of a target"),
        platform=platform,
        python=values.matching(fields, "python", _PYTHON, "a version of CPython"),
        python_source=fields.choice("python-source", PYTHON_SOURCES, "standalone"),
        freethreaded=fields.flag("freethreaded") or False,
        level=(libc and values.optional(fields, libc, _LEVEL, f"a version of {libc}")) or "",
        table=fields.text("table") or "",
        environment=fields.text("environment") or "",
        groups=fields.texts("groups"),
        extras=fields.texts("extras"),
        suite=fields.text("suite"),
        epoch=values.moment(fields, "epoch"),
        native_libraries=fields.texts("native-libraries"),
        cuda=_cuda(fields),
    )
    _require_markers(fields, target)
    return target


def _require_markers(fields: Fields, target: LockedTarget) -> None:
    written = fields.text_table("markers")
    if not target.python:
        return
    derived = {name: text for name, text in target_of(target).markers.items() if text}
    for name in sorted({*written, *derived}):
        if written.get(name) != derived.get(name):
            fields.complain(
                f"marker {name} must be {derived.get(name)!r}, not {written.get(name)!r}",
                *(("markers", name) if name in written else ()),
                fix="lockenv lock",
            )


def _cuda(fields: Fields) -> CudaFacts | None:
    if not fields.has("declared") and not fields.has("needs"):
        return None
    return CudaFacts(declared=_facts(fields, "declared"), needs=_facts(fields, "needs"))


def _facts(fields: Fields, key: str) -> dict[str, str | tuple[str, ...]]:
    below = fields.below(key)
    if below is None:
        return {}
    found: dict[str, str | tuple[str, ...]] = {}
    for name, raw in below.table.items():
        found[name] = below.texts(name) if isinstance(raw, list) else below.text(name) or ""
    return found


def read_package(fields: Fields) -> LockedPackage:
    """One ``[[packages]]``: exactly one kind of source."""
    fields.reject_unknown(_PACKAGE_KEYS)
    targets = fields.texts("targets")
    archive = fields.below("archive")
    sdist = fields.below("sdist")
    package = LockedPackage(
        name=values.matching(fields, "name", values.PYTHON_NAME, "a normalised name"),
        version=values.optional(fields, "version", values.PYTHON_VERSION, "a version"),
        index=values.address(fields, "index"),
        requires_python=fields.text("requires-python"),
        wheels=tuple(values.artifact(wheel, targets) for wheel in fields.tables("wheels")),
        sdist=None if sdist is None else values.artifact(sdist, targets),
        archive=_archive(archive, targets),
        archive_path=values.relative_path(archive, "path", upwards=True) if archive else None,
        archive_subdirectory=values.relative_path(archive, "subdirectory") if archive else None,
        vcs=_vcs(fields.below("vcs")),
        directory=_directory(fields.below("directory")),
        targets=targets,
        groups=fields.texts("groups"),
        extras=fields.texts("extras"),
        dependencies=fields.texts("dependencies"),
        attestation_identities=_identities(fields),
        yanked=_yanked(fields),
        note=fields.text("note"),
    )
    kinds = [
        package.vcs is not None,
        package.directory is not None,
        package.archive is not None,
        bool(package.wheels or package.sdist),
    ]
    if sum(kinds) != 1:
        fields.complain(
            f"{package.name or 'a package'} must have one of vcs, directory, archive,"
            f" or wheels and sdist, not {sum(kinds)}"
        )
    if package.version is None and package.directory is None and not fields.has("version"):
        fields.complain("version is missing", slug="missing-key")
    return package


def _archive(fields: Fields | None, targets: tuple[str, ...]) -> Artifact | None:
    if fields is None:
        return None
    if fields.has("url") == fields.has("path"):
        fields.complain("an archive has either a url or a path")
    return values.artifact(fields, targets, frozenset({"path", "subdirectory"}))


def _vcs(fields: Fields | None) -> VcsPin | None:
    if fields is None:
        return None
    fields.reject_unknown({"type", "url", "requested-revision", "commit-id", "subdirectory"})
    if not fields.has("url"):
        fields.complain("url is missing", slug="missing-key")
    if not fields.has("commit-id"):
        fields.complain("commit-id is missing", slug="LE202")
    return VcsPin(
        type=fields.choice("type", {"git"}, "git"),
        url=values.address(fields, "url") or "",
        commit=values.optional(fields, "commit-id", _COMMIT, "a full commit id") or "",
        requested=fields.text("requested-revision"),
        subdirectory=values.relative_path(fields, "subdirectory"),
    )


def _directory(fields: Fields | None) -> DirectoryPin | None:
    if fields is None:
        return None
    fields.reject_unknown({"path", "editable", "subdirectory"})
    if not fields.has("path"):
        fields.complain("path is missing", slug="missing-key")
    return DirectoryPin(
        path=values.relative_path(fields, "path", upwards=True) or ".",
        editable=fields.flag("editable") or False,
        subdirectory=values.relative_path(fields, "subdirectory"),
    )


def _identities(fields: Fields) -> tuple[dict[str, str], ...]:
    found = []
    for number, identity in enumerate(fields.tables("attestation-identities")):
        if not identity.has("kind"):
            fields.complain("kind is missing", "attestation-identities", number)
        found.append(
            {name: text for name in identity.table if (text := identity.text(name)) is not None}
        )
    return tuple(found)


def _yanked(fields: Fields) -> str | None:
    if isinstance(fields.raw("yanked"), bool):
        return "" if fields.flag("yanked") else None
    return fields.text("yanked")


def read_build(fields: Fields) -> LockedBuild:
    """One ``[[builds]]``."""
    fields.reject_unknown(_BUILD_KEYS)
    targets = fields.texts("targets")
    return LockedBuild(
        name=values.matching(fields, "name", values.PYTHON_NAME, "a normalised name"),
        version=values.optional(fields, "version", values.PYTHON_VERSION, "a version"),
        kind=fields.choice("kind", {"wheel", "editable"}, "wheel"),
        targets=targets,
        backend=fields.text("backend") or "",
        backend_path=fields.texts("backend-path"),
        requires=fields.texts("requires"),
        packages=tuple(_build_package(item, targets) for item in fields.tables("packages")),
        system=fields.texts("system"),
    )


def _build_package(fields: Fields, targets: tuple[str, ...]) -> BuildPackage:
    fields.reject_unknown({"name", "version", "index", "artifact"})
    return BuildPackage(
        name=values.matching(fields, "name", values.PYTHON_NAME, "a normalised name"),
        version=values.matching(fields, "version", values.PYTHON_VERSION, "a version"),
        artifact=read_artifact(fields, targets),
        index=values.address(fields, "index"),
    )


def read_artifact(fields: Fields, targets: tuple[str, ...] = ()) -> Artifact:
    """The table ``artifact``, which must be there."""
    below = fields.below("artifact")
    if below is None:
        fields.complain("artifact is missing", slug="missing-key")
        return Artifact(name="missing", digest=values.NO_DIGEST)
    return values.artifact(below, targets)


def read_interpreter(fields: Fields) -> LockedInterpreter:
    """One ``[[interpreters]]``; a standalone one has an artifact."""
    fields.reject_unknown(_INTERPRETER_KEYS)
    source = fields.choice("source", PYTHON_SOURCES, "standalone")
    standalone = source == "standalone"
    return LockedInterpreter(
        version=values.matching(fields, "version", _PYTHON, "a version of CPython"),
        platform=fields.choice("platform", PLATFORMS, "linux-x86_64"),
        source=source,
        variant=values.optional(fields, "variant", values.WORD, "a variant") or "default",
        build=values.optional(fields, "build", values.WORD, "a build"),
        artifact=read_artifact(fields) if standalone or fields.has("artifact") else None,
        targets=fields.texts("targets"),
    )
