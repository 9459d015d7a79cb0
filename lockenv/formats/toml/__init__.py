"""TOML 1.0 as people write it: parsing, and the line on which a key path stands."""

from lockenv.formats.toml.complaining import fault_at
from lockenv.formats.toml.locating import headers, locate
from lockenv.formats.toml.parsing import parse_toml

__all__ = ["fault_at", "headers", "locate", "parse_toml"]
