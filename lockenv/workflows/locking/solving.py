"""The heart of ``lock``: the former lock as the first proposal, the search only where it fails."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import NoSolutionError
from lockenv.lockfile import (
    Scope,
    image_requests,
    preferred_versions,
    regrouped,
    render_lock,
    request,
    self_check,
)
from lockenv.model import Lock
from lockenv.resolve import render_event
from lockenv.values import dataclass, replace
from lockenv.workflows.cells import locked_target
from lockenv.workflows.files import unwritable
from lockenv.workflows.judging import drift
from lockenv.workflows.locking.alignment import Difference, Solve, Steer, solve_aligned
from lockenv.workflows.locking.assemble import Chosen, locked_packages, with_untouched
from lockenv.workflows.locking.builds import BuildEnvironments
from lockenv.workflows.locking.held_back import apart_note, held_back_notes
from lockenv.workflows.locking.local_sources import local_lines
from lockenv.workflows.locking.overlaps import overlap_notes
from lockenv.workflows.locking.python_answer import chosen_packages
from lockenv.workflows.locking.python_layer import PythonLayer
from lockenv.workflows.locking.refusal import CudaUnsolvedError, UnsolvedError
from lockenv.workflows.locking.system_layer import (
    SystemAnswer,
    agreed_with_cuda,
    former_cells,
    lock_cells,
)
from lockenv.workflows.network import open_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TextIO

    from lockenv.fetch import StoreFetcher, Trail
    from lockenv.model import (
        CudaComponent,
        LockedBaseImage,
        LockedImage,
        LockedInterpreter,
        LockedPackage,
        LockedTarget,
    )
    from lockenv.resolve import Event
    from lockenv.workflows.cells import Cell, Root
    from lockenv.workflows.locking.python_answer import PythonAnswer
    from lockenv.workflows.locking.question import Question
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole lock, what its reader should know, and the pages that it followed from."""

    lock: Lock
    notes: tuple[str, ...] = ()
    trail: Trail | None = None


def scope_of(project: Project, cell: Cell) -> Scope:
    """The cell as its request lines are made from."""
    return Scope(
        target=cell.target,
        python=cell.python_spec,
        groups=cell.groups,
        extras=cell.extras,
        local=local_lines(project, cell.table),
    )


def request_lines(question: Question, cell: Cell) -> tuple[str, ...]:
    """The request of a cell: what the manifest says, and the times that options or ages fixed."""
    lines = set(request(question.project.manifest, scope_of(question.project, cell)))
    lines = {line for line in lines if not line.startswith("as-of ")}
    if question.limits.as_of:
        lines.add(f"as-of {question.limits.as_of}")
    if question.limits.released_before:
        lines.add(f"released-before {question.limits.released_before}")
    return tuple(sorted(lines))


def answered_by_former(question: Question) -> Lock | None:
    """The former lock with the new requests, where it answers them: a verification, no search.

    So a requirement that was loosened, a reordered manifest or a removed export costs nothing and
    moves nothing.
    """
    former = question.former
    if former is None or former.preferences or not question.moves.is_nothing:
        return None
    names = {cell.name for cell in question.cells}
    if names != {target.name for target in former.targets}:
        return None
    refuses = question.project.manifest.policy.native_libraries == "error"
    lacks = any(target.native_libraries for target in former.targets)
    if drift(question.project, former) or (refuses and lacks):
        return None
    proposal = regrouped(
        replace(
            former,
            request={cell.name: request_lines(question, cell) for cell in question.cells},
            targets=_targets(question),
            images=_images(question),
        )
    )
    if {package.name for package in proposal.packages} != {one.name for one in former.packages}:
        return None
    text = render_lock(proposal)
    if any(finding.severity == "error" for finding in self_check(proposal, text)):
        return None
    return proposal


def _targets(question: Question) -> tuple[LockedTarget, ...]:
    """The targets as the manifest has them now, with what only a search finds out kept."""
    former = {target.name: target for target in question.former.targets} if question.former else {}
    found = []
    for cell in question.cells:
        target = locked_target(cell)
        before = former.get(cell.name)
        if before is not None:
            target = replace(
                target,
                suite=before.suite,
                epoch=before.epoch,
                native_libraries=before.native_libraries,
                cuda=before.cuda,
            )
        found.append(target)
    return tuple(found)


