"""Names of wheel files (binary distribution format) and what their tags mean."""

from __future__ import annotations

import re

from lockenv.values import dataclass

_BUILD = re.compile(r"(\d+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WheelName:
    """The parts of ``NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl``; ``tags`` is still compressed.

    ``build`` sorts as the specification says: no build number first, then by number, then by text.
    """

    name: str
    version: str
    build: tuple[int, str]
    tags: str

    def expanded(self) -> frozenset[str]:
        """Every tag that the compressed set stands for (PEP 425)."""
        return expand_tags(self.tags)


def parse_wheel_name(filename: str) -> WheelName:
    """The parts of a wheel's file name; ValueError if it is none."""
    if not filename.endswith(".whl"):
        raise ValueError(f"{filename!r} does not end in .whl")
    parts = filename[:-4].split("-")
    if len(parts) not in {5, 6}:
        raise ValueError(f"{filename!r} has {len(parts)} parts, not five or six")
    build = (-1, "")
    if len(parts) == 6:
        match = _BUILD.fullmatch(parts[2])
        # Nobody numbers builds with more digits; int() of a very long text takes long.
        if match is None or len(match[1]) > 18:
            raise ValueError(f"{filename!r} has a build number that does not begin with a digit")
        build = (int(match[1]), match[2])
    return WheelName(parts[0], parts[1], build, "-".join(parts[-3:]).lower())


def expand_tags(compressed: str) -> frozenset[str]:
    """Every ``python-abi-platform`` of a compressed tag set.

    A hostile name may stand for millions: past a thousand it stands for none.
    """
    pythons, abis, platforms = (part.split(".") for part in compressed.split("-"))
    if len(pythons) * len(abis) * len(platforms) > 1000:
        return frozenset()
    return frozenset(f"{py}-{abi}-{on}" for py in pythons for abi in abis for on in platforms)
