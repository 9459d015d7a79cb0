"""The lock against itself: what it says must follow from what it says (LE201 to LE204, LE207)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.formats.debian import parse_relations
from lockenv.lockfile.duplicates import duplicates
from lockenv.lockfile.places import Places
from lockenv.lockfile.self_check_layers import unserved
from lockenv.lockfile.self_check_python import python_faults
from lockenv.lockfile.self_fault import SelfFault
from lockenv.lockfile.writer import header, is_writable, render_lock
from lockenv.model import LOCK_NAME, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.formats.debian import Relation
    from lockenv.model import Lock, LockedSystemPackage, LockedTarget


def self_check(lock: Lock, text: str, *, name: str = LOCK_NAME) -> list[Finding]:
    """Everything in which a lock contradicts itself, and whether its text is the canonical one.

    Any changed byte and any lost or added entry shows at least as LE204, because each entry carries
    check digits over itself and the name of the entry before it.
    """
    findings = duplicates(lock, text, name=name)
    places = Places(text)
    faults: Iterable[SelfFault] = ()
    if not findings:
        faults = (
            *_target_faults(lock),
            *python_faults(lock),
            *_system_faults(lock),
            *_unserved(lock),
        )
    for fault in faults:
        line = places.entry(fault.path) if fault.path else None
        place = f"{name}:{line}" if line else name
        findings.append(
            Finding(
                code=fault.code,
                message=fault.message.replace("{place}", place),
                layer="lock",
                target=fault.target,
                package=fault.package,
                file=name,
                line=line,
                fix="lockenv lock",
            )
        )
    findings += _canonical_findings(lock, text, name)
    return sorted(findings, key=lambda item: (item.code, item.line or 0, item.message))


def _canonical_findings(lock: Lock, text: str, name: str) -> Iterator[Finding]:
    message = "is not as lockenv writes it"
    line = 1
    if not is_writable(lock.version):
        # What a newer format writes below its first lines is not known here.
        if text.startswith(header(lock.version)):
            return
        message = f"does not say in its first lines that it has format {lock.version}"
    else:
        try:
            canonical = render_lock(lock)
        except (InputError, ValueError, KeyError):
            canonical = ""
        if canonical == text:
            return
        line = _first_difference(canonical, text)
    yield Finding(
        code="LE204",
        message=f"{name}:{line} {message}: it was edited by hand or damaged",
        layer="lock",
        file=name,
        line=line,
        fix=f"git restore {name}, or lockenv lock",
    )


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one.split("\n"), other.split("\n"), strict=False)
    for number, (left, right) in enumerate(pairs, 1):
        if left != right:
            return number
    return min(one.count("\n"), other.count("\n")) + 1


def _target_faults(lock: Lock) -> Iterator[SelfFault]:
    """Targets, requests and interpreters belong together one to one; nobody serves a stranger."""
    names = {target.name for target in lock.targets}
    for name in sorted(names - set(lock.request)):
        yield SelfFault("LE201", f"{{place}}: target {name} has no request", target=name)
    for name in sorted(set(lock.request) - names):
        yield SelfFault("LE201", f"{{place}}: there is a request for {name}, which is no target")
    served = {
        "packages": [item.targets for item in lock.packages],
        "builds": [item.targets for item in lock.builds],
        "system-packages": [item.targets for item in lock.system_packages],
        "system-archives": [item.targets for item in lock.system_archives],
        "interpreters": [item.targets for item in lock.interpreters],
        "cuda-components": [item.targets for item in lock.cuda_components],
        "base-images": [item.targets for item in lock.base_images],
    }
    for kind, entries in served.items():
        for number, targets in enumerate(entries):
            yield from _served(kind, number, targets, names)
    for number, image in enumerate(lock.images):
        if not names.issuperset(image.targets):
            message = (
                f"{{place}}: an image is for {', '.join(image.targets)}, not all of it targets"
            )
            yield SelfFault("LE201", message, path=("images", number))
    for number, target in enumerate(lock.targets):
        yield from _interpreter_faults(lock, target, number)


def _served(
    kind: str, number: int, targets: tuple[str, ...], names: set[str]
) -> Iterator[SelfFault]:
    path = (kind, number)
    if not targets:
        yield SelfFault("LE201", f"{{place}}: an entry of {kind} serves no target", path=path)
    for target in targets:
        if target not in names:
            message = f"{{place}}: an entry of {kind} serves {target}, which is no target"
            yield SelfFault("LE201", message, path=path)


def _interpreter_faults(lock: Lock, target: LockedTarget, number: int) -> Iterator[SelfFault]:
    path = ("targets", number)
    serving = [item for item in lock.interpreters if target.name in item.targets]
    if not serving:
        message = f"{{place}}: target {target.name} has no interpreter"
        yield SelfFault("LE201", message, target=target.name, path=path)
        return
    interpreter = serving[0]
    pairs = (
        ("version", interpreter.version, target.python),
        ("platform", interpreter.platform, target.platform),
        ("source", interpreter.source, target.python_source),
    )
    for word, has, wanted in pairs:
        if has != wanted:
            message = f"{{place}}: target {target.name} has {word} {wanted}, its interpreter {has}"
            yield SelfFault("LE201", message, target=target.name, path=path)


def _system_faults(lock: Lock) -> Iterator[SelfFault]:
    """Each system package comes from a recorded archive, and what it depends on is there too."""
    states = {
        (archive.key, target) for archive in lock.system_archives for target in archive.targets
    }
    based = {target for image in lock.base_images for target in image.targets}
    for target in lock.targets:
        packages = [item for item in lock.system_packages if target.name in item.targets]
        provided = _provided(packages)
        for number, package in enumerate(lock.system_packages):
            if target.name not in package.targets:
                continue
            path = ("system-packages", number)
            if (package.archive, target.name) not in states:
                message = (
                    f"{{place}}: {package.name} is from {package.archive}, which is no archive"
                )
                yield SelfFault("LE201", message, target.name, package.name, path)
            if target.name in based:
                continue  # what the base image brings is not in the lock
            for text in _unanswered(package, provided):
                message = f"{{place}}: {package.name} {package.version} depends on {text}"
                code = "LE207" if _named(text, provided) else "LE201"
                missing = "which is locked otherwise" if code == "LE207" else "which is not locked"
                yield SelfFault(code, f"{message}, {missing}", target.name, package.name, path)


def _unserved(lock: Lock) -> Iterator[SelfFault]:
    for target in lock.targets:
        provided = _provided(item for item in lock.system_packages if target.name in item.targets)
        yield from unserved(lock, target, partial(_fits, provided=provided))


def _provided(packages: Iterable[LockedSystemPackage]) -> dict[str, set[str | None]]:
    """Each name that packages have or provide, with its versions; None is a version unsaid."""
    found: dict[str, set[str | None]] = {}
    for package in packages:
        found.setdefault(package.name, set()).add(package.version)
        for group in _relations(package, "Provides"):
            for relation in group:
                found.setdefault(relation.name, set()).add(relation.version or None)
    return found


def _relations(package: LockedSystemPackage, field: str) -> tuple[tuple[Relation, ...], ...]:
    try:
        return parse_relations(package.relations.get(field, ""))
    except ValueError:
        return ()


def _unanswered(
    package: LockedSystemPackage, provided: dict[str, set[str | None]]
) -> Iterator[str]:
    for field in ("Pre-Depends", "Depends"):
        for group in _relations(package, field):
            asked = [relation for relation in group if relation.applies_to(package.architecture)]
            if asked and not any(_fits(relation, provided) for relation in asked):
                yield " | ".join(str(relation) for relation in group)


def _fits(relation: Relation, provided: dict[str, set[str | None]]) -> bool:
    versions = provided.get(relation.name, set())
    # Policy 7.5: a Provides without a version never answers a relation with one.
    return any(
        relation.fits(version) if version is not None else not relation.operator
        for version in versions
    )


def _named(text: str, provided: dict[str, set[str | None]]) -> bool:
    return any(relation.name in provided for group in parse_relations(text) for relation in group)
