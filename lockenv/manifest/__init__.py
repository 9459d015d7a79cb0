"""The manifest: text to `Manifest` with every fault told at once, and edits that keep comments."""

from lockenv.manifest.choosing import choose_manifest, unread_inputs
from lockenv.manifest.reading import line_of, parse_manifest
from lockenv.manifest.requirements import Requirements, parse_requirements
from lockenv.manifest.words import fill_placeholders, parse_age, parse_as_of, parse_python

__all__ = [
    "Requirements",
    "choose_manifest",
    "fill_placeholders",
    "line_of",
    "parse_age",
    "parse_as_of",
    "parse_manifest",
    "parse_python",
    "parse_requirements",
    "unread_inputs",
]
