"""Tar archives: deterministic ustar with pax only where needed, and a bounded reader."""

from lockenv.formats.tar.entry import Entry, Kind, checked_path, sort_key
from lockenv.formats.tar.read import Reader, Stream
from lockenv.formats.tar.write import END, padding, render_header

__all__ = [
    "END",
    "Entry",
    "Kind",
    "Reader",
    "Stream",
    "checked_path",
    "padding",
    "render_header",
    "sort_key",
]
