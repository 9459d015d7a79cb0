"""``lock``: read both documents, solve each cell, assemble, write canonically and atomically."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import InputError, LockenvError
from lockenv.lockfile import (
    diff,
    has_markers,
    inspect_lock,
    is_writable,
    merge,
    parse_lock,
    render_diff_text,
    render_lock,
    self_check,
    split_markers,
    supply_findings,
)
from lockenv.manifest import OTHER_INPUTS, set_sdist_policy, unread_inputs
from lockenv.model import LOCK_NAME, Lock
from lockenv.values import dataclass, field, replace
from lockenv.workflows.cells import expand
from lockenv.workflows.files import is_there, read_text, write_atomically
from lockenv.workflows.judging import judged
from lockenv.workflows.locking.moved import moved_reasons
from lockenv.workflows.locking.moves import parse_moves, refuse_unknown, search_limits
from lockenv.workflows.locking.question import Question
from lockenv.workflows.locking.solving import Answer, answered_by_former, search
from lockenv.workflows.project import Project, project_of

if TYPE_CHECKING:
    from lockenv.fetch import Trail
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """What ``lock`` is asked; names are as the command line has them."""

    upgrade: frozenset[str] = frozenset()
    upgrade_packages: tuple[str, ...] = ()
    as_of: str | None = None
    targets: tuple[str, ...] = ()
    strict: bool = False
    dry_run: bool = False
    allow_builds: tuple[str, ...] = ()
    explain: bool = False
    trace: str | None = None
    upgrade_format: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOutcome:
    """What came of it; ``difference`` is for a person, and empty where there is none.

    ``trail`` has the pages of the store that decided it together with the project's own files;
    None where anything else had a say.
    """

    lock: Lock
    text: str
    is_written: bool
    difference: str
    notes: tuple[str, ...]
    summary: str
    trail: Trail | None = None


@dataclass(frozen=True, slots=True)
class Former:
    """The lock that stands there, if it can be used, and what was odd about it."""

    lock: Lock | None = None
    text: str | None = None
    notes: tuple[str, ...] = field(default=())


def lock(scene: Scene, options: LockOptions, project: Project | None = None) -> LockOutcome:
    """Make the lock answer the manifest, moving as little as possible; write it if it changed.

    ``project`` stands in for the one on disk: an edit that is tried before it is written.
    """
    project = project or scene.project()
    edited = _with_allowed_builds(project, options.allow_builds)
    if edited is not None:
        project = project_of(project.root, project.manifest.file, edited)
    former = read_former(project)
    question = ask(scene, project, former.lock, options)
    found = answer(scene, question)
    new, trail = found.lock, found.trail
    notes: list[str] = [*former.notes, *found.notes]
    text = render_lock(new)
    parsed = parse_lock(text)
    _believe(parsed, text)
    is_changed = text != former.text
    _refuse_needless_builds(options.allow_builds, parsed)
    if not options.dry_run:
        # A build that did not lead to a lock stays denied.
        if edited is not None:
            write_atomically(project.root / project.manifest.file, edited)
        if is_changed:
            write_atomically(project.lock_path, text)
        notes += _refresh_exports(project, parsed)
    notes += first_notes(project, former.lock)
    notes += _supply_notes(project, parsed, text)
    notes += moved_reasons(former.lock, parsed, question.moves, every=options.explain)
    difference = render_diff_text(
        diff(former.lock, parsed), [target.name for target in parsed.targets]
    )
    return LockOutcome(
        lock=parsed,
        text=text,
        is_written=is_changed and not options.dry_run,
        difference=difference,
        notes=tuple(notes),
        summary=_summary(parsed, is_changed=is_changed, is_dry=options.dry_run),
        trail=trail if _follows_from_files(question, parsed, options) else None,
    )


def _follows_from_files(question: Question, new: Lock, options: LockOptions) -> bool:
    """Whether nothing but the project's files and pages of the store can have decided a lock.

    Not so where a clock, an archive of Debian, a registry, a folder, a repository or a build had a
    say, or where more than the lock is written.
    """
    manifest = question.project.manifest
    own = {manifest.project.normal_name} if manifest.package else set()
    return (
        options == replace(LockOptions(), dry_run=options.dry_run, strict=options.strict)
        and question.limits.released_before is None
        and not (manifest.exports or manifest.system or manifest.follow)
        and not (new.system_packages or new.base_images)
        and manifest.policy.native_libraries != "error"
        and all(build.name in own for build in new.builds)
        and not any(
            one.name not in own and (one.vcs or one.directory or one.archive)
            for one in new.packages
        )
    )


def answer(scene: Scene, question: Question) -> Answer:
    """The lock that answers a question with the least moved."""
    new = answered_by_former(question)
    found = Answer(new, trail=()) if new is not None else search(scene, question)
    if question.project.manifest.follow is not None:
        from lockenv.workflows.following import refuse_unfollowed  # noqa: PLC0415 - start-up

        refuse_unfollowed(question.project.manifest, found.lock)
    refuse_unknown(question.moves, question.former, found.lock)
    return found


def ask(scene: Scene, project: Project, former: Lock | None, options: LockOptions) -> Question:
    """Everything that the search must know, from both documents and the options."""
    known = {
        "pypi": {package.name for package in former.packages} if former else set(),
        "deb": {package.name for package in former.system_packages} if former else set(),
        "cuda": {component.name for component in former.cuda_components} if former else set(),
    }
    moves = parse_moves(options.upgrade, options.upgrade_packages, known)
    limits = search_limits(
        project.manifest,
        former,
        as_of=options.as_of,
        now=scene.clock(),
        moves=moves,
    )
    cells = expand(project.manifest, former, move_interpreters=moves.interpreter)
    return Question(
        project=project,
        cells=cells,
        former=former,
        moves=moves,
        limits=limits,
        asked_targets=_asked_targets(options.targets, project, former),
        strict=options.strict,
        explain=options.explain,
        trace=options.trace,
    )


def _asked_targets(
    names: tuple[str, ...], project: Project, former: Lock | None
) -> frozenset[str] | None:
    """The cells that ``--target`` names (a table's name means all of its cells), None for all."""
    if not names:
        return None
    cells = expand(project.manifest, former)
    chosen: set[str] = set()
    for name in names:
        found = {cell.name for cell in cells if name in {cell.name, cell.target.table}}
        if not found:
            every = ", ".join(sorted({cell.name for cell in cells}))
            raise InputError(
                "unknown-target",
                f"{project.manifest.file} has no target {name}",
                why=f"its targets are {every}",
                fix="name one of them",
            )
        chosen |= found
    rest = {cell.name for cell in cells} - chosen
    locked = {target.name for target in former.targets} if former else set()
    if rest - locked:
        raise InputError(
            "unlocked-target",
            f"{LOCK_NAME} has no target {min(rest - locked)} that could stay as it is",
            fix="lockenv lock, without --target",
        )
    return frozenset(chosen)


def read_former(project: Project) -> Former:
    """The former lock for a new one: whatever is wrong with it is mended by locking again.

    Raises `InputError` only for a lock of a newer format, which an older tool must not overwrite.
    """
    text = read_text(project.lock_path)
    if text is None:
        return Former()
    if has_markers(text):
        return _merged(text)
    inspection = inspect_lock(text)
    if any(finding.code == "LE108" for finding in inspection.findings):
        newer = next(one for one in inspection.findings if one.code == "LE108")
        if inspection.lock is None or not is_writable(inspection.lock.version):
            raise InputError("LE108", newer.message, fix=newer.fix)
    try:
        return Former(parse_lock(text), text)
    except LockenvError as error:
        return Former(
            None,
            text,
            (f"{LOCK_NAME} could not be used ({error.what}): every package is chosen anew",),
        )


def _merged(text: str) -> Former:
    """Both sides of a merge, joined by meaning; where both moved a pin, it is chosen again."""
    try:
        ours, theirs, base = split_markers(text)
        sides = (parse_lock(base) if base else Lock(), parse_lock(ours), parse_lock(theirs))
    except (LockenvError, ValueError):
        note = f"{LOCK_NAME} has merge markers that do not pair up: every package is chosen anew"
        return Former(None, text, (note,))
    merged = merge(*sides)
    names = ", ".join(sorted({name for names in merged.conflicts.values() for name in names}))
    notes = [f"{LOCK_NAME} had merge markers: both sides were joined"]
    if names:
        notes.append(f"both sides moved {names}: chosen again")
    return Former(merged.lock, text, tuple(notes))


def _with_allowed_builds(project: Project, names: tuple[str, ...]) -> str | None:
    """The manifest's text where it allows these builds; None where it does already."""
    former = text = project.manifest.files[project.manifest.file]
    for name in names:
        text = set_sdist_policy(text, project.manifest.file, name)
    return None if text == former else text


def _refuse_needless_builds(names: tuple[str, ...], new: Lock) -> None:
    """`InputError` for a build that is allowed and not made: a name that is written wrong."""
    built = {build.name for build in new.builds}
    for name in names:
        if canonicalize_name(name) in built:
            continue
        known = canonicalize_name(name) in {package.name for package in new.packages}
        raise InputError(
            "needless-build",
            f"nothing is built for {name}",
            why="it has a wheel for each target" if known else f"{LOCK_NAME} would not have it",
            fix=f"leave out --allow-build {name}, or correct the name",
        )


def _believe(new: Lock, text: str) -> None:
    """Check the answer before it is believed: whatever we write, ``check`` accepts."""
    faults = [finding for finding in self_check(new, text) if finding.severity == "error"]
    if faults:
        first = faults[0]
        message = f"the new lock contradicts itself: {first.code} {first.message}"
        raise AssertionError(message)


def _refresh_exports(project: Project, new: Lock) -> list[str]:
    """Rewrite the files that ``[[export]]`` keeps; those that changed are named."""
    if not project.manifest.exports:
        return []
    from lockenv.workflows.export import refresh_exports  # noqa: PLC0415 - start-up: few have any

    return refresh_exports(new, project.manifest, project.root)


def first_notes(project: Project, former: Lock | None) -> list[str]:
    """What is said once, with the first lock of a project."""
    if former is not None:
        return []
    notes = []
    manifest = project.manifest
    if manifest.targets_assumed:
        notes.append(
            "no target is declared: locked for linux-x86_64 alone"
            ' (targets = ["linux-x86_64", …] says which)'
        )
    if "optional-dependencies" in manifest.project.dynamic:
        name = manifest.project.name
        notes.append(
            f"only a build tells the extras of {name}: none is locked"
            f' (dependency-groups = {{ more = ["{name}[EXTRA]"] }} locks one)'
        )
    if (
        "dependencies" in manifest.project.dynamic
        and manifest.project.normal_name not in manifest.sources
    ):
        notes.append(
            f"only a build tells the dependencies of {manifest.project.name}:"
            " none is locked, since package = false"
        )
    unread = unread_inputs(manifest, {one for one in OTHER_INPUTS if is_there(project.root / one)})
    if unread:
        notes.append(f"not read: {', '.join(unread)} (lockenv init translates what it can)")
    return notes


def _supply_notes(project: Project, new: Lock, text: str) -> list[str]:
    """What `check` will find of places and of yanked files, so that nobody learns it there."""
    found = judged(project, supply_findings(new, text))
    return [f"{one.code}: {one.message}" for one in found]


def _summary(new: Lock, *, is_changed: bool, is_dry: bool) -> str:
    counted = [(len(new.packages), "package"), (len(new.system_packages), "system package")]
    parts = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counted if count]
    count = len(new.targets)
    content = f"{' and '.join(parts) or 'nothing'} for {count} target{'' if count == 1 else 's'}"
    if not is_changed:
        return f"{LOCK_NAME} is up to date: {content}"
    return f"{LOCK_NAME} {'would change' if is_dry else 'written'}: {content}"
