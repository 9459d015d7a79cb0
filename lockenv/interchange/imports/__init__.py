"""Other tools' files in: pure functions from a text to requirements, pins and what did not map."""

from lockenv.interchange.imports.documents import requirement_name
from lockenv.interchange.imports.projects import parse_other_tools
from lockenv.interchange.imports.reading import KINDS, Kind, kind_of_file, parse_import
from lockenv.interchange.imports.setup_files import parse_setup
from lockenv.interchange.imports.values import Imported, Pin, Unmapped

__all__ = [
    "KINDS",
    "Imported",
    "Kind",
    "Pin",
    "Unmapped",
    "kind_of_file",
    "parse_import",
    "parse_other_tools",
    "parse_setup",
    "requirement_name",
]
