"""The reader's part for the layers below Python, and for what was imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile import values
from lockenv.lockfile.entries import read_artifact
from lockenv.model import (
    PLATFORMS,
    ArchiveState,
    CudaComponent,
    LockedBaseImage,
    LockedImage,
    LockedSystemPackage,
    Preference,
    RecordedImage,
)
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from lockenv.fields import Fields

#: A key's fingerprint: 40 hexadecimal digits for version 4 of OpenPGP, 64 for version 6.
_FINGERPRINT = pattern(r"([0-9A-F]{40}|[0-9A-F]{64})\Z")
#: An image reference: what a registry accepts, no blank and nothing that a shell or a path heeds.
_REFERENCE = pattern(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*\Z")
_ARCHIVE_KEYS = frozenset(
    [
        "name",
        "url",
        "suite",
        "codename",
        "origin",
        "date",
        "release",
        "signer",
        "components",
        "targets",
    ]
)
_PACKAGE_KEYS = frozenset(
    [
        "name",
        "version",
        "architecture",
        "source",
        "archive",
        "path",
        "size",
        "hashes",
        "multi-arch",
        "essential",
        "priority",
        "note",
        "roles",
        "requested",
        "targets",
        "relations",
    ]
)


def read_archive(fields: Fields) -> ArchiveState:
    """One ``[[system-archives]]``."""
    fields.reject_unknown(_ARCHIVE_KEYS)
    for key in ("url", "date"):
        if not fields.has(key):
            fields.complain(f"{key} is missing", slug="missing-key")
    return ArchiveState(
        name=values.matching(fields, "name", values.WORD, "the name of an archive"),
        url=values.address(fields, "url") or "",
        suite=fields.required_text("suite"),
        release=values.digest(fields, "release"),
        date=values.moment(fields, "date") or "",
        signer=values.matching(fields, "signer", _FINGERPRINT, "a key's fingerprint"),
        origin=fields.text("origin") or "",
        codename=fields.text("codename") or "",
        components=fields.texts("components"),
        targets=fields.texts("targets"),
    )


def read_system_package(fields: Fields) -> LockedSystemPackage:
    """One ``[[system-packages]]``."""
    fields.reject_unknown(_PACKAGE_KEYS)
    for key in ("path", "size"):
        if not fields.has(key):
            fields.complain(f"{key} is missing", slug="missing-key")
    return LockedSystemPackage(
        name=values.matching(fields, "name", values.SYSTEM_NAME, "a Debian package's name"),
        version=values.matching(fields, "version", values.SYSTEM_VERSION, "a Debian version"),
        architecture=values.matching(fields, "architecture", values.WORD, "an architecture"),
        source=fields.required_text("source"),
        path=values.relative_path(fields, "path") or "",
        archive=fields.required_text("archive"),
        digest=values.hashes(fields),
        size=fields.size("size") or 0,
        relations=fields.text_table("relations"),
        multi_arch=fields.text("multi-arch"),
        essential=fields.flag("essential") or False,
        priority=fields.text("priority"),
        roles=fields.texts("roles"),
        requested=fields.texts("requested"),
        targets=fields.texts("targets"),
        note=fields.text("note"),
    )


def read_component(fields: Fields) -> CudaComponent:
    """One ``[[cuda-components]]``."""
    fields.reject_unknown({"name", "version", "platform", "manifest", "artifact", "targets"})
    return CudaComponent(
        name=values.matching(fields, "name", values.WORD, "a component"),
        version=values.matching(fields, "version", values.PYTHON_VERSION, "a version"),
        platform=values.matching(fields, "platform", values.WORD, "a platform"),
        manifest=values.digest(fields, "manifest"),
        artifact=read_artifact(fields),
        targets=fields.texts("targets"),
    )


def read_base_image(fields: Fields) -> LockedBaseImage:
    """One ``[[base-images]]``."""
    fields.reject_unknown(
        {"reference", "platform", "digest", "size", "index", "cuda", "layers", "targets"}
    )
    if not fields.has("size"):
        fields.complain("size is missing", slug="missing-key")
    layers = []
    for layer in fields.tables("layers"):
        layer.reject_unknown({"digest", "size"})
        layers.append((values.digest(layer, "digest"), layer.size("size") or 0))
    return LockedBaseImage(
        reference=values.matching(fields, "reference", _REFERENCE, "an image reference"),
        platform=fields.choice("platform", PLATFORMS, "linux-x86_64"),
        digest=values.digest(fields, "digest"),
        size=fields.size("size") or 0,
        index=values.optional_digest(fields, "index"),
        layers=tuple(layers),
        cuda=values.optional(fields, "cuda", values.WORD, "a version of a toolkit"),
        targets=fields.texts("targets"),
    )


def read_image(fields: Fields) -> LockedImage:
    """One ``[[images]]`` with what was recorded of it."""
    fields.reject_unknown({"key", "targets", "groups", "extras", "settings", "recorded"})
    return LockedImage(
        key=values.optional(fields, "key", values.WORD, "the name of an image") or "",
        targets=fields.texts("targets"),
        groups=fields.texts("groups"),
        extras=fields.texts("extras"),
        settings=fields.texts("settings"),
        recorded=tuple(_recorded(recorded) for recorded in fields.tables("recorded")),
    )


def read_preference(fields: Fields) -> Preference:
    """One ``[[preferences]]``."""
    fields.reject_unknown({"name", "version", "from", "marker"})
    return Preference(
        name=values.matching(fields, "name", values.PYTHON_NAME, "a normalised name"),
        version=values.matching(fields, "version", values.PYTHON_VERSION, "a version"),
        source=fields.required_text("from"),
        marker=fields.text("marker") or "",
    )


def _recorded(fields: Fields) -> RecordedImage:
    fields.reject_unknown(
        {"target", "project", "normalisation", "diff-ids", "config", "manifest", "compressor"}
    )
    if not fields.has("normalisation"):
        fields.complain("normalisation is missing", slug="missing-key")
    return RecordedImage(
        target=fields.required_text("target"),
        project=values.optional_digest(fields, "project"),
        normalisation=fields.size("normalisation") or 0,
        diff_ids=values.digests(fields, "diff-ids"),
        config=values.digest(fields, "config"),
        manifest=values.digest(fields, "manifest"),
        compressor=fields.required_text("compressor"),
    )
