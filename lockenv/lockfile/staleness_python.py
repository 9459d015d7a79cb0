"""Staleness of requirements, interpreter and the project's build (LE102 to LE104, LE107)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.lockfile.asked import Asked, Root, roots, single
from lockenv.lockfile.comparing import Comparison
from lockenv.lockfile.requirements import admits, answers, is_still_at, parsed_requirement
from lockenv.lockfile.selection import own_project, walk
from lockenv.model import LOCK_NAME
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.model import Finding, Lock, LockedPackage, Origin


def requirement_findings(comparison: Comparison) -> Iterator[Finding]:
    """LE102, LE103 and LE104, for each selection and name whose requirements changed."""
    old = _by_name(roots(sorted(comparison.old), comparison.target))
    new = _by_name(roots(sorted(comparison.new), comparison.target))
    for key in sorted({*old, *new}):
        before, after = old.get(key, []), new.get(key, [])
        if {root.line for root in before} == {root.line for root in after}:
            continue
        if not before:
            yield _added(comparison, after[0])
        elif not after:
            yield _removed(comparison, before[0])
        else:
            yield from _changed(comparison, before, after)


def _by_name(found: Iterable[Root]) -> dict[tuple[str, str], list[Root]]:
    grouped: defaultdict[tuple[str, str], list[Root]] = defaultdict(list)
    for root in found:
        grouped[root.selection, root.requirement.name].append(root)
    return grouped


def _asked(root: Root) -> str:
    text = root.line.removeprefix(f"requirement {root.selection} ")
    return text if root.selection == "project" else f"{text} ({root.selection})"


def _added(comparison: Comparison, root: Root) -> Finding:
    name = root.requirement.name
    return comparison.finding(
        "LE102",
        comparison.new[root.line],
        f"{LOCK_NAME} was made without {name}, {{place}} now asks for {_asked(root)}",
        name,
    )


def _removed(comparison: Comparison, root: Root) -> Finding:
    name = root.requirement.name
    message = f"{LOCK_NAME} was made for {_asked(root)}, which is not asked any more"
    return comparison.finding("LE104", None, message, name)


def _changed(comparison: Comparison, before: list[Root], after: list[Root]) -> Iterator[Finding]:
    name = after[0].requirement.name
    package = comparison.entries.get(name)
    for root in after:
        if package is None or not (
            answers(package, root.requirement)
            and _extras([root]) <= set(package.extras)
            and is_still_at(package, root.requirement, (one.requirement for one in before))
        ):
            yield comparison.finding(
                "LE103",
                comparison.new[root.line],
                f"{LOCK_NAME} has {described(package, name)},"
                f" {{place}} now asks for {_asked(root)}",
                name,
            )
            return
    gone = _extras(before) - _extras(after)
    if gone:
        extras = ",".join(sorted(gone))
        message = f"{LOCK_NAME} was made for {name}[{extras}], which is not asked any more"
        yield comparison.finding("LE104", comparison.new[after[0].line], message, name)
    elif any(root.requirement.url for root in before) and not any(
        root.requirement.url for root in after
    ):
        message = f"{LOCK_NAME} has {name} from a url, {{place}} now asks for {_asked(after[0])}"
        yield comparison.finding("LE103", comparison.new[after[0].line], message, name)


def _extras(found: Iterable[Root]) -> set[str]:
    return {canonicalize_name(extra) for root in found for extra in root.requirement.extras}


def described(package: LockedPackage | None, name: str) -> str:
    """A pin in a message: ``torch 2.8.0``."""
    if package is None:
        return f"no {name}"
    return f"{name} {package.version}" if package.version else f"{name} from a directory"


def python_findings(comparison: Comparison) -> Iterator[Finding]:
    """LE107 for the interpreter, LE102 to LE104 for the project and its build."""
    locked = comparison.target.python
    for kind in ("python", "requires-python"):
        old, new = comparison.lines(kind)
        for line in sorted(set(new) - old):
            asked = line.removeprefix(f"{kind} ")
            if not _admits_python(kind, asked, locked, freethreaded=comparison.target.freethreaded):
                yield comparison.finding(
                    "LE107",
                    new[line],
                    f"{LOCK_NAME} has Python {locked}, {{place}} now asks for {asked}",
                    "python",
                )
    yield from _project_findings(comparison)


def _admits_python(kind: str, asked: str, locked: str, *, freethreaded: bool) -> bool:
    if kind == "requires-python":
        return admits(asked, locked)
    wanted = asked.removesuffix("t")
    if (wanted != asked) != freethreaded:
        return False
    return locked == wanted or locked.startswith(f"{wanted}.")


def _project_findings(comparison: Comparison) -> Iterator[Finding]:
    before, after = (single(lines, "package") for lines in (comparison.old, comparison.new))
    if before != after:
        asked = comparison.new.get(f"package {after}")
        code = "LE102" if after == "yes" else "LE104"
        verb = "now" if after == "yes" else "no longer"
        message = f"the project itself is {verb} installed, says {{place}}; {LOCK_NAME} differs"
        yield comparison.finding(code, asked, message)
        return
    old, new = comparison.lines("build-backend")
    for line in sorted(set(new) - old):
        backend = line.removeprefix("build-backend ")
        message = f"{LOCK_NAME} was not made for the build backend {backend} of {{place}}"
        yield comparison.finding("LE103", new[line], message)
    old, new = comparison.lines("build-requires")
    for line in sorted(set(new) - old):
        text = line.removeprefix("build-requires ")
        if not _builds_with(comparison, text):
            message = f"{LOCK_NAME} does not build the project with {text}, which {{place}} asks"
            yield comparison.finding("LE103", new[line], message)


def _builds_with(comparison: Comparison, text: str) -> bool:
    try:
        requirement = parsed_requirement(text)
    except ValueError:
        return False
    own = {
        package.name
        for package in comparison.entries.values()
        if package.directory and package.directory.path == "."
    }
    builds = [
        build
        for build in comparison.lock.builds
        if build.name in own and comparison.target.name in build.targets
    ]
    return bool(builds) and all(
        any(
            package.name == requirement.name and admits(str(requirement.specifier), package.version)
            for package in build.packages
        )
        for build in builds
    )


def own_version_findings(
    lock: Lock, version: str, place: Origin, line_of: Callable[[Origin], int | None]
) -> Iterator[Finding]:
    """LE103 where a locked package asks for the project in another version than it has now.

    A lock has no version of the project, so that a release alone makes none stale.
    """
    for target in lock.targets:
        own = own_project(lock, target.name)
        if own is None:
            continue
        now = replace(own, version=version)
        comparison = Comparison(lock, target, (), line_of)
        edges = walk(lock, target, comparison.entries).edges.get(own.name, frozenset())
        for edge in sorted(edges, key=lambda edge: (edge.asker, edge.requirement)):
            asked = parsed_requirement(edge.requirement)
            if not asked.url and not answers(now, asked):
                version_asked = Asked(line="", origin=place)
                message = f"the project is {own.name} {version}, says {{place}};"
                message = f"{message} {edge.asker} asks for {edge.requirement}"
                yield comparison.finding("LE103", version_asked, message, own.name)
