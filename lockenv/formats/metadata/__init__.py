"""Core metadata of Python distributions, and what their file names say."""

from lockenv.formats.metadata.core import (
    KEPT_FORM,
    LIMIT,
    CoreMetadata,
    MetadataError,
    parse_core,
    parse_core_metadata,
    render_core,
)
from lockenv.formats.metadata.names import WheelName, expand_tags, parse_wheel_name

__all__ = [
    "KEPT_FORM",
    "LIMIT",
    "CoreMetadata",
    "MetadataError",
    "WheelName",
    "expand_tags",
    "parse_core",
    "parse_core_metadata",
    "parse_wheel_name",
    "render_core",
]
