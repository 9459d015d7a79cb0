"""Libraries that wheels may take from outside: what wheel policies allow, and who has them.

The lists of the policies are those of auditwheel (PEP 600 and 656). ``packages`` holds only what is
true in every supported release of Debian and Ubuntu: it spares the look into a Contents index.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lockenv.fields import Fields
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The names that policies had before PEP 600.
_ALIASES = {
    "manylinux1": "manylinux_2_5",
    "manylinux2010": "manylinux_2_12",
    "manylinux2014": "manylinux_2_17",
}
_POLICY = re.compile(r"(many|musl)linux_(\d+)_(\d+)")
_INTERPRETER = re.compile(r"libpython\d[\d.]*[tdm]*\.so(\.[\d.]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeLibraries:
    """The shipped table.

    ``c_library`` are glibc's own; ``driver`` belong to NVIDIA's driver on the host; ``packages``
    has the Debian packages that have a library; ``opened`` what a Python package opens by name;
    ``built`` what it links when it is built from its sdist.
    """

    policies: Mapping[str, frozenset[str]]
    c_library: frozenset[str]
    driver: frozenset[str]
    packages: Mapping[str, frozenset[str]]
    opened: Mapping[str, tuple[str, ...]]
    built: Mapping[str, tuple[str, ...]]

    def allowed(self, wheel: str) -> frozenset[str]:
        """What the policies of a wheel's platform tags let it take from any system."""
        tags = wheel.removesuffix(".whl").rpartition("-")[2].split(".")
        found: set[str] = set()
        for tag in tags:
            named = next((new for old, new in _ALIASES.items() if tag.startswith(f"{old}_")), tag)
            match = _POLICY.match(named)
            if match is not None:
                found |= self._nearest(match[1], (int(match[2]), int(match[3])))
        return frozenset(found)

    def _nearest(self, kind: str, level: tuple[int, int]) -> frozenset[str]:
        """The policy of this level, or of the newest older one."""
        levels = {}
        for name, libraries in self.policies.items():
            match = _POLICY.fullmatch(name)
            if match is not None and match[1] == kind:
                levels[int(match[2]), int(match[3])] = libraries
        older = [one for one in levels if one <= level]
        return levels[max(older)] if older else frozenset()

    def is_elsewhere(self, soname: str) -> bool:
        """Whether a library is always there, or is never the system's to bring.

        The C library, the GPU's driver, the interpreter's own.
        """
        return (
            soname in self.c_library
            or soname in self.driver
            or _INTERPRETER.fullmatch(soname) is not None
        )


@lru_cache(maxsize=1)
def native_libraries() -> NativeLibraries:
    """The table as it is shipped."""
    place = files("lockenv.tables").joinpath("data", "native-libraries.json")
    fields = Fields(json.loads(place.read_bytes()))
    return NativeLibraries(
        policies={name: frozenset(libraries) for name, libraries in _rows(fields, "policies")},
        c_library=frozenset(fields.texts("c-library")),
        driver=frozenset(fields.texts("driver")),
        packages={name: frozenset(packages) for name, packages in _rows(fields, "packages")},
        opened=dict(_rows(fields, "opened")),
        built=dict(_rows(fields, "built")),
    )


def _rows(fields: Fields, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    table = fields.below(key)
    if table is not None:
        for name in sorted(table.table):
            yield name, table.texts(name)
