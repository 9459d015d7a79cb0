"""The Container Device Interface's documents (CDI 0.6 to 1.0), in JSON or YAML."""

from lockenv.formats.cdi.document import parse_cdi

__all__ = ["parse_cdi"]
