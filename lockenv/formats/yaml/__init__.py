"""YAML (1.2's core, written so that 1.1 reads the same)."""

from lockenv.formats.yaml.writing import Node, render_yaml

__all__ = ["Node", "render_yaml"]
