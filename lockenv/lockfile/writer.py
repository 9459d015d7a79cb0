"""Lock to its one canonical text (contract 3; PEP 751 for the fields of ``packages``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.lockfile import text as toml
from lockenv.lockfile.order import canonical
from lockenv.lockfile.targets import target_of
from lockenv.model import LOCK_NAME, LOCK_VERSION, PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.model import (
        ArchiveState,
        Artifact,
        BuildPackage,
        CudaComponent,
        Digest,
        Lock,
        LockedBaseImage,
        LockedBuild,
        LockedImage,
        LockedInterpreter,
        LockedPackage,
        LockedSystemPackage,
        LockedTarget,
        Preference,
        RecordedImage,
    )


def render_lock(lock: Lock) -> str:
    """The canonical text: pure ASCII, LF, a blank line between entries, check digits in comments.

    InputError for a lock of a newer format, which is never written.
    """
    if not is_writable(lock.version):
        raise InputError(
            "newer-lock",
            f"{LOCK_NAME} has format {lock.version}, this lockenv writes {LOCK_VERSION}",
            fix="use a newer lockenv for this project",
        )
    lock = canonical(lock)
    parts = [header(lock.version) + f'lock-version = "{lock.version}"\n']
    if lock.request:
        parts.append("\n".join(["[request]", *_request(lock)]) + "\n")
    before = ""
    for kind, name, body in _entries(lock):
        parts.append(toml.entry(kind, body, before))
        # Not more than the name, so that two branches may move two neighbours.
        named = f"{kind} {toml.quote(name)}"
        before = f"{before}+" if before.startswith(named) else named
    parts.append(toml.ending(before))
    return "\n".join(parts)


def _entries(lock: Lock) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, name and lines of every entry, in the order in which they stand."""
    yield from (("targets", item.name, _target(item)) for item in lock.targets)
    yield from (("interpreters", item.platform, _interpreter(item)) for item in lock.interpreters)
    yield from (("packages", item.name, _package(item)) for item in lock.packages)
    yield from (("builds", item.name, _build(item)) for item in lock.builds)
    yield from (("system-archives", item.name, _archive(item)) for item in lock.system_archives)
    yield from (
        ("system-packages", item.name, _system_package(item)) for item in lock.system_packages
    )
    yield from (("cuda-components", item.name, _component(item)) for item in lock.cuda_components)
    yield from (("base-images", item.reference, _base_image(item)) for item in lock.base_images)
    yield from (("images", item.key, _image(item)) for item in lock.images)
    yield from (("preferences", item.name, _preference(item)) for item in lock.preferences)


def is_writable(version: str) -> bool:
    """Whether this lockenv may write a lock of this format: its own major, no newer minor."""
    major, _, minor = version.partition(".")
    ours, _, newest = LOCK_VERSION.partition(".")
    return major == ours and int(minor) <= int(newest)


def header(version: str) -> str:
    """The first lines. They repeat the format, so that a slip in either place shows."""
    return (
        f"# {LOCK_NAME}, format {version}. Made by lockenv: edit the manifest, then run"
        " `lockenv lock`.\n"
        "# The four digits after a # are check digits: they show an edit by hand.\n"
    )


def _request(lock: Lock) -> list[str]:
    lines = []
    for name, asked in lock.request.items():
        if not asked:
            lines.append(f"{toml.key(name)} = []")
            continue
        lines.append(f"{toml.key(name)} = [")
        lines += [f"  {toml.quote(line)}, # {toml.check_digits(line)}" for line in asked]
        lines.append("]")
    return lines


def artifact_table(
    artifact: Artifact, targets: tuple[str, ...] = (), *, name: bool = True
) -> dict[str, toml.Value]:
    """PEP 751's table for a file; ``targets`` only where they differ from the entry's."""
    table: dict[str, toml.Value] = {"name": artifact.name} if name else {}
    if artifact.url is not None:
        table["url"] = artifact.url
    if artifact.upload_time is not None:
        table["upload-time"] = toml.Moment(artifact.upload_time)
    if artifact.size is not None:
        table["size"] = artifact.size
    table["hashes"] = _hashes(artifact.digest)
    if artifact.targets and artifact.targets != targets:
        table["targets"] = artifact.targets
    return table


