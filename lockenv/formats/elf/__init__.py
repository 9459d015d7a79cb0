"""ELF shared objects: the dynamic section (System V ABI, chapters 4 and 5), the linker's cache."""

from lockenv.formats.elf.cache import CachedLibrary, compare_libraries, render_cache
from lockenv.formats.elf.dynamic import (
    DynamicFacts,
    ElfError,
    parse_dynamic,
    section_range,
    sonames_in_prefix,
)

__all__ = [
    "CachedLibrary",
    "DynamicFacts",
    "ElfError",
    "compare_libraries",
    "parse_dynamic",
    "render_cache",
    "section_range",
    "sonames_in_prefix",
]
