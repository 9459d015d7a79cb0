"""YAML (1.2's core, written so that 1.1 reads the same)."""

from lockenv.formats.yaml.reading import Read, parse_yaml
from lockenv.formats.yaml.writing import Node, render_yaml

__all__ = ["Node", "Read", "parse_yaml", "render_yaml"]