def _hashes(digest: Digest) -> dict[str, toml.Value]:
    return {digest.algorithm: digest.hex}


def _target(target: LockedTarget) -> list[str]:
    platform = PLATFORMS[target.platform]
    lines = [
        *toml.pair("name", target.name),
        *toml.pair("platform", target.platform),
        *toml.pair("python", target.python),
        *toml.pair("python-source", _unless(target.python_source, "standalone")),
        *toml.pair("freethreaded", target.freethreaded),
        *toml.pair(platform.libc or "level", target.level),
        *toml.pair("table", target.table),
        *toml.pair("environment", target.environment),
        *toml.texts("groups", target.groups),
        *toml.texts("extras", target.extras),
        *toml.pair("suite", target.suite),
        *toml.pair("epoch", toml.Moment(target.epoch) if target.epoch else None),
        *toml.texts("native-libraries", target.native_libraries),
    ]
    if target.cuda is not None:
        lines += toml.dotted("declared", target.cuda.declared) or ["declared = {}"]
        lines += toml.dotted("needs", target.cuda.needs)
    markers = {name: text for name, text in target_of(target).markers.items() if text}
    return lines + toml.dotted("markers", markers)


def _unless(text: str, default: str) -> str | None:
    return None if text == default else text


def _package(package: LockedPackage) -> list[str]:
    targets = package.targets
    return [
        *toml.pair("name", package.name),
        *toml.pair("version", package.version),
        *toml.pair("index", package.index),
        *toml.pair("requires-python", package.requires_python),
        *toml.pair("yanked", package.yanked if package.yanked is None else package.yanked or True),
        *toml.pair("note", package.note),
        *toml.texts("targets", targets),
        *toml.texts("groups", package.groups),
        *toml.texts("extras", package.extras),
        *toml.texts("dependencies", package.dependencies),
        *_vcs(package),
        *_directory(package),
        *_direct(package),
        *(
            toml.pair("sdist", artifact_table(package.sdist, targets))
            if package.sdist is not None
            else []
        ),
        *toml.array(
            "wheels", [toml.inline(artifact_table(wheel, targets)) for wheel in package.wheels]
        ),
        *toml.array(
            "attestation-identities",
            [toml.inline(dict(identity)) for identity in package.attestation_identities],
        ),
    ]


def _vcs(package: LockedPackage) -> list[str]:
    if package.vcs is None:
        return []
    table: dict[str, toml.Value] = {"type": package.vcs.type, "url": package.vcs.url}
    if package.vcs.requested is not None:
        table["requested-revision"] = package.vcs.requested
    table["commit-id"] = package.vcs.commit
    if package.vcs.subdirectory is not None:
        table["subdirectory"] = package.vcs.subdirectory
    return toml.pair("vcs", table)


def _directory(package: LockedPackage) -> list[str]:
    if package.directory is None:
        return []
    table: dict[str, toml.Value] = {"path": package.directory.path}
    if package.directory.editable:
        table["editable"] = True
    if package.directory.subdirectory is not None:
        table["subdirectory"] = package.directory.subdirectory
    return toml.pair("directory", table)


def _direct(package: LockedPackage) -> list[str]:
    if package.archive is None:
        return []
    table = artifact_table(package.archive, package.targets)
    if package.archive_path is not None:
        table["path"] = package.archive_path
    if package.archive_subdirectory is not None:
        table["subdirectory"] = package.archive_subdirectory
    return toml.pair("archive", table)


def _build(build: LockedBuild) -> list[str]:
    return [
        *toml.pair("name", build.name),
        *toml.pair("version", build.version),
        *toml.pair("kind", _unless(build.kind, "wheel")),
        *toml.texts("targets", build.targets),
        *toml.pair("backend", build.backend),
        *toml.texts("backend-path", build.backend_path),
        *toml.texts("requires", build.requires),
        *toml.texts("system", build.system),
        *toml.array("packages", [_build_package(item, build) for item in build.packages]),
    ]


