"""What is wrong with a lock, by itself and beside its manifest, and how grave that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile import (
    Scope,
    asked_lines,
    image_requests,
    own_version_findings,
    self_check,
    stale,
    supply_findings,
)
from lockenv.model import Finding, Origin
from lockenv.workflows.cells import expand
from lockenv.workflows.locking.local_sources import local_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.model import Ignore, Lock
    from lockenv.workflows.project import (
        Project,
    )


_GRAVE = {"LE201": 4, "LE202": 4, "LE203": 4, "LE206": 2}


#: Several in one run: the most severe, in this order (contract 5).
_ORDER = (4, 2, 8, 5, 6, 1)


def worst(statuses: Iterable[int]) -> int:
    """The status that several amount to, in the order of contract 5."""
    found = {0, *statuses}
    return next((one for one in _ORDER if one in found), max(found))


def status_of(finding: Finding) -> int:
    """The status that a finding by itself amounts to."""
    if finding.severity != "error":
        return 0
    if finding.code == "LE108":
        return 2
    if finding.code.startswith("LE6"):
        return 6
    return _GRAVE.get(finding.code, 1) if finding.code.startswith("LE") else 0


def own_findings(lock: Lock, text: str) -> list[Finding]:
    """What is wrong with a lock by itself (LE2xx, LE701 to LE704, LE801 to LE804)."""
    findings = self_check(lock, text)
    if not any(status_of(finding) == 4 for finding in findings):
        findings += supply_findings(lock, text)
    if any(target.cuda is not None for target in lock.targets) or lock.base_images:
        from lockenv.workflows.cuda_check import coherence_findings  # noqa: PLC0415 - start-up

        findings += coherence_findings(lock)
    return findings


def contradictions(lock: Lock, text: str) -> list[Finding]:
    """In what the lock contradicts itself so that nothing may be made from it (LE201 to LE203)."""
    return [finding for finding in self_check(lock, text) if status_of(finding) == 4]


def drift(project: Project, lock: Lock) -> list[Finding]:
    """In what the lock does not answer the manifest any more (LE1xx)."""
    manifest = project.manifest
    cells = expand(manifest, lock)
    asked = {
        cell.name: asked_lines(
            manifest,
            Scope(
                target=cell.target,
                python=cell.python_spec,
                groups=cell.groups,
                extras=cell.extras,
                local=local_lines(project, cell.table),
            ),
        )
        for cell in cells
    }
    images = image_requests(manifest, [cell.target for cell in cells])
    found = stale(lock, asked, images, project.line)
    own = manifest.project
    if manifest.package and own.version is not None:
        place = Origin(manifest.file, ("project", "version"))
        found += own_version_findings(lock, own.version, place, project.line)
    if manifest.follow is not None:
        from lockenv.workflows.following import follow_findings  # noqa: PLC0415 - start-up

        found += follow_findings(manifest, lock)
    return found


def judged(project: Project, findings: list[Finding]) -> list[Finding]:
    """The findings with the severities of the manifest's policy, ignored cases left out."""
    policy = project.manifest.policy.findings
    kept = []
    for finding in findings:
        if any(_matches(ignore, finding) for ignore in project.manifest.ignores):
            continue
        said = policy.get(finding.code)
        if said == "off":
            continue
        severity = {"warn": "warning", "error": "error"}.get(said or "")
        kept.append(finding.at(severity) if severity else finding)
    return sorted(kept, key=_rank)


def _rank(finding: Finding) -> tuple[object, ...]:
    status = status_of(finding)
    order = _ORDER.index(status) if status in _ORDER else len(_ORDER)
    return (order, finding.file or "", finding.line or 0, finding.code, finding.message)


def _matches(ignore: Ignore, finding: Finding) -> bool:
    return (
        ignore.code == finding.code
        and ignore.package in {None, finding.package}
        and ignore.target in {None, finding.target}
    )
