"""``verify``: the network's word on a lock. Each hash is what the place that it names lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import LockenvError, UnavailableError
from lockenv.lockfile import Places, origins
from lockenv.model import LOCK_NAME, Finding, Lock
from lockenv.values import dataclass, field, replace
from lockenv.workflows.check import lock_findings
from lockenv.workflows.difference import lock_at
from lockenv.workflows.judging import judged, status_of, worst
from lockenv.workflows.network import open_network
from lockenv.workflows.project import place_in_repository, read_project
from lockenv.workflows.verify_entries import Asked, entries_to_ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.verify_entries import Entry

#: What the network says against a lock, with the status of each (contract 5).
_STATUSES = {
    "hash-differs": 4,
    "size-differs": 4,
    "time-differs": 4,
    "url-differs": 4,
    "fact-differs": 4,
    "not-listed": 8,
    "gone": 8,
}
_FIXES = {
    4: "do not use this lock; lockenv lock -P NAME takes what is really there, review the diff",
    5: "try again",
    8: "lockenv lock -P NAME, or keep the files: lockenv fetch --output DIR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """``since`` looks only at what differs from a revision; ``available`` asks for each file."""

    since: str | None = None
    available: bool = False
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOutcome:
    """What was found, most important first, the status, and what was asked.

    ``place`` is the folder, from the repository's root, from which the findings name their files.
    """

    findings: tuple[Finding, ...]
    status: int
    summary: str
    place: str = ""


@dataclass(slots=True)
class _Found:
    """Findings with the status that each amounts to: an error of a place has its own."""

    rows: list[tuple[int, Finding]] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            status = _STATUSES.get(finding.code)
            self.rows.append((status_of(finding) if status is None else status, finding))

    def fail(self, error: LockenvError, entry: Entry) -> None:
        finding = Finding(
            code=error.slug,
            message=f"{entry.label} could not be asked about: {error.what}",
            layer=entry.layer,
            package=entry.package,
            fix=error.fix[0] if error.fix else "",
        )
        self.rows.append((error.status, finding))

    @property
    def status(self) -> int:
        return worst(status for status, _ in self.rows)


def verify(scene: Scene, options: VerifyOptions) -> VerifyOutcome:
    """Ask every place that the lock names, or only about what is new ``since`` a revision."""
    if scene.settings.offline:
        raise UnavailableError(
            "offline",
            "verify asks the network, which offline forbids",
            fix="lockenv verify without --offline; lockenv check asks nobody",
        )
    project = read_project(scene.directory)
    own, lock = lock_findings(project)
    found = _Found()
    found.add(judged(project, own))
    if lock is None or found.status in {2, 4}:
        # Of a lock that contradicts itself nothing is worth asking about.
        return _outcome(found, project, "")
    old = lock_at(scene, project.root, f"git:{options.since}") if options.since else None
    if old is not None and old.targets:
        found.add(judged(project, list(_new_origins(old, lock, options.since or ""))))
    asked = Asked(lock=lock, old=old, targets=options.targets, available=options.available)
    with open_network(scene, project.manifest, refresh=True) as fetcher:
        entries = list(entries_to_ask(scene, project, asked, fetcher))
        _ask(scene, project, entries, found)
    said = f" new since {options.since}" if options.since else ""
    return _outcome(found, project, f"{_counted(entries)}{said}")


def _new_origins(old: Lock, new: Lock, revision: str) -> Iterator[Finding]:
    for origin in sorted(origins(new) - origins(old)):
        yield Finding(
            code="LE801",
            message=f"{LOCK_NAME} takes files from {origin}, which {revision} did not",
            layer="supply-chain",
            fix=f"make sure that {origin} is meant, then [[ignore]] code = LE801 with the reason",
        )


def _ask(scene: Scene, project: Project, entries: Sequence[Entry], found: _Found) -> None:
    """Every entry in turn; what runs in the background is only waited for."""
    scene.progress.started("verify", len(entries))
    for entry in entries:
        try:
            found.add(judged(project, list(entry.ask())))
        except LockenvError as error:
            found.fail(error, entry)
        scene.progress.advanced("verify", entry.label)
    scene.progress.finished("verify")


def _counted(entries: Sequence[Entry]) -> str:
    files = sum(entry.count for entry in entries)
    places = len({entry.place for entry in entries})
    return f"{files} file{'' if files == 1 else 's'} of {places} place{'' if places == 1 else 's'}"


def _outcome(found: _Found, project: Project, asked: str) -> VerifyOutcome:
    text = project.lock_path.read_text("utf-8", "replace") if project.lock_path.exists() else ""
    lines = _lines(text)
    order = (4, 2, 8, 5, 6, 1, 0)
    rows = sorted(
        found.rows,
        key=lambda row: (
            order.index(row[0]) if row[0] in order else len(order),
            row[1].layer,
            row[1].package or "",
            row[1].code,
            row[1].message,
        ),
    )
    findings = [_placed(finding, status, lines) for status, finding in rows]
    summary = f"{asked}: each is what its place lists" if not found.status else ""
    return VerifyOutcome(
        findings=tuple(findings),
        status=found.status,
        summary=summary,
        place=place_in_repository(project.root),
    )


def _placed(finding: Finding, status: int, lines: Mapping[tuple[str, str], int]) -> Finding:
    """The finding with the line of its entry, and what to do about it."""
    line = lines.get((finding.layer, finding.package or ""))
    if finding.file is None and line:
        finding = replace(
            finding, file=LOCK_NAME, line=line, message=f"{LOCK_NAME}:{line}: {finding.message}"
        )
    fix = finding.fix or _FIXES.get(status, "").replace("NAME", _word(finding))
    return replace(finding, file=finding.file or LOCK_NAME, fix=fix)


def _word(finding: Finding) -> str:
    prefix = {"system": "deb:", "cuda": "cuda:"}.get(finding.layer, "")
    return f"{prefix}{finding.package or 'NAME'}"


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Where the entries of a layer stand, by name."""
    places = Places(text)
    kinds = {"python": "packages", "system": "system-packages", "cuda": "cuda-components"}
    found: dict[tuple[str, str], int] = {}
    for layer, kind in kinds.items():
        for number, name in enumerate(places.names(kind)):
            found.setdefault((layer, name), places.entry((kind, number)))
    return found
