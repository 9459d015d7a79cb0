"""Whether a lock still answers the manifest (LE102 to LE112): by meaning, offline, without a clock.

Two requests are compared fact by fact. A fact that changed is drift only where what is locked does
not answer it any more: a wider specifier, a constraint that the pins meet, a Python that admits the
locked one are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile.comparing import Comparison
from lockenv.lockfile.staleness_policy import policy_findings
from lockenv.lockfile.staleness_python import python_findings, requirement_findings
from lockenv.model import LOCK_NAME, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lockenv.lockfile.asked import Asked
    from lockenv.model import Lock, LockedImage, Origin

#: Facts that count as they stand: kind of line, code, and what a person calls them.
_PLAIN = (
    ("index", "LE106", "index"),
    ("source", "LE106", "source"),
    ("local", "LE103", "local project"),
    ("system archive", "LE106", "system archive"),
    ("python-source", "LE107", "source of the interpreter"),
    ("platform", "LE107", "platform"),
    ("glibc", "LE107", "glibc"),
    ("musl", "LE107", "musl"),
    ("macos", "LE107", "macOS"),
    ("cuda", "LE107", "CUDA declaration"),
    ("default-groups", "LE107", "default selection"),
    ("default-extras", "LE107", "default selection"),
    ("environment", "LE105", "environment"),
    ("system distribution", "LE110", "distribution"),
    ("system suite", "LE110", "suite"),
    ("system components", "LE110", "list of components"),
    ("system backports", "LE110", "use of backports"),
    ("system recommends", "LE110", "use of Recommends"),
    ("system scripts", "LE110", "use of maintainer scripts"),
    ("system architectures", "LE110", "list of architectures"),
    ("system prefer", "LE110", "preference"),
    ("system external", "LE110", "external dependency"),
    ("base", "LE111", "base image"),
)


def stale(
    lock: Lock,
    asked: Mapping[str, Sequence[Asked]],
    images: Iterable[LockedImage],
    line_of: Callable[[Origin], int | None],
) -> list[Finding]:
    """Everything in which the lock does not answer what is asked now, target by target.

    ``asked`` maps each target to its lines as `asked_lines` gives them; ``line_of`` finds the line
    of an origin and is only called where there is something to report.
    """
    findings = list(_target_findings(lock, asked))
    for target in lock.targets:
        if target.name in asked:
            comparison = Comparison(lock, target, asked[target.name], line_of)
            findings += requirement_findings(comparison)
            findings += python_findings(comparison)
            findings += policy_findings(comparison)
            findings += _system_package_findings(comparison)
            for kind, code, words in _PLAIN:
                findings += _plain_findings(comparison, kind, code, words)
    findings += _image_findings(lock, images)
    return sorted(findings, key=_finding_key)


def _finding_key(finding: Finding) -> tuple[str, str, str, str]:
    return (finding.code, finding.target or "", finding.package or "", finding.message)


def _target_findings(lock: Lock, asked: Mapping[str, Sequence[Asked]]) -> Iterator[Finding]:
    locked = {target.name for target in lock.targets}
    for name in sorted(set(asked) - locked):
        yield _finding("LE105", f"{LOCK_NAME} has no target {name}, which is asked now", name)
    for name in sorted(locked - set(asked)):
        yield _finding("LE105", f"{LOCK_NAME} has target {name}, which is not asked any more", name)


def _finding(code: str, message: str, target: str | None = None) -> Finding:
    return Finding(
        code=code,
        message=message,
        layer="manifest",
        target=target,
        file=LOCK_NAME,
        fix="lockenv lock",
    )


def _plain_findings(comparison: Comparison, kind: str, code: str, words: str) -> Iterator[Finding]:
    old, new = comparison.lines(kind)
    if old == set(new):
        return
    for line in sorted(set(new) - old):
        text = line[len(kind) + 1 :]
        message = f"{LOCK_NAME} was not made with the {words} {text}, asked in {{place}}"
        name, setup, _ = text.partition(" setup sha256:")
        if kind == "local" and setup:
            message = f"what tells the requirements of the local project {name} changed: {{place}},"
            message = f"{message} a setup script or a list of requirements beside it"
        yield comparison.finding(code, new[line], message)
    for line in sorted(old - set(new)):
        if not (set(new) - old):
            text = line[len(kind) + 1 :]
            yield comparison.finding(
                code, None, f"{LOCK_NAME} was made with the {words} {text}, which is gone"
            )


def _system_package_findings(comparison: Comparison) -> Iterator[Finding]:
    old, new = comparison.lines("system package")
    for line in sorted(set(new) - old):
        text = line.removeprefix("system package ")
        if comparison.answers_relation(text, old):
            continue
        yield comparison.finding(
            "LE110",
            new[line],
            f"{LOCK_NAME} does not answer {text}, which {{place}} asks of the system",
        )
    for line in sorted(old - set(new)):
        text = line.removeprefix("system package ")
        if comparison.is_reworded(text, new):
            continue
        yield comparison.finding(
            "LE110", None, f"{LOCK_NAME} has the system package {text}, which is not asked any more"
        )


def _image_findings(lock: Lock, images: Iterable[LockedImage]) -> Iterator[Finding]:
    locked = {image.key: image for image in lock.images}
    asked = {image.key: image for image in images}
    for key in sorted({*locked, *asked}):
        name = f"image {key}" if key else "the image"
        if key not in locked:
            yield _finding("LE111", f"{LOCK_NAME} does not have {name}, which is declared now")
        elif key not in asked:
            yield _finding("LE111", f"{LOCK_NAME} has {name}, which is not declared any more")
        else:
            yield from _changed_image(name, locked[key], asked[key])


def _changed_image(name: str, old: LockedImage, new: LockedImage) -> Iterator[Finding]:
    pairs = (
        ("targets", old.targets, new.targets),
        ("groups", old.groups, new.groups),
        ("extras", old.extras, new.extras),
        ("settings", old.settings, new.settings),
    )
    for word, before, after in pairs:
        if set(before) != set(after):
            gone = ", ".join(sorted(set(before) - set(after))) or "nothing"
            come = ", ".join(sorted(set(after) - set(before))) or "nothing"
            message = f"{word} of {name} changed: {LOCK_NAME} has {gone}, now asked is {come}"
            yield _finding("LE111", message)
