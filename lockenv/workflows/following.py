"""``follow``: another tool's lock stays in charge of the Python layer; LE109 where ours differs.

Its versions bind, for each target those whose markers hold; its indexes and sources stand beside
the manifest's own. Packages of ``seed`` and build environments are lockenv's own affair.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import InputError
from lockenv.interchange.imports import kind_of_file, parse_import
from lockenv.lockfile import artifact_for, entries_of, marker_holds, target_of
from lockenv.model import LOCK_NAME, Ask, Finding, Origin
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lockenv.interchange.imports import Imported
    from lockenv.model import Lock, LockedPackage, Manifest, SourceRule, Target

#: The locks that can be followed, and the command that makes each anew.
_FOLLOWED = {"uv.lock": "uv lock", "pylock.toml": "make it again with its own tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedPin:
    """What the followed lock has of a package on one target; no hashes means: it lists none."""

    version: str
    hashes: frozenset[str] = frozenset()


def with_followed(manifest: Manifest, load: Callable[[str], str | None]) -> Manifest:
    """The manifest with the indexes, sources and overrides of the lock that it follows."""
    if manifest.follow is None:
        return manifest
    text = load(manifest.follow)
    if text is None:
        raise InputError(
            "missing-file",
            f'follow is "{manifest.follow}", but there is no such file',
            fix=f"make {manifest.follow} with its own tool, or remove follow",
        )
    if kind_of_file(manifest.follow) not in _FOLLOWED:
        raise InputError(
            "not-followed",
            f'follow is "{manifest.follow}", which is no lock that can be followed',
            why=f"there are {' and '.join(_FOLLOWED)}",
            fix="lockenv import reads the other kinds once",
        )
    found = parse_import(manifest.follow, text, load=load)
    known = {index.url.rstrip("/"): index.name for index in manifest.indexes}
    renamed = {
        index.name: known[index.url.rstrip("/")]
        for index in found.indexes
        if index.url.rstrip("/") in known
    }
    indexes = [
        replace(index, explicit=True) for index in found.indexes if index.name not in renamed
    ]
    sources = dict(manifest.sources)
    for name, rules in found.sources.items():
        sources.setdefault(name, tuple(_renamed(rule, renamed) for rule in rules))
    origin = Origin(manifest.follow)
    return replace(
        manifest,
        files={**manifest.files, manifest.follow: text},
        indexes=(*manifest.indexes, *indexes),
        sources=sources,
        overrides=(
            *manifest.overrides,
            *(Ask(Requirement(one), origin) for one in found.overrides),
        ),
    )


def _renamed(rule: SourceRule, names: Mapping[str, str]) -> SourceRule:
    return replace(rule, index=names.get(rule.index, rule.index)) if rule.index else rule


def followed_pins(manifest: Manifest, target: Target) -> dict[str, FollowedPin]:
    """The pins of the followed lock that hold on a target; none where nothing is followed."""
    found = _read(manifest)
    if found is None:
        return {}
    pins: dict[str, FollowedPin] = {}
    for pin in found.pins:
        if pin.name not in pins and marker_holds(pin.marker, target):
            pins[pin.name] = FollowedPin(version=pin.version, hashes=frozenset(pin.hashes))
    return pins


def _read(manifest: Manifest) -> Imported | None:
    if manifest.follow is None:
        return None
    text = manifest.files.get(manifest.follow)
    return _parsed(manifest.follow, text) if text is not None else None


@lru_cache(maxsize=2)
def _parsed(file: str, text: str) -> Imported:
    """Read once: every target asks. Nobody changes what it holds."""
    return parse_import(file, text, load=lambda _: None)


def follow_findings(manifest: Manifest, lock: Lock) -> list[Finding]:
    """LE109 for each package that the two locks do not have alike."""
    found = _read(manifest)
    if found is None or manifest.follow is None:
        return []
    findings = []
    for target in lock.targets:
        pins = followed_pins(manifest, target_of(target))
        for package in entries_of(lock, target.name).values():
            differs = _difference(found, manifest.follow, package, target.name, pins)
            if differs:
                findings.append(
                    Finding(
                        code="LE109",
                        message=differs,
                        layer="manifest",
                        target=target.name,
                        package=package.name,
                        file=manifest.follow,
                        fix="lockenv lock",
                    )
                )
    return findings


def _difference(
    found: Imported,
    file: str,
    package: LockedPackage,
    target: str,
    pins: Mapping[str, FollowedPin],
) -> str:
    if set(package.groups) <= {"seed"} or package.directory is not None or package.archive:
        return ""
    if package.vcs is not None:
        rules = found.sources.get(package.name, [])
        theirs, ours = (rules[0].rev if rules else None) or "", package.vcs.commit
        same = not theirs or theirs == ours
        return "" if same else f"{file} has {package.name} at {theirs}, {LOCK_NAME} at {ours}"
    return _version_difference(file, package, target, pins.get(package.name))


def _version_difference(
    file: str, package: LockedPackage, target: str, pin: FollowedPin | None
) -> str:
    here = f"{LOCK_NAME} has {package.name} {package.version}"
    if pin is None:
        return f"{here}, {file} has none"
    if not _same(pin.version, package.version or ""):
        return f"{file} has {package.name} {pin.version}, {here}"
    artifact = artifact_for(package, target)
    if artifact is not None and pin.hashes and str(artifact.digest) not in pin.hashes:
        return f"{here} by {artifact.name}, which {file} does not list"
    return ""


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except ValueError:
        return one == other


def refuse_unfollowed(manifest: Manifest, lock: Lock) -> None:
    """`InputError` where the answer needs what the followed lock has not, or has otherwise."""
    findings = follow_findings(manifest, lock)
    if not findings or manifest.follow is None:
        return
    kind = kind_of_file(manifest.follow) or ""
    raise InputError(
        "LE109",
        f"{manifest.follow} does not answer the manifest",
        why=list(dict.fromkeys(f"{one.message} ({one.target})" for one in findings[:8])),
        fix=f"{_FOLLOWED[kind]}, then lockenv lock",
    )


def followed_versions(
    manifest: Manifest, targets: Iterable[Target]
) -> dict[str, dict[str, str]] | None:
    """For each target the public versions that bind; None where nothing is followed."""
    if manifest.follow is None:
        return None
    return {
        target.name: {
            canonicalize_name(name): Version(pin.version).public
            for name, pin in followed_pins(manifest, target).items()
        }
        for target in targets
    }
