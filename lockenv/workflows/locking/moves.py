"""What of the former lock a ``lock`` may move, and the times that it is bound to."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.model import Manifest
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.model import Lock
from datetime import datetime
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.fields import nearest
from lockenv.manifest import parse_age, parse_as_of
from lockenv.model import LOCK_NAME
from lockenv.values import field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lockenv.model import Lock, Manifest

_LAYERS = ("pypi", "deb", "cuda", "base")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Up to when files may have been uploaded: times are RFC 3339 in UTC."""

    as_of: str | None = None
    released_before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What may move: whole layers, or packages by layer; ``fixed`` are versions asked for."""

    layers: frozenset[str] = frozenset()
    packages: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    interpreter: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether every pin stays if it can."""
        return not (self.layers or self.packages or self.interpreter)

    def of(self, layer: str, names: Iterable[str]) -> frozenset[str]:
        """Which of the names of one layer may move."""
        if {"pypi": "python", "deb": "system"}.get(layer, layer) in self.layers:
            return frozenset(names)
        return frozenset(names) & self.packages.get(layer, frozenset())


def parse_moves(
    layers: frozenset[str], packages: Sequence[str], known: Mapping[str, Collection[str]]
) -> Moves:
    """What ``--upgrade`` and ``-P`` ask; ``known`` are the names of each layer of the former lock.

    A name that two layers have must say which one it means. Raises `InputError`.
    """
    chosen: dict[str, set[str]] = {}
    fixed: dict[str, str] = {}
    interpreter = "interpreter" in layers
    for text in packages:
        if text == "python":
            interpreter = True
            continue
        layer, name, version = _parsed(text, known)
        chosen.setdefault(layer, set()).add(name)
        if version:
            fixed[f"{layer}:{name}"] = version
    return Moves(
        layers=layers,
        packages={layer: frozenset(names) for layer, names in chosen.items()},
        fixed=fixed,
        interpreter=interpreter,
    )


def refuse_unknown(moves: Moves, former: Lock | None, new: Lock) -> None:
    """`InputError` for a package to move that neither the former nor the new lock has."""
    for layer, names in sorted(moves.packages.items()):
        known = _names(new, layer) | (_names(former, layer) if former else set())
        for name in sorted(names - known):
            near = nearest(name, known)
            raise InputError(
                "unknown-package",
                f"there is no package {name} to move: {LOCK_NAME} has none of that name",
                fix=f"-P {near}" if near else f"lockenv add {name}",
            )


def _names(lock: Lock, layer: str) -> set[str]:
    """The names that a lock has in one layer; for Debian those of the sources too."""
    if layer == "deb":
        return {name for one in lock.system_packages for name in (one.name, one.source)}
    if layer == "cuda":
        return {component.name for component in lock.cuda_components}
    if layer == "base":
        return {image.reference for image in lock.base_images}
    built = {package.name for build in lock.builds for package in build.packages}
    return {package.name for package in lock.packages} | built


def _parsed(text: str, known: Mapping[str, Collection[str]]) -> tuple[str, str, str]:
    prefix, colon, rest = text.partition(":")
    if colon and prefix in _LAYERS:
        name, version = _name_and_version(rest, text, exact="==" if prefix == "pypi" else "=")
        return prefix, name, version
    name, version = _name_and_version(text, text, exact="==")
    layers = [layer for layer in _LAYERS if name in known.get(layer, ())]
    if len(layers) > 1:
        raise InputError(
            "ambiguous-name",
            f"{name} is a package of {' and of '.join(layers)}",
            fix="write " + " or ".join(f"{layer}:{name}" for layer in layers),
        )
    return (layers[0] if layers else "pypi"), name, version


def _name_and_version(text: str, written: str, *, exact: str) -> tuple[str, str]:
    if exact == "=":
        name, _, version = text.partition("=")
        return name.strip(), version.lstrip("=").strip()
    try:
        requirement = Requirement(text)
    except ValueError as error:
        raise InputError(
            "invalid-package",
            f"{written!r} names no package to upgrade",
            why=str(error).splitlines()[0],
            fix="write -P NAME or -P NAME==VERSION",
        ) from error
    specifiers = list(requirement.specifier)
    if len(specifiers) > 1 or any(one.operator not in {"==", "==="} for one in specifiers):
        raise InputError(
            "invalid-package",
            f"-P {written} is neither a name nor NAME==VERSION",
            why="a range belongs into the manifest, where it stays",
            fix=f"lockenv add '{written}'",
        )
    version = specifiers[0].version if specifiers else ""
    return canonicalize_name(requirement.name), version


def recorded(former: Lock | None, kind: str) -> str | None:
    """What a request line of the former lock holds, if any target has it."""
    if former is None:
        return None
    for lines in former.request.values():
        for line in lines:
            if line.startswith(f"{kind} "):
                return line.removeprefix(f"{kind} ")
    return None


def search_limits(
    manifest: Manifest,
    former: Lock | None,
    *,
    as_of: str | None,
    now: datetime,
    moves: Moves,
) -> Limits:
    """The times that bind a search: as given, as in the manifest, or as kept from the former lock.

    A minimum release age is an absolute time that moves only with ``--upgrade`` (contract 2).
    """
    renewed = bool(moves.layers)
    limit = None
    if as_of is not None:
        try:
            limit = parse_as_of(as_of)
        except ValueError as error:
            raise InputError(
                "invalid-date",
                f"--as-of {as_of} is no date",
                why=str(error),
                fix="write a day, such as 2026-10-01, or an RFC 3339 time in UTC",
            ) from error
    elif manifest.as_of:
        limit = manifest.as_of
    elif not renewed:
        limit = recorded(former, "as-of")
    released = None
    if manifest.minimum_release_age:
        kept = None if renewed else recorded(former, "released-before")
        same = recorded(former, "minimum-release-age") == manifest.minimum_release_age
        age = parse_age(manifest.minimum_release_age)
        start = _parsed_time(limit) if limit else now
        released = kept if kept and same else _rendered(start - age)
    return Limits(as_of=limit, released_before=released)


def _parsed_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _rendered(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
