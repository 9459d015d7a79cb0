"""ELF shared objects: the dynamic section (System V ABI, chapters 4 and 5)."""

from lockenv.formats.elf.dynamic import (
    DynamicFacts,
    ElfError,
    parse_dynamic,
    section_range,
    sonames_in_prefix,
)

__all__ = ["DynamicFacts", "ElfError", "parse_dynamic", "section_range", "sonames_in_prefix"]
