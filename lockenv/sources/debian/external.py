"""``[external]`` (PEP 725) as system packages, by the shipped mapping of the suite (PEP 804)."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from lockenv.errors import FaultsError, InputError, NoSolutionError
from lockenv.formats.debian import compare_versions, parse_request, without_epoch
from lockenv.model import SystemPackage
from lockenv.sources.debian.requests import where
from lockenv.tables.external import ecosystem, mapping, packages_for, parse_external
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lockenv.errors import LockenvError
    from lockenv.model import LockedSystemPackage, Origin, System

#: PEP 725's keys, and the role that PEP 804's mappings know them by.
_ROLES = {"dependencies": "run", "host-requires": "host", "build-requires": "build"}
_SPECIFIER = re.compile(r"\s*(==|!=|<=|>=|<|>|~=)?\s*([0-9][0-9A-Za-z.+*]*)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalPackage:
    """What one entry of ``[external]`` means in a suite: packages, and versions of the first."""

    text: str
    packages: tuple[SystemPackage, ...]
    version: str
    origin: Origin


def external_packages(
    external: Iterable[tuple[str, Origin]],
    system: System,
    roles: Sequence[str] = ("run",),
    place: Callable[[Origin], str] = where,
) -> tuple[ExternalPackage, ...]:
    """The packages that a project's ``[external]`` asks for in the given roles.

    An entry that the mapping does not know counts as answered where ``system.packages`` names a
    package after it; every other one is an error, and all of them are told at once (InputError).
    """
    name = ecosystem(system.distribution, system.suite)
    found: list[ExternalPackage] = []
    faults: list[LockenvError] = []
    for text, origin in external:
        role = _ROLES.get(str(origin.path[1]) if len(origin.path) > 1 else "", "run")
        if role not in roles:
            continue
        try:
            wanted = parse_external(text)
        except ValueError as error:
            faults.append(_malformed(text, place(origin), str(error)))
            continue
        packages = packages_for(wanted, name, role) if name else None
        if packages:
            asked = tuple(SystemPackage(relation=one, origin=origin) for one in packages)
            found.append(
                ExternalPackage(text=text, packages=asked, version=wanted.version, origin=origin)
            )
        elif not _is_answered(wanted.identifier, system):
            faults.append(_unmapped(text, wanted.identifier, place(origin), system, name))
    if faults:
        raise FaultsError(faults)
    return tuple(found)


def check_external(
    external: Iterable[ExternalPackage],
    packages: Iterable[LockedSystemPackage],
    place: Callable[[Origin], str] = where,
) -> None:
    """Hold the locked packages to the versions that ``[external]`` asks for; NoSolutionError.

    A suite has one version of a thing, so there is nothing to choose; compared is the upstream
    version of the first package that the entry means.
    """
    locked = {package.name: package for package in packages}
    for one in external:
        package = locked.get(one.packages[0].relation) if one.packages else None
        if package is None or not one.version:
            continue
        upstream = _upstream(package.version)
        if not _fits(upstream, one.version):
            raise NoSolutionError(
                "external-version",
                f"{one.text} is not what this suite has",
                why=(
                    f"you ask for {one.version}    {place(one.origin)}",
                    f"{package.name} is {package.version}",
                ),
                fix="relax the version, take another suite, or add backports = true",
            )


def _is_answered(identifier: str, system: System) -> bool:
    plain = identifier.rpartition("/")[2].lower().removeprefix("lib")
    for package in system.packages:
        try:
            request = parse_request(package.relation)
        except ValueError:
            continue  # told where the packages are read
        if any(plain in relation.name for relation in request.alternatives):
            return True
    return False


def _malformed(text: str, place: str, reason: str) -> InputError:
    return InputError(
        "bad-external",
        f"{text!r} names no external dependency",
        why=(place, reason),
        fix="write it as PEP 725 says: dep:generic/NAME",
    )


def _unmapped(
    text: str, identifier: str, place: str, system: System, name: str | None
) -> InputError:
    plain = identifier.rpartition("/")[2]
    known = mapping(name) if name else {}
    short = {one.rpartition("/")[2]: one for one in sorted(known)}
    near = [short[match] for match in difflib.get_close_matches(plain, sorted(short), n=3)]
    why = [place]
    if name is None:
        why.append(f"there is no table for {system.distribution} {system.suite}")
    elif identifier in known:
        why.append(f"{name} has no package for it")
    elif near:
        why.append(f"the nearest that are known: {', '.join(near)}")
    return InputError(
        "unmapped-external",
        f"it is not known which package of {name or system.suite} {text} is",
        why=why,
        fix=f'name it yourself: packages = ["{plain}"] in [system]',
    )


def _upstream(version: str) -> str:
    plain = without_epoch(version).rpartition("-")[0] or without_epoch(version)
    return re.split(r"[+~]", plain, maxsplit=1)[0]


def _fits(version: str, specifiers: str) -> bool:
    """PEP 440's operators over Debian's order, which agree on release numbers."""
    for part in specifiers.split(","):
        match = _SPECIFIER.fullmatch(part)
        if match is None:
            return False
        operator, wanted = match[1] or "==", match[2]
        if wanted.endswith(".*") or operator == "~=":
            prefix = wanted.removesuffix(".*")
            if operator == "~=" and compare_versions(version, wanted) < 0:
                return False
            prefix = prefix.rpartition(".")[0] if operator == "~=" else prefix
            held = f"{version}.".startswith(f"{prefix}.")
            if held == (operator == "!="):
                return False
            continue
        order = compare_versions(version, wanted)
        fits = {
            "==": order == 0,
            "!=": order != 0,
            "<=": order <= 0,
            ">=": order >= 0,
            "<": order < 0,
            ">": order > 0,
        }[operator]
        if not fits:
            return False
    return True
