"""What names and versions of Debian packages say of CUDA: NVIDIA's, and the distributions' own.

NVIDIA's packages carry the toolkit's minor in their name (``cuda-nvcc-12-9``) or the CUDA release
in their version (``libnccl2 2.32.3-1+cuda12.9``), which sorts below ``+cuda13.5`` whatever is
newer: so the suffix is a fact to be matched, never an order to be followed.
"""

from __future__ import annotations

import re

from lockenv.values import dataclass

_NAME = re.compile(r"(?P<part>[a-z][a-z0-9+.-]*?)-(?P<major>\d{2})-(?P<minor>\d{1,2})")
_MAJOR_NAME = re.compile(r"(?P<part>libcudnn\d+(?:-[a-z-]+?)?)-cuda-(?P<major>\d{2})")
_VERSION = re.compile(r"\+cuda(?P<major>\d{2})\.(?P<minor>\d{1,2})")
#: ``12.4.131~12.4.1-2``: the component's number, then the release.
_DEBIAN = re.compile(r"(?:\d+:)?[\d.]+~(?P<release>\d+\.\d+\.\d+)-")
_PLAIN = re.compile(r"(?:\d+:)?(?P<release>\d+\.\d+\.\d+)-")
#: What else ends in two numbers and is no part of a toolkit.
_FAMILIES = ("cuda-", "libcu", "libnv", "libnpp", "gds-", "nsight-")


@dataclass(frozen=True, slots=True, kw_only=True)
class AptFacts:
    """What a package is: the part, without the release in its name; CUDA major; toolkit minor."""

    part: str
    major: int
    toolkit: str | None = None


def parse_apt_package(name: str, version: str) -> AptFacts | None:
    """What one package of NVIDIA's repositories says of CUDA; None if nothing."""
    by_name = _NAME.fullmatch(name)
    if by_name and name.startswith(_FAMILIES):
        major, minor = by_name["major"], by_name["minor"]
        return AptFacts(part=by_name["part"], major=int(major), toolkit=f"{major}.{minor}")
    by_version = _VERSION.search(version)
    if by_version:
        major, minor = by_version["major"], by_version["minor"]
        return AptFacts(part=name, major=int(major), toolkit=f"{major}.{minor}")
    by_major = _MAJOR_NAME.fullmatch(name)
    if by_major:
        return AptFacts(part=by_major["part"], major=int(by_major["major"]))
    return None


def release_major(version: str) -> int | None:
    """The CUDA major that a version names (``2.32.3-1+cuda12.9``), or None."""
    found = _VERSION.search(version)
    return int(found["major"]) if found else None


def debian_toolkit(name: str, version: str) -> str | None:
    """The toolkit release that a distribution's own package holds, or None.

    Debian and Ubuntu write ``nvidia-cuda-toolkit 12.4.131~12.4.1-2``; newer Ubuntu releases and
    NVIDIA ``cuda-toolkit-13-1 13.1.1-0ubuntu1`` and ``cuda-nvcc-12-9 12.9.86-1``.
    """
    if name == "nvidia-cuda-toolkit":
        found = _DEBIAN.match(version) or _PLAIN.match(version)
        return found["release"] if found else None
    if re.fullmatch(r"cuda-(?:toolkit|nvcc)-\d{2}-\d{1,2}", name):
        plain = _PLAIN.match(version)
        return plain["release"] if plain else None
    return None
