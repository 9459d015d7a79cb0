"""Fat binaries: which GPU architectures and which PTX a file embeds (headers only)."""

from lockenv.formats.fatbin.container import (
    CodeEntry,
    CodeSummary,
    FatbinScanner,
    fatbin_entries,
    summarize,
)

__all__ = ["CodeEntry", "CodeSummary", "FatbinScanner", "fatbin_entries", "summarize"]