def _images(question: Question) -> tuple[LockedImage, ...]:
    cells = [cell.target for cell in question.cells]
    asked = image_requests(question.project.manifest, cells)
    before = {image.key: image for image in question.former.images} if question.former else {}
    return tuple(
        replace(image, recorded=before[image.key].recorded)
        if image.key in before and replace(before[image.key], recorded=()) == image
        else image
        for image in asked
    )


class _KeptPagesError(Exception):
    """There is no answer, but pages of a former run had their say in that."""


def search(scene: Scene, question: Question) -> Answer:
    """Ask the world for what the former lock cannot answer; every pin that can stay, stays.

    Nothing is refused for what a page said some minutes ago: all are asked again before.
    """
    try:
        # Who asks for what is new must not be told of a page from some minutes ago.
        moves = question.moves
        return _search(scene, question, refresh=bool(moves.layers or moves.packages))
    except _KeptPagesError:
        return _search(scene, question, refresh=True)


def _search(scene: Scene, question: Question, *, refresh: bool) -> Answer:
    if _declares_cuda(question):
        from lockenv.workflows.locking.cuda_layer import refuse_contradictions  # noqa: PLC0415 - start-up

        refuse_contradictions(question.project, question.cells)
    with ExitStack() as stack:
        manifest = question.project.manifest
        fetcher = stack.enter_context(open_network(scene, manifest, refresh=refresh))
        listen = stack.enter_context(_tracing(scene, question.trace))
        builds = BuildEnvironments(scene, question, fetcher)
        layer = PythonLayer(
            question.project.manifest,
            question.project.root,
            fetcher,
            former=question.former,
            limits=question.limits,
            builds=builds,
            progress=scene.progress,
            listen=listen,
        )
        scene.progress.started("resolve")
        question, base_images = _with_bases(scene, question, fetcher)
        system, cells = lock_cells(scene, question, fetcher)
        question = replace(question, cells=tuple(cells.values()))
        try:
            solved, apart, notes = _solve(question, layer)
            locked_builds = builds.locked(layer, solved)
        except (UnsolvedError, CudaUnsolvedError) as error:
            if fetcher.used_kept and not (refresh or fetcher.offline):
                raise _KeptPagesError from error
            explained = error.explained(lambda root: _place(question, root))
            raise (_strictly(explained) if question.strict else explained) from error
        question = _with_majors(question, solved)
        system = agreed_with_cuda(scene, question, fetcher, system)
        notes += overlap_notes(question.project.manifest, layer, solved)
        targets, components, told = _cuda(question, solved, fetcher)
        notes += told
        chosen = {name: chosen_packages(answer) for name, answer in solved.items()}
        system, targets, told = _native(scene, question, fetcher, system, targets, chosen)
        notes += told
        scene.progress.finished("resolve")
        trail = fetcher.trail
    packages = _packages(question, chosen)
    unsolved = [cell.name for cell in question.cells if not question.is_solved(cell)]
    layer_system = SystemAnswer({**system.by_cell, **former_cells(question, unsolved).by_cell})
    lock = Lock(
        request=_requests(question),
        targets=_with_system(question, system, targets),
        packages=packages,
        builds=locked_builds,
        system_packages=layer_system.packages,
        system_archives=layer_system.archives,
        interpreters=_interpreters(question),
        cuda_components=components,
        base_images=base_images,
        images=_images(question),
    )
    notes += _base_notes(lock)
    if any(image.recorded for image in lock.images):
        from lockenv.workflows.imaging.record import with_current_records  # noqa: PLC0415 - few have any

        lock = with_current_records(question.former, lock)
    every = (*notes, *system.notes, *(apart_note(one, solved) for one in apart))
    return Answer(lock=regrouped(lock), notes=every, trail=trail)


def _with_majors(question: Question, solved: Mapping[str, PythonAnswer]) -> Question:
    """The question with the CUDA major that was chosen for each cell."""

    def major(name: str) -> int | None:
        cuda = solved[name].cuda if name in solved else None
        found = cuda.needs.get("major") if cuda is not None else None
        return int(found) if isinstance(found, str) else None

    cells = tuple(replace(cell, cuda_major=major(cell.name)) for cell in question.cells)
    return replace(question, cells=cells)


