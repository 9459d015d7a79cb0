"""NVIDIA's own listings: redistributable manifests, and what names in its apt repositories mean."""

from lockenv.formats.nvidia.apt import (
    AptFacts,
    debian_toolkit,
    parse_apt_package,
    release_major,
)
from lockenv.formats.nvidia.redistributable import (
    PLATFORM_NAMES,
    ListedArchive,
    ListedComponent,
    RedistributableError,
    RedistributableManifest,
    parse_redistributables,
)

__all__ = [
    "PLATFORM_NAMES",
    "AptFacts",
    "ListedArchive",
    "ListedComponent",
    "RedistributableError",
    "RedistributableManifest",
    "debian_toolkit",
    "parse_apt_package",
    "parse_redistributables",
    "release_major",
]
