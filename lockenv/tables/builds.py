"""The python-build-standalone builds that this release of lockenv knows, by version and platform.

The data file lists one build a line: version, platform, variant, release, file name in the release,
sha256. ``scripts/refresh_python_builds.py`` writes it. Archives are of two layouts, told apart by
their names: ``install_only`` ones (``.tar.gz``, a folder ``python``) and full ones (``.tar.zst``,
the same below ``python/install``).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lockenv.patterns import pattern
from lockenv.tables.addresses import PYTHON_BUILDS
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.specifiers import SpecifierSet

VersionKey = tuple[int, int, int, int, int]

#: CPython's own spelling of a version: three numbers, then perhaps a, b or rc with a number.
_VERSION = pattern(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:(a|b|rc)(\d{1,3}))?")
_STAGES = {"a": 0, "b": 1, "rc": 2, None: 3}
_SPEC = pattern(r"(\d{1,3}(?:\.\d{1,3}(?:\.\d{1,3}(?:(?:a|b|rc)\d{1,3})?)?)?)(?:\.\*)?(t?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One archive with a CPython for one platform.

    ``variant`` is ``default`` or ``freethreaded``; ``build`` names the release, newer ones sort
    later; ``filename`` is decoded, ``url`` is the canonical address; ``sha256`` is lower-case hex.
    """

    version: str
    platform: str
    variant: str
    build: str
    filename: str
    url: str
    sha256: str

    @property
    def is_freethreaded(self) -> bool:
        """Whether it runs without the global interpreter lock (PEP 703)."""
        return self.variant == "freethreaded"

    @property
    def is_stable(self) -> bool:
        """Whether its version is neither an alpha, a beta nor a release candidate."""
        return version_key(self.version)[3] == _STAGES[None]


def version_key(version: str) -> VersionKey:
    """What orders CPython's versions; ValueError if the text is not one."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"not a full CPython version: {version[:40]!r}")
    major, minor, micro, stage, serial = match.groups()
    return int(major), int(minor), int(micro), _STAGES[stage], int(serial or 0)


def interpreter_builds() -> tuple[Build, ...]:
    """Every build of the shipped table, in the order of its lines."""
    return tuple(map(_build, _lines()))


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[str, str, str, str, str, str], ...]:
    # A lock that names its interpreter is judged without the table.
    from importlib.resources import files  # noqa: PLC0415 - start-up

    data = files("lockenv.tables").joinpath("data/python-builds.json").read_text("utf-8")
    return tuple(map(tuple, json.loads(data)["builds"]))


def _build(line: tuple[str, str, str, str, str, str]) -> Build:
    version, platform, variant, build, name, sha256 = line
    return Build(
        version=version,
        platform=platform,
        variant=variant,
        build=build,
        filename=unquote(name),
        url=f"{PYTHON_BUILDS}{build}/{name}",
        sha256=sha256,
    )


def matching_builds(
    spec: str,
    platform: str,
    *,
    requires_python: SpecifierSet | None = None,
    prereleases: bool = False,
    builds: Iterable[Build] | None = None,
) -> list[Build]:
    """The builds for a platform that a manifest's ``python`` admits, newest version first.

    ``spec`` is ``3``, ``3.11`` (also ``3.11.*``), ``3.11.7`` or ``3.14.0rc1``, each with ``t`` for
    the free-threaded build; empty means any version of the ordinary build. A pre-release is
    admitted when ``prereleases`` says so or when ``spec`` names it exactly. ValueError if ``spec``
    is none of these. ``builds`` stands in for the shipped table.
    """
    prefix, freethreaded = _parse_spec(spec)
    known = builds
    if known is None:
        # Of over a thousand lines a lock needs those of its platforms.
        known = (_build(line) for line in _lines() if line[1] == platform)
    found = [
        build
        for build in known
        if build.platform == platform
        and build.is_freethreaded == freethreaded
        and _is_under(build.version, prefix)
        and (build.is_stable or prereleases or build.version == prefix)
        and (requires_python is None or requires_python.contains(build.version, prereleases=True))
    ]
    return sorted(found, key=lambda build: (version_key(build.version), build.build), reverse=True)


def newest_build(
    spec: str,
    platform: str,
    *,
    requires_python: SpecifierSet | None = None,
    prereleases: bool = False,
    builds: Iterable[Build] | None = None,
) -> Build | None:
    """The first of `matching_builds`, or None where no build is admitted."""
    found = matching_builds(
        spec,
        platform,
        requires_python=requires_python,
        prereleases=prereleases,
        builds=builds,
    )
    return found[0] if found else None


def known_minors(platform: str) -> Iterator[str]:
    """The ``X.Y`` for which the table has a build for a platform, ascending; for messages."""
    minors = {
        version_key(build.version)[:2]
        for build in interpreter_builds()
        if build.platform == platform
    }
    return (f"{major}.{minor}" for major, minor in sorted(minors))


def _parse_spec(spec: str) -> tuple[str, bool]:
    if not spec:
        return "", False
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"not a version of Python: {spec[:40]!r}")
    return match.group(1), bool(match.group(2))


def _is_under(version: str, prefix: str) -> bool:
    """Whether a full version is the prefix, or lies below it (``3.1`` does not hold ``3.11.0``)."""
    if not prefix or version == prefix:
        return True
    return prefix.count(".") < 2 and version.startswith(f"{prefix}.")