def _with_bases(
    scene: Scene, question: Question, fetcher: StoreFetcher
) -> tuple[Question, tuple[LockedBaseImage, ...]]:
    """The question with the base images of its cells, and the lock's entries of them."""
    has_base = any(image.base != "scratch" for image in question.project.manifest.images)
    if not has_base and not (question.former and question.former.base_images):
        return question, ()
    from lockenv.workflows.locking.base_images import lock_bases  # noqa: PLC0415 - start-up: most have none

    answer = lock_bases(scene, question, fetcher)
    return replace(question, bases=answer.by_cell), answer.locked


def _base_notes(lock: Lock) -> list[str]:
    """What `check` will say of base images that bring CUDA (LE703)."""
    if not lock.base_images:
        return []
    from lockenv.workflows.cuda_check import coherence_findings  # noqa: PLC0415 - likewise

    return [f"{one.code}: {one.message}" for one in coherence_findings(lock) if one.code == "LE703"]


def _declares_cuda(question: Question) -> bool:
    """Whether the manifest says anything of CUDA."""
    manifest = question.project.manifest
    return manifest.cuda is not None or any(
        cell.table.cuda is not None or cell.table.cuda_dependencies for cell in question.cells
    )


def _cuda(
    question: Question, solved: Mapping[str, PythonAnswer], fetcher: StoreFetcher
) -> tuple[tuple[LockedTarget, ...], tuple[CudaComponent, ...], list[str]]:
    """The targets with their CUDA, the parts of toolkits that are no packages, and notes."""
    targets = _targets(question)
    has_cuda = any(answer.cuda is not None for answer in solved.values())
    had_cuda = any(target.cuda is not None for target in targets)
    if not (has_cuda or had_cuda or _declares_cuda(question)):
        return targets, (), []
    from lockenv.workflows.locking.cuda_layer import (  # noqa: PLC0415 - start-up: most locks have no CUDA
        cuda_components,
        cuda_notes,
        with_facts,
    )
    from lockenv.workflows.locking.cuda_memory import remember_rejections  # noqa: PLC0415 - likewise

    for cell in question.cells:
        cuda = solved[cell.name].cuda if cell.name in solved else None
        if cuda is not None:
            remember_rejections(fetcher, request_lines(question, cell), cuda.rejected)
    targets = with_facts(targets, solved, question.project.manifest)
    notes = cuda_notes(question, solved)
    return targets, cuda_components(question, solved, fetcher), notes


def _native(
    scene: Scene,
    question: Question,
    fetcher: StoreFetcher,
    system: SystemAnswer,
    targets: tuple[LockedTarget, ...],
    chosen: Mapping[str, Sequence[Chosen]],
) -> tuple[SystemAnswer, tuple[LockedTarget, ...], list[str]]:
    """The system layer with what wheels turned out to need, the targets with what they lack."""
    if not system.by_cell and question.project.manifest.policy.native_libraries != "error":
        targets = tuple(
            replace(target, native_libraries=()) if target.name in chosen else target
            for target in targets
        )
        return system, targets, []
    from lockenv.workflows.locking.native_layer import find_missing  # noqa: PLC0415 - start-up: most locks have no system

    answer = find_missing(scene, question, fetcher, system, chosen)
    targets = tuple(
        replace(target, native_libraries=answer.gaps.get(target.name, ()))
        if target.name in chosen
        else target
        for target in targets
    )
    return answer.system, targets, list(answer.notes)


def _with_system(
    question: Question, system: SystemAnswer, targets: tuple[LockedTarget, ...]
) -> tuple[LockedTarget, ...]:
    """The targets with the suite and epoch of their system layer."""
    declared = question.project.manifest.system
    suite = declared.suite if declared is not None else None
    found = []
    for target in targets:
        answer = system.by_cell.get(target.name)
        if answer is not None:
            target = replace(target, suite=suite, epoch=answer.epoch)  # noqa: PLW2901 - the same target, completed
        found.append(target)
    return tuple(found)


def _requests(question: Question) -> dict[str, tuple[str, ...]]:
    former = question.former.request if question.former else {}
    return {
        cell.name: request_lines(question, cell) if question.is_solved(cell) else former[cell.name]
        for cell in question.cells
    }


