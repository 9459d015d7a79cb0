"""Pages of Python indexes: the Simple repository API in JSON and HTML, as one compact listing."""

from lockenv.formats.index.listing import (
    KEPT_FORM,
    ListedFile,
    Listing,
    ListingError,
    group,
    merge,
    parse_listing,
    render_listing,
    version_of,
)
from lockenv.formats.index.page import ACCEPT, normal_time, parse_files, parse_page

__all__ = [
    "ACCEPT",
    "KEPT_FORM",
    "ListedFile",
    "Listing",
    "ListingError",
    "group",
    "merge",
    "normal_time",
    "parse_files",
    "parse_listing",
    "parse_page",
    "render_listing",
    "version_of",
]
