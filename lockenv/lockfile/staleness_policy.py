"""Staleness of constraints, overrides, exclusions and policy (LE112): what the pins still meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile.asked import replacements, requirements, rests, single
from lockenv.lockfile.requirements import (
    answers,
    holds,
    is_prerelease,
    is_still_at,
    parsed_requirement,
)
from lockenv.lockfile.selection import artifact_for
from lockenv.lockfile.staleness_python import described
from lockenv.lockfile.targets import target_of
from lockenv.model import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packaging.requirements import Requirement

    from lockenv.lockfile.comparing import Comparison
    from lockenv.model import Finding, LockedPackage


def policy_findings(comparison: Comparison) -> Iterator[Finding]:
    """LE112 for each rule that changed and that a pin does not meet."""
    for judge in (
        _limits,
        _replaced,
        _excluded,
        _listed,
        _times,
        _prereleases,
        _sdists,
        _other,
    ):
        yield from judge(comparison)


def _unmet(comparison: Comparison, line: str, package: LockedPackage | None, rule: str) -> Finding:
    name = package.name if package else None
    has = f"{LOCK_NAME} has {described(package, name)}" if package and name else LOCK_NAME
    message = f"{has}, against {rule} of {{place}}"
    return comparison.finding("LE112", comparison.new.get(line), message, name)


def _parsed(text: str) -> Requirement | None:
    try:
        return parsed_requirement(text)
    except ValueError:
        return None


def _limits(comparison: Comparison) -> Iterator[Finding]:
    yield from _unanswered(comparison, "constraint")


def _unanswered(comparison: Comparison, kind: str) -> Iterator[Finding]:
    """The new lines of a kind that a pin does not answer."""
    old, new = comparison.lines(kind)
    for line in sorted(set(new) - old):
        requirement = _parsed(line.removeprefix(f"{kind} "))
        package = comparison.entries.get(requirement.name) if requirement else None
        if not requirement or not package:
            continue
        former = [one for one in requirements(old, kind) if one.name == requirement.name]
        if not (answers(package, requirement) and is_still_at(package, requirement, former)):
            yield _unmet(comparison, line, package, f"the {line}")


def _replaced(comparison: Comparison) -> Iterator[Finding]:
    yield from _unanswered(comparison, "override")
    old, new = comparison.lines("override")
    gone = {
        requirement.name
        for line in old - set(new)
        if (requirement := _parsed(line.removeprefix("override "))) is not None
    }
    gone -= {requirement.name for requirement in requirements(new, "override")}
    yield from _asked_again(comparison, gone, "override")


def _excluded(comparison: Comparison) -> Iterator[Finding]:
    old, new = comparison.lines("exclude")
    for line in sorted(set(new) - old):
        package = comparison.entries.get(line.removeprefix("exclude "))
        if package is not None:
            yield _unmet(comparison, line, package, f"the line {line}")
    yield from _asked_again(comparison, set(rests(old - set(new), "exclude")), "exclude")


def _asked_again(comparison: Comparison, names: set[str], kind: str) -> Iterator[Finding]:
    """Where a replacement is gone, what packages ask of that name counts again."""
    if not names:
        return
    markers = target_of(comparison.target).markers
    instead = replacements(comparison.new)
    for package in comparison.entries.values():
        for text in package.dependencies:
            asked = parsed_requirement(text)
            if asked.name not in names or not holds(asked, markers, package.extras):
                continue
            pin = comparison.entries.get(asked.name)
            if instead.of(asked) and (pin is None or not answers(pin, asked)):
                message = (
                    f"{LOCK_NAME} has {described(pin, asked.name)} by the {kind} that is gone,"
                    f" {package.name} asks for {asked}"
                )
                yield comparison.finding("LE112", None, message, asked.name)


def _listed(comparison: Comparison) -> Iterator[Finding]:
    old, new = comparison.lines("deny")
    for line in sorted(set(new) - old):
        requirement = _parsed(line.removeprefix("deny "))
        package = comparison.entries.get(requirement.name) if requirement else None
        if requirement and package and answers(package, requirement):
            yield _unmet(comparison, line, package, f"the policy to {line}")
    old, new = comparison.lines("allow")
    if not new or old == set(new):
        return
    allowed = requirements(new, "allow")
    for package in comparison.entries.values():
        own = package.directory is not None and package.directory.path == "."
        if not own and not any(
            item.name == package.name and answers(package, item) for item in allowed
        ):
            yield _unmet(comparison, min(new), package, "the list of allowed packages")


def _times(comparison: Comparison) -> Iterator[Finding]:
    limit = single(comparison.new, "as-of")
    if limit and limit != single(comparison.old, "as-of"):
        line = f"as-of {limit}"
        for package in comparison.entries.values():
            artifact = artifact_for(package, comparison.target.name)
            # Both are RFC 3339 in UTC and whole seconds, so text sorts as time.
            if artifact and artifact.upload_time and artifact.upload_time > limit:
                yield _unmet(comparison, line, package, f"the {line}")
        if comparison.target.epoch and comparison.target.epoch > limit:
            yield _unmet(comparison, line, None, f"the {line}")
    old, new = comparison.lines("minimum-release-age")
    for line in sorted(set(new) - old):
        message = f"{LOCK_NAME} was not made with {line}, which {{place}} says now"
        yield comparison.finding("LE112", comparison.new.get(line), message)


def _prereleases(comparison: Comparison) -> Iterator[Finding]:
    asked = single(comparison.new, "prerelease", "if-necessary")
    if asked == single(comparison.old, "prerelease", "if-necessary"):
        return
    if asked in {"if-necessary", "allow"}:
        return
    named = set() if asked == "deny" else set(asked.split(","))
    line = f"prerelease {asked}"
    for package in comparison.entries.values():
        if package.name not in named and package.version and is_prerelease(package.version):
            yield _unmet(comparison, line, package, f"the setting {line}")


def _sdists(comparison: Comparison) -> Iterator[Finding]:
    old, new = comparison.lines("sdist")
    if old == set(new):
        return
    single_words = [rest.split() for rest in rests(new, "sdist")]
    general = next((words[0] for words in single_words if len(words) == 1), "deny")
    by_name = {words[0]: words[1] for words in single_words if len(words) == 2}
    for package in comparison.entries.values():
        word = by_name.get(package.name, general)
        is_sdist = package.sdist is not None and comparison.target.name in package.sdist.targets
        if word == "deny" and is_sdist:
            line = f"sdist {package.name} deny" if package.name in by_name else "sdist deny"
            yield _unmet(comparison, line, package, "the policy to build no sdist")


def _other(comparison: Comparison) -> Iterator[Finding]:
    differ: dict[str, Callable[[str, str], bool]] = {
        "resolution": lambda before, after: before != after,
        # Only whether packages are added for missing sonames changes what is locked.
        "native-libraries": lambda before, after: "add" in {before, after},
    }
    for kind, differs in differ.items():
        before, after = single(comparison.old, kind), single(comparison.new, kind)
        if before != after and differs(before, after):
            line = f"{kind} {after}"
            message = f"{LOCK_NAME} was not made with {line}, which {{place}} says now"
            if not after:
                message = f"{LOCK_NAME} was made with {kind} {before}, which is gone"
            yield comparison.finding("LE112", comparison.new.get(line), message)
    if single(comparison.new, "align") == "require" != single(comparison.old, "align"):
        yield from _unaligned(comparison)


def _unaligned(comparison: Comparison) -> Iterator[Finding]:
    for package in comparison.entries.values():
        others = {
            _public(other.version)
            for other in comparison.lock.packages
            if other.name == package.name and other.version
        }
        if len(others) > 1:
            yield _unmet(comparison, "align require", package, "the setting align = require")


def _public(version: str) -> str:
    return version.partition("+")[0]
