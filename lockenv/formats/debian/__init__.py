"""Debian's formats: control stanzas, versions, relations, Release files, compressions; all pure."""

from lockenv.formats.debian.compression import COMPRESSIONS, Readable, decompressed
from lockenv.formats.debian.deb822 import parse_stanza, parse_stanzas, stanza_spans
from lockenv.formats.debian.os_release import parse_os_release
from lockenv.formats.debian.relations import (
    Alternatives,
    Relation,
    Request,
    parse_relation,
    parse_relations,
    parse_request,
    render_alternatives,
)
from lockenv.formats.debian.release import ListedFile, Release, parse_date, parse_release
from lockenv.formats.debian.sources_list import (
    AptSource,
    parse_mirror_list,
    parse_sources,
    parse_sources_list,
)
from lockenv.formats.debian.status import parse_status
from lockenv.formats.debian.versions import (
    compare_versions,
    is_version,
    version_fits,
    version_key,
    without_epoch,
)

__all__ = [
    "COMPRESSIONS",
    "Alternatives",
    "AptSource",
    "ListedFile",
    "Readable",
    "Relation",
    "Release",
    "Request",
    "compare_versions",
    "decompressed",
    "is_version",
    "parse_date",
    "parse_mirror_list",
    "parse_os_release",
    "parse_relation",
    "parse_relations",
    "parse_release",
    "parse_request",
    "parse_sources",
    "parse_sources_list",
    "parse_stanza",
    "parse_stanzas",
    "parse_status",
    "render_alternatives",
    "stanza_spans",
    "version_fits",
    "version_key",
    "without_epoch",
]