def _solve(
    question: Question, layer: PythonLayer
) -> tuple[dict[str, PythonAnswer], tuple[Difference, ...], list[str]]:
    """Beside all old pins first; only where that fails, the fewest move (contract 3)."""
    cells = {cell.name: cell for cell in question.cells if question.is_solved(cell)}
    kept = {name: _kept(question, cell) for name, cell in cells.items()}
    moved = {name: question.moves.of("pypi", versions) for name, versions in kept.items()}
    asked = {
        name.removeprefix("pypi:"): version
        for name, version in question.moves.fixed.items()
        if name.startswith("pypi:")
    }

    def solve(cell: str, steer: Steer) -> PythonAnswer:
        return layer.solve(cells[cell], steer, moved[cell])

    align = question.project.manifest.align
    direct = frozenset(
        canonicalize_name(root.ask.requirement.name)
        for cell in cells.values()
        for root in cell.roots
    )
    if question.project.manifest.follow is not None:
        return _followed(question, cells, solve)
    staying = {
        name: {
            package: version for package, version in versions.items() if package not in moved[name]
        }
        for name, versions in kept.items()
    }
    beside = {
        name: Steer(fixed={**staying[name], **asked}, preferred=staying[name]) for name in cells
    }
    if any(steer.fixed for steer in beside.values()):
        try:
            solved, apart = solve_aligned(
                list(cells), solve, beside, kept=staying, align=align, direct=direct
            )
        except NoSolutionError:
            if question.strict:
                raise
        else:
            return solved, apart, held_back_notes(solved, staying)
    free = {name: Steer(fixed=asked, preferred=staying[name]) for name in cells}
    solved, apart = solve_aligned(
        list(cells), solve, free, kept=staying, align=align, direct=direct
    )
    return solved, apart, []


def _followed(
    question: Question, cells: Mapping[str, Cell], solve: Solve[PythonAnswer]
) -> tuple[dict[str, PythonAnswer], tuple[Difference, ...], list[str]]:
    """The versions of the lock that is followed bind: what they do not admit, has no solution."""
    from lockenv.workflows.following import followed_versions  # noqa: PLC0415 - start-up: few follow

    targets = [cell.target for cell in cells.values()]
    versions = followed_versions(question.project.manifest, targets) or {}
    steers = {name: Steer(fixed=versions[name], preferred=versions[name]) for name in cells}
    solved, apart = solve_aligned(list(cells), solve, steers, kept=versions, align="off")
    return solved, apart, []


@contextmanager
def _tracing(scene: Scene, file: str | None) -> Iterator[Callable[[Event], None] | None]:
    """Who writes the steps of the search into a file, for a bug report; nobody without a file."""
    if file is None:
        yield None
        return
    path = scene.directory / file
    try:
        stream = path.open("w", encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error
    with stream:
        yield lambda event: _write_event(stream, event)


def _write_event(stream: TextIO, event: Event) -> None:
    """One line of a trace."""
    stream.write(render_event(event) + "\n")


def _strictly(error: NoSolutionError) -> NoSolutionError:
    """The refusal of a search in which no old pin may move."""
    return NoSolutionError(
        error.slug,
        error.what,
        why=[*error.why, "with --strict the versions in the lock are all that there is"],
        fix=["lockenv lock without --strict, which moves the fewest pins", *error.fix],
    )


def _place(question: Question, root: Root) -> str:
    """Where the manifest asks for a root, for a message."""
    place = question.project.place(root.ask.origin)
    return place if root.selection == "project" else f"{place} ({root.selection})"


def _kept(question: Question, cell: Cell) -> dict[str, str]:
    """The public versions that the former lock has for a cell, but for those that no longer fit.

    What was imported since stands before them.
    """
    if question.former is None:
        return {}
    drifted = {
        finding.package
        for finding in drift(question.project, question.former)
        if finding.target in {None, cell.name} and finding.package
    }
    kept = {
        package.name: Version(package.version).public
        for package in question.former.packages
        if cell.name in package.targets and package.version and package.name not in drifted
    }
    return kept | preferred_versions(question.former, cell.target)


def _packages(question: Question, chosen: Mapping[str, list[Chosen]]) -> tuple[LockedPackage, ...]:
    former = question.former.packages if question.former else ()
    cells = {cell.name: cell for cell in question.cells}
    entries = list(
        locked_packages([(cells[name].target, members) for name, members in chosen.items()], former)
    )
    stay = {cell.name for cell in question.cells if not question.is_solved(cell)}
    return with_untouched(entries, former, stay)


def _interpreters(question: Question) -> tuple[LockedInterpreter, ...]:
    found: dict[LockedInterpreter, list[str]] = {}
    for cell in question.cells:
        found.setdefault(replace(cell.interpreter, targets=()), []).append(cell.name)
    return tuple(replace(one, targets=tuple(names)) for one, names in found.items())
