"""Native libraries of wheels: what the dynamic loader will ask for, and who must have it."""

from lockenv.sources.native.gaps import Need, WheelContent, find_needs
from lockenv.sources.native.reading import (
    EMPTY,
    Library,
    NativeFetcher,
    WheelLibraries,
    read_libraries,
)

__all__ = [
    "EMPTY",
    "Library",
    "NativeFetcher",
    "Need",
    "WheelContent",
    "WheelLibraries",
    "find_needs",
    "read_libraries",
]
