"""Missing native libraries, found while locking: what wheels need of the system and nobody has.

With a system layer the locked packages (and what a base image holds) must have every library that
a chosen wheel loads; the policies of wheels allow to *want* libGL from any desktop, but no minimal
system has it. Without one nothing is known of the machine: then nothing is looked at, unless the
policy is "error", which holds wheels to the libraries that their tags allow.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError, SourceError
from lockenv.lockfile import artifact_for
from lockenv.model import LOCK_NAME, Finding, SystemPackage, Wanted
from lockenv.sources.native import EMPTY, WheelContent, find_needs, read_libraries
from lockenv.tables.cuda import components
from lockenv.tables.native import native_libraries
from lockenv.values import dataclass, replace
from lockenv.workflows.locking.system_layer import (
    NATIVE_ROLE,
    SystemAnswer,
    lock_cell,
    open_world,
    uses_system,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.fetch import StoreFetcher
    from lockenv.model import Lock, LockedSystemPackage
    from lockenv.sources.debian import LockedSystem
    from lockenv.sources.native import Need, WheelLibraries
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.assemble import Chosen
    from lockenv.workflows.locking.question import Question
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene

#: How many gaps a note lists before it only counts the others.
_MOST_LINES = 12
_ADD = ": add "


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Libraries that a wheel needs and nobody has, and the package that has them, if one has."""

    package: str
    version: str
    sonames: tuple[str, ...]
    closer: str | None = None
    suite: str = ""

    def __str__(self) -> str:
        """As the lock records it: ``opencv-python 4.11.0.86 needs libGL.so.1: add libgl1``."""
        what = f"{self.package} {self.version} needs {', '.join(self.sonames)}"
        if self.closer:
            return f"{what}{_ADD}{self.closer}"
        return f"{what}, which no package of {self.suite} has" if self.suite else what


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeAnswer:
    """The system layer with what was added, what each target still lacks, and what to say."""

    system: SystemAnswer
    gaps: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def find_missing(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    system: SystemAnswer,
    chosen: Mapping[str, Sequence[Chosen]],
) -> NativeAnswer:
    """What the wheels of each solved cell lack; closed by itself where the policy says so.

    Raises `NoSolutionError` where the policy is "error" and something is lacking. Where an archive
    does not tell what its packages hold, only "warn" goes on, with a note.
    """
    policy = question.project.manifest.policy.native_libraries
    cells = [cell for cell in question.cells if cell.name in chosen and _is_asked(question, cell)]
    if policy == "off" or not cells:
        return NativeAnswer(system=system, gaps={})
    contents, notes = _contents(scene, question, fetcher, {c.name: chosen[c.name] for c in cells})
    by_cell = dict(system.by_cell)
    found: dict[str, tuple[Gap, ...]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for cell in cells:
        locked = by_cell.get(cell.name)
        try:
            gaps = _gaps(scene, question, fetcher, cell, locked, contents[cell.name])
        except SourceError as error:
            # A mirror's Contents are often behind its Release; a warning is not worth a lock.
            if policy != "warn":
                raise
            notes.append(f"{cell.name}: missing libraries were not looked for: {error.what}")
            texts[cell.name] = _recorded(question, cell.name)
            continue
        open_gaps = tuple(gap for gap in gaps if not _is_accepted(question.project, cell.name, gap))
        if policy == "add" and locked is not None:
            by_cell[cell.name] = _added(scene, question, fetcher, cell, locked, open_gaps)
            closed = {gap for gap in open_gaps if gap.closer is not None}
            gaps = tuple(gap for gap in gaps if gap not in closed)
            open_gaps = tuple(gap for gap in open_gaps if gap not in closed)
        found[cell.name] = open_gaps
        texts[cell.name] = tuple(sorted(map(str, gaps)))
    if policy == "error" and any(found.values()):
        raise _refused(found, question)
    notes += _notes(found)
    return NativeAnswer(system=SystemAnswer(by_cell), gaps=texts, notes=tuple(notes))


def _recorded(question: Question, target: str) -> tuple[str, ...]:
    """What the former lock says of a target's gaps."""
    former = question.former.targets if question.former is not None else ()
    return next((one.native_libraries for one in former if one.name == target), ())


def _is_asked(question: Question, cell: Cell) -> bool:
    """Whether anything is looked at for a cell; see the module's own words."""
    manifest = question.project.manifest
    if not cell.target.platform.is_linux:
        return False
    return uses_system(manifest, cell) or manifest.policy.native_libraries == "error"


def _is_accepted(project: Project, target: str, gap: Gap) -> bool:
    """Whether the manifest takes a gap as it is: LE403 is off, or ignored with a reason.

    It is recorded all the same: the lock holds what is true, the manifest what counts.
    """
    if project.manifest.policy.findings.get("LE403") == "off":
        return True
    return any(
        ignore.code == "LE403"
        and ignore.package in {None, gap.package}
        and ignore.target in {None, target}
        for ignore in project.manifest.ignores
    )


# -- what the wheels hold -------------------------------------------------------------------------


def _contents(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    chosen: Mapping[str, Sequence[Chosen]],
) -> tuple[dict[str, list[WheelContent]], list[str]]:
    """The libraries of every cell's wheels; each wheel is read once, side by side."""
    files: dict[str, Wanted] = {}
    for name, members in chosen.items():
        for member in members:
            wanted = _wanted(question, name, member)
            if wanted is not None:
                files.setdefault(wanted.digest.hex, wanted)
    unread: list[str] = []

    def read(wanted: Wanted) -> WheelLibraries:
        try:
            return read_libraries(wanted, fetcher)
        except SourceError:
            if not fetcher.offline:
                raise
            unread.append(wanted.name)
            return EMPTY

    scene.progress.started("native", len(files))
    waiting = [(key, fetcher.soon(lambda one=one: read(one))) for key, one in files.items()]  # type: ignore[misc]  # mypy cannot type a lambda's default
    libraries: dict[str, WheelLibraries] = {}
    for key, future in waiting:
        libraries[key] = future.result()
        scene.progress.advanced("native", files[key].name)
    scene.progress.finished("native")
    found = {}
    for name, members in chosen.items():
        wheels = [_content(question, name, member, libraries) for member in members]
        found[name] = [wheel for wheel in wheels if wheel is not None]
    notes = [f"{len(unread)} wheels were not looked at for missing libraries: offline"]
    return found, notes if unread else []


def _wanted(question: Question, target: str, member: Chosen) -> Wanted | None:
    package = member.package
    artifact = artifact_for(replace(package, targets=(target,)), target) or next(
        iter((*package.wheels, *([package.archive] if package.archive else []))), None
    )
    if artifact is None or not artifact.name.endswith(".whl"):
        return None
    urls = [artifact.url] if artifact.url else []
    if package.archive_path:
        urls.append(f"{question.project.root.as_uri()}/{package.archive_path}")
    return Wanted(
        name=artifact.name,
        digest=artifact.digest,
        urls=tuple(urls),
        size=artifact.size,
        where=f"{package.name} {package.version}",
    )


def _content(
    question: Question, target: str, member: Chosen, libraries: Mapping[str, WheelLibraries]
) -> WheelContent | None:
    wanted = _wanted(question, target, member)
    if wanted is None:
        return _to_be_built(member)
    own = libraries[wanted.digest.hex]
    paths = [library.path for library in own.libraries] + list(own.unread)
    names = [path.rpartition("/")[2] for path in paths]
    opened = native_libraries().opened.get(member.package.name, ())
    return WheelContent(
        package=member.package.name,
        version=member.package.version or "",
        file=wanted.name,
        libraries=own,
        # A wheel that brings `libsndfile_x86_64.so` opens that one.
        opened=tuple(
            name
            for name in opened
            if not any(brought.startswith(name.partition(".so")[0]) for brought in names)
        ),
    )


def _to_be_built(member: Chosen) -> WheelContent | None:
    """What a package links that is built from its sdist: nothing can be read yet, a table knows."""
    linked = native_libraries().built.get(member.package.name, ())
    if not linked or member.package.sdist is None:
        return None
    return WheelContent(
        package=member.package.name,
        version=member.package.version or "",
        file=member.package.sdist.name,
        libraries=EMPTY,
        opened=linked,
    )


# -- who has them ---------------------------------------------------------------------------------


def _gaps(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    cell: Cell,
    system: LockedSystem | None,
    wheels: Sequence[WheelContent],
) -> tuple[Gap, ...]:
    """What one cell lacks: one gap for all libraries of one package that one wheel needs."""
    table = native_libraries()
    needs = [need for need in find_needs(wheels) if not table.is_elsewhere(need.soname)]
    base = question.bases.get(cell.name)
    if base is not None:
        needs = [need for need in needs if need.soname not in base.facts.libraries]
    if system is None:
        files = {wheel.package: wheel.file for wheel in wheels if wheel.file.endswith(".whl")}
        needs = [need for need in needs if need.package in files]
        needs = [need for need in needs if need.soname not in table.allowed(files[need.package])]
        return _grouped(((need, None) for need in needs), "")
    # The C++ runtime and what else every release has in a package of one name: no look at indices.
    installed = {one.name for one in system.packages}
    installed |= {one.name for one in base.packages} if base else set()
    nobody = frozenset[str]()
    needs = [need for need in needs if not installed & table.packages.get(need.soname, nobody)]
    # Libraries of the CUDA toolkit are told of where CUDA is resolved, with the wheel that has one.
    needs = [need for need in needs if need.soname not in components().sonames] if needs else []
    if not needs:
        return ()
    declared = question.project.manifest.system
    suite = (declared.suite if declared is not None else "") or "its archives"
    closers = _closers(scene, question, fetcher, cell, system, needs)
    return _grouped(((need, closers[need]) for need in needs if need in closers), suite)


def _closers(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    cell: Cell,
    locked: LockedSystem,
    needs: Sequence[Need],
) -> dict[Need, str | None]:
    """The needs that no locked package answers, by the Contents indices, with what would."""
    from lockenv.sources.debian import open_sonames  # noqa: PLC0415 - start-up, as in system_layer

    system = question.project.manifest.system
    if system is None:
        return {}
    world = open_world(scene, question, fetcher, system)
    architecture = cell.target.platform.debian_architecture
    sonames = open_sonames(system, architecture, locked.archives, world)
    installed = {one.name for one in locked.packages}
    return {
        need: sonames.best(need.soname, system.prefer)
        for need in needs
        if not installed & {one.name for one in sonames.providers(need.soname)}
    }


def _grouped(closed: Iterable[tuple[Need, str | None]], suite: str) -> tuple[Gap, ...]:
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for need, closer in closed:
        found[need.package, need.version, closer or ""].append(need.soname)
    return tuple(
        Gap(
            package=package,
            version=version,
            sonames=tuple(sorted(sonames)),
            closer=closer or None,
            suite=suite,
        )
        for (package, version, closer), sonames in sorted(found.items())
    )


# -- what is done about it ------------------------------------------------------------------------


def _added(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    cell: Cell,
    system: LockedSystem,
    gaps: Iterable[Gap],
) -> LockedSystem:
    """The cell's system layer with the packages that close the gaps, each noting for whom."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for gap in gaps:
        if gap.closer is not None:
            reasons[gap.closer].append(
                f"{gap.package} {gap.version} needs {', '.join(gap.sonames)}"
            )
    declared = question.project.manifest.system
    if not reasons or declared is None:
        return system
    origin = declared.origin
    native = tuple(SystemPackage(relation=name, origin=origin) for name in sorted(reasons))
    locked = lock_cell(scene, question, fetcher, declared, cell, native)
    packages = tuple(
        replace(one, note="; ".join(reasons[one.name])) if _is_native(one, reasons) else one
        for one in locked.packages
    )
    return replace(locked, packages=packages)


def _is_native(package: LockedSystemPackage, reasons: Mapping[str, object]) -> bool:
    return NATIVE_ROLE in package.roles and package.name in reasons


def _refused(found: Mapping[str, tuple[Gap, ...]], question: Question) -> NoSolutionError:
    lines = [f"{gap} ({name})" for name, gaps in found.items() for gap in gaps]
    return NoSolutionError(
        "native-library",
        "wheels need libraries that nothing in the lock has",
        why=[*lines, f'policy.native-libraries = "error" in {question.project.manifest.file}'],
        fix=_fixes(found),
    )


def _fixes(found: Mapping[str, tuple[Gap, ...]]) -> list[str]:
    closers = sorted({gap.closer for gaps in found.values() for gap in gaps if gap.closer})
    if not closers:
        return ['take another version, or [policy] native-libraries = "warn"']
    names = ", ".join(f'"{name}"' for name in closers)
    return [
        f"add {names} to packages in [system]",
        '[policy] native-libraries = "add" adds such packages by itself',
    ]


def _notes(found: Mapping[str, tuple[Gap, ...]]) -> list[str]:
    """Each gap once with the targets that have it, then what to do about all of them."""
    targets: dict[Gap, list[str]] = defaultdict(list)
    for name, gaps in found.items():
        for gap in gaps:
            targets[gap].append(name)
    if not targets:
        return []
    lines = [f"{gap} ({', '.join(names)})" for gap, names in sorted(targets.items(), key=_order)]
    if len(lines) > _MOST_LINES:
        more = len(lines) - _MOST_LINES
        lines[_MOST_LINES:] = [f"and {more} more: lockenv check lists them"]
    if any(gap.closer for gap in targets):
        lines.append("to close these: " + ", or ".join(_fixes(found)))
    return lines


def _order(row: tuple[Gap, list[str]]) -> str:
    return str(row[0])


# -- what check says of it ------------------------------------------------------------------------


def native_findings(project: Project, lock: Lock) -> list[Finding]:
    """The gaps that the lock records (LE403), with the severity of the policy."""
    policy = project.manifest.policy.native_libraries
    if policy == "off":
        return []
    severity = "error" if policy == "error" else "warning"
    return [
        Finding(
            code="LE403",
            message=text.partition(_ADD)[0],
            layer="system",
            severity=severity,
            target=target.name,
            package=text.partition(" ")[0],
            file=LOCK_NAME,
            fix=_fix(text.partition(_ADD)[2]),
        )
        for target in lock.targets
        for text in target.native_libraries
    ]


def _fix(closer: str) -> str:
    if not closer:
        return "take another version, or ignore it with [[ignore]] and the reason"
    return f'add "{closer}" to packages in [system], then lockenv lock'
