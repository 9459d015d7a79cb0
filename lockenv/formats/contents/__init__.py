"""What wheels write: the files that their zip directories list, and where two wheels meet."""

from lockenv.formats.contents.listing import (
    LISTING_KIND,
    Entry,
    Listing,
    installed_entries,
    parse_listing,
    render_listing,
)
from lockenv.formats.contents.overlaps import (
    Collision,
    collisions_of_listings,
    find_collisions,
    harmful_paths,
    is_harmful,
)

__all__ = [
    "LISTING_KIND",
    "Collision",
    "Entry",
    "Listing",
    "collisions_of_listings",
    "find_collisions",
    "harmful_paths",
    "installed_entries",
    "is_harmful",
    "parse_listing",
    "render_listing",
]