def _build_package(package: BuildPackage, build: LockedBuild) -> str:
    table: dict[str, toml.Value] = {"name": package.name, "version": package.version}
    if package.index is not None:
        table["index"] = package.index
    table["artifact"] = artifact_table(package.artifact, build.targets)
    return toml.inline(table)


def _interpreter(interpreter: LockedInterpreter) -> list[str]:
    return [
        *toml.pair("version", interpreter.version),
        *toml.pair("platform", interpreter.platform),
        *toml.pair("source", _unless(interpreter.source, "standalone")),
        *toml.pair("variant", _unless(interpreter.variant, "default")),
        *toml.pair("build", interpreter.build),
        *toml.texts("targets", interpreter.targets),
        *(
            toml.pair("artifact", artifact_table(interpreter.artifact))
            if interpreter.artifact is not None
            else []
        ),
    ]


def _archive(archive: ArchiveState) -> list[str]:
    return [
        *toml.pair("name", archive.name),
        *toml.pair("url", archive.url),
        *toml.pair("suite", archive.suite),
        *toml.pair("codename", archive.codename),
        *toml.pair("origin", archive.origin),
        *toml.pair("date", toml.Moment(archive.date)),
        *toml.pair("release", str(archive.release)),
        *toml.pair("signer", archive.signer),
        *toml.texts("components", archive.components),
        *toml.texts("targets", archive.targets),
    ]


def _system_package(package: LockedSystemPackage) -> list[str]:
    return [
        *toml.pair("name", package.name),
        *toml.pair("version", package.version),
        *toml.pair("architecture", package.architecture),
        *toml.pair("source", package.source),
        *toml.pair("archive", package.archive),
        *toml.pair("path", package.path),
        *toml.pair("size", package.size),
        *toml.pair("hashes", _hashes(package.digest)),
        *toml.pair("multi-arch", package.multi_arch),
        *toml.pair("essential", package.essential),
        *toml.pair("priority", package.priority),
        *toml.pair("note", package.note),
        *toml.texts("roles", package.roles),
        *toml.texts("requested", package.requested),
        *toml.texts("targets", package.targets),
        *toml.dotted("relations", package.relations),
    ]


def _component(component: CudaComponent) -> list[str]:
    return [
        *toml.pair("name", component.name),
        *toml.pair("version", component.version),
        *toml.pair("platform", component.platform),
        *toml.pair("manifest", str(component.manifest)),
        *toml.texts("targets", component.targets),
        *toml.pair("artifact", artifact_table(component.artifact)),
    ]


def _base_image(image: LockedBaseImage) -> list[str]:
    return [
        *toml.pair("reference", image.reference),
        *toml.pair("platform", image.platform),
        *toml.pair("digest", str(image.digest)),
        *toml.pair("size", image.size),
        *toml.pair("index", str(image.index) if image.index else None),
        *toml.pair("cuda", image.cuda),
        *toml.texts("targets", image.targets),
        *toml.array(
            "layers",
            [toml.inline({"digest": str(digest), "size": size}) for digest, size in image.layers],
        ),
    ]


def _image(image: LockedImage) -> list[str]:
    lines = [
        *toml.pair("key", image.key),
        *toml.texts("targets", image.targets),
        *toml.texts("groups", image.groups),
        *toml.texts("extras", image.extras),
        *toml.texts("settings", image.settings),
    ]
    for recorded in image.recorded:
        lines += ["", "[[images.recorded]]", *_recorded(recorded)]
    return lines


def _recorded(recorded: RecordedImage) -> list[str]:
    return [
        *toml.pair("target", recorded.target),
        *toml.pair("project", str(recorded.project) if recorded.project else None),
        *toml.pair("normalisation", recorded.normalisation),
        *toml.texts("diff-ids", [str(digest) for digest in recorded.diff_ids]),
        *toml.pair("config", str(recorded.config)),
        *toml.pair("manifest", str(recorded.manifest)),
        *toml.pair("compressor", recorded.compressor),
    ]


def _preference(preference: Preference) -> list[str]:
    return [
        *toml.pair("name", preference.name),
        *toml.pair("version", preference.version),
        *toml.pair("marker", preference.marker),
        *toml.pair("from", preference.source),
    ]
