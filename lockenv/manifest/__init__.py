"""The manifest: text to `Manifest` with every fault told at once, and edits that keep comments."""

from lockenv.manifest.choosing import OTHER_INPUTS, choose_manifest, unread_inputs
from lockenv.manifest.edits import add_requirement, remove_requirement, set_sdist_policy
from lockenv.manifest.exports import EXPORT_OPTIONS, OPTION_KINDS
from lockenv.manifest.reading import line_of, parse_manifest
from lockenv.manifest.requirements import Requirements, logical_lines, parse_requirements
from lockenv.manifest.starting import Start, append_tables, extend_pyproject, new_manifest
from lockenv.manifest.where import Where
from lockenv.manifest.words import (
    fill_placeholders,
    parse_age,
    parse_as_of,
    parse_index_url,
    parse_python,
)

__all__ = [
    "EXPORT_OPTIONS",
    "OPTION_KINDS",
    "OTHER_INPUTS",
    "Requirements",
    "Start",
    "Where",
    "add_requirement",
    "append_tables",
    "choose_manifest",
    "extend_pyproject",
    "fill_placeholders",
    "line_of",
    "logical_lines",
    "new_manifest",
    "parse_age",
    "parse_as_of",
    "parse_index_url",
    "parse_manifest",
    "parse_python",
    "parse_requirements",
    "remove_requirement",
    "set_sdist_policy",
    "unread_inputs",
]
