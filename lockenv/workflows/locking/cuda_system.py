"""CUDA among a target's system packages: the toolkit that they bring, its libraries, one major.

What compiles and what runs are of one CUDA major: Debian's nvcc 12.4 makes torch a CUDA 12 build.
Of packages that name a CUDA release in their version (``libnccl2 2.32.3-1+cuda12.9``) only those
of the target's majors count, whatever sorts higher.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.formats.nvidia import debian_toolkit, parse_apt_package, release_major
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lockenv.model import LockedSystemPackage

#: What Debian calls the package of a library: ``libcudart.so.12`` is in ``libcudart12``.
_SONAME = re.compile(r"(lib[a-zA-Z0-9_-]+)\.so\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCuda:
    """What system packages have of CUDA.

    ``toolkit`` is the release whose compiler they bring, empty where there is none or several of
    different majors; ``package`` is the one that brings it, ``sonames`` are CUDA's libraries.
    """

    toolkit: str = ""
    package: str = ""
    sonames: tuple[str, ...] = ()


def system_cuda(packages: Iterable[LockedSystemPackage]) -> SystemCuda:
    """What a target's system packages have of CUDA."""
    packages = list(packages)
    if not packages:
        return SystemCuda()
    found = {
        toolkit: f"{one.name} {one.version}"
        for one in packages
        if (toolkit := debian_toolkit(one.name, one.version)) is not None
    }
    majors = {toolkit.partition(".")[0] for toolkit in found}
    newest = max(found, key=_numbers) if len(majors) == 1 else ""
    return SystemCuda(
        toolkit=newest, package=found.get(newest, ""), sonames=tuple(sorted(_sonames(packages)))
    )


def _sonames(packages: Sequence[LockedSystemPackage]) -> Iterable[str]:
    """The sonames that packages have by their names: Debian's own, and NVIDIA's."""
    from lockenv.tables.cuda import components  # noqa: PLC0415 - start-up: most systems have no CUDA

    names = {one.name for one in packages}
    facts = [f for one in packages if (f := parse_apt_package(one.name, one.version)) is not None]
    parts = {(re.sub(r"^(?:cuda-|lib)", "", fact.part), fact.major) for fact in facts}
    for row in components().sonames.values():
        match = _SONAME.fullmatch(row.soname)
        is_debians = match is not None and f"{match[1].lower()}{match[2]}" in names
        if is_debians or any(
            p.startswith(row.component) and row.major in {None, m} for p, m in parts
        ):
            yield row.soname


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def admits_majors(majors: Iterable[int]) -> Callable[[str, str], bool]:
    """Whether a package can be beside these CUDA majors, by the release that its version names."""
    allowed = frozenset(majors)

    def admits(name: str, version: str) -> bool:  # noqa: ARG001 - the port: name and version
        major = release_major(version)
        return major is None or major in allowed

    return admits


def other_majors(packages: Iterable[LockedSystemPackage], major: int) -> bool:
    """Whether a version among these names a CUDA release of another major."""
    return any(
        found not in {None, major} for one in packages for found in [release_major(one.version)]
    )
