"""Core metadata: the fields that resolving needs, of any metadata version."""

from __future__ import annotations

import json

from packaging.utils import canonicalize_name

from lockenv.values import dataclass

#: Part of the name under which facts are stored: another number for every change of their form.
KEPT_FORM = "core-1"

#: No real metadata comes near; the largest known (long descriptions) are below one MiB.
LIMIT = 16 << 20


class MetadataError(ValueError):
    """The text is no core metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """What a distribution says of itself.

    ``requires_dist`` is as written, in its order; ``provides_extra`` is normalised and sorted;
    ``dynamic`` holds field names in lower case (PEP 643).
    """

    metadata_version: str
    name: str
    version: str
    requires_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    requires_python: str | None = None
    dynamic: tuple[str, ...] = ()

    @property
    def is_static(self) -> bool:
        """Whether an sdist's metadata binds every wheel made of it in what resolving needs.

        PEP 643: from version 2.2 on, what is not listed as dynamic may not change.
        """
        major, _, minor = self.metadata_version.partition(".")
        numbers = (int(major), int(minor or 0)) if (major + minor).isdecimal() else (0, 0)
        needed = {"version", "requires-dist", "provides-extra", "requires-python"}
        return numbers >= (2, 2) and needed.isdisjoint(self.dynamic)


_SINGLE = {"metadata-version", "name", "version", "requires-python"}
_MANY = {"requires-dist", "provides-extra", "dynamic"}


def parse_core_metadata(body: bytes) -> CoreMetadata:
    """The fields of a METADATA or PKG-INFO file; `MetadataError` where it has no name or version.

    Reads the header alone: what follows the first empty line is the description.
    """
    if len(body) > LIMIT:
        raise MetadataError(f"it is larger than {LIMIT} bytes")
    body = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    head = body.partition(b"\n\n")[0].decode("utf-8", "replace")
    single: dict[str, str] = {}
    many: dict[str, list[str]] = {key: [] for key in _MANY}
    for key, value in _fields(head):
        if key in _SINGLE:
            single.setdefault(key, value)
        elif key in _MANY and value:
            many[key].append(value)
    for key in ("name", "version"):
        if not single.get(key):
            raise MetadataError(f"it has no {key.capitalize()}")
    return CoreMetadata(
        metadata_version=single.get("metadata-version", "1.0"),
        name=single["name"],
        version=single["version"],
        requires_dist=tuple(many["requires-dist"]),
        provides_extra=tuple(
            sorted({canonicalize_name(extra) for extra in many["provides-extra"]})
        ),
        # Old tools wrote UNKNOWN where a field was empty.
        requires_python=_known(single.get("requires-python")),
        dynamic=tuple(sorted({field.lower() for field in many["dynamic"]})),
    )


def _known(value: str | None) -> str | None:
    return None if value in {None, "", "UNKNOWN"} else value


def _fields(head: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"}:
            # A continuation; only those of the fields that are read matter.
            if found and found[-1][0] in _MANY | _SINGLE:
                key, value = found[-1]
                found[-1] = (key, f"{value} {line.strip()}".strip())
            continue
        key, colon, value = line.partition(":")
        if colon:
            found.append((key.strip().lower(), value.strip()))
    return found


def render_core(metadata: CoreMetadata) -> bytes:
    """The compact form that is kept in the store."""
    return json.dumps(
        [
            metadata.metadata_version,
            metadata.name,
            metadata.version,
            metadata.requires_dist,
            metadata.provides_extra,
            metadata.requires_python,
            metadata.dynamic,
        ],
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode("utf-8", "replace")


def parse_core(data: bytes) -> CoreMetadata:
    """The metadata of a kept form (which the store has checked)."""
    kind, name, version, requires, extras, python, dynamic = json.loads(data)
    return CoreMetadata(
        metadata_version=kind,
        name=name,
        version=version,
        requires_dist=tuple(requires),
        provides_extra=tuple(extras),
        requires_python=python,
        dynamic=tuple(dynamic),
    )
