"""TOML 1.0 as people write it: parsing, and the line on which a key path stands."""

from lockenv.formats.toml.complaining import fault_at
from lockenv.formats.toml.locating import locate
from lockenv.formats.toml.parsing import parse_toml

__all__ = ["fault_at", "locate", "parse_toml"]
