"""Pages of Python indexes: the Simple repository API in JSON and HTML, as one compact listing."""

from lockenv.formats.index.listing import (
    KEPT_FORM,
    FileRow,
    ListedFile,
    Listing,
    ListingError,
    Row,
    group,
    parse_listing,
    render_listing,
    row_of,
    version_of,
)
from lockenv.formats.index.page import ACCEPT, parse_files, parse_page
from lockenv.formats.index.values import normal_time

__all__ = [
    "ACCEPT",
    "KEPT_FORM",
    "FileRow",
    "ListedFile",
    "Listing",
    "ListingError",
    "Row",
    "group",
    "normal_time",
    "parse_files",
    "parse_listing",
    "parse_page",
    "render_listing",
    "row_of",
    "version_of",
]
