"""The CUDA layer of `lock`: what each cell declares, its resolution with CUDA, what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from lockenv.errors import FaultsError, NoSolutionError
from lockenv.fields import Fault
from lockenv.formats.metadata import MetadataError
from lockenv.formats.toml import fault_at
from lockenv.manifest import fill_placeholders
from lockenv.model import Ask, Cuda, Origin
from lockenv.resolve import Root as Asked
from lockenv.resolve import resolve
from lockenv.sources.cuda import (
    CudaAsk,
    Desk,
    Fleet,
    Means,
    NoCudaSolutionError,
    can_have_cuda,
    check_declaration,
    component_requirements,
    cpu_build_notes,
    describe_python,
    driver_note,
    explain,
    lock_facts,
    lock_redistributables,
    merge,
    needed_facts,
    read_fleet,
    rejection_lines,
    resolve_with_cuda,
    unprovided_lines,
)
from lockenv.sources.python import OWN, PYPI, PythonCandidate, needs_nvcc
from lockenv.tables.cuda import drivers
from lockenv.values import dataclass, replace
from lockenv.workflows.cells import Root
from lockenv.workflows.locking.cuda_answer import CudaAnswer, Declared, Template, declared_for
from lockenv.workflows.locking.cuda_system import system_cuda
from lockenv.workflows.locking.refusal import CudaUnsolvedError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from lockenv.fetch import StoreFetcher
    from lockenv.model import CudaComponent, CudaFacts, LockedTarget, Manifest
    from lockenv.resolve import Candidate, Event, Resolution
    from lockenv.sources.python import PythonSource
    from lockenv.workflows.cells import Cell
    from lockenv.workflows.locking.python_answer import PythonAnswer
    from lockenv.workflows.locking.question import Question
    from lockenv.workflows.project import Project


#: Which Debian package brings a part of a toolkit; all others come with the toolkit itself.
_DEBIAN = {"cudnn": "nvidia-cudnn", "nccl": "libnccl"}


@dataclass(frozen=True, slots=True)
class _Parts:
    """Where the parts of a toolkit are asked for."""

    origin: Origin


def refuse_contradictions(project: Project, cells: Iterable[Cell]) -> None:
    """`FaultsError` with every fault of what cells declare; asks nobody."""
    found: dict[str, tuple[tuple[str, int], Fault, Origin]] = {}
    for cell in cells:
        if not can_have_cuda(cell.target.platform):
            continue
        cuda = merge(project.manifest.cuda, cell.table.cuda)
        if not isinstance(cuda, Cuda):
            continue
        said = tuple(check_declaration(cuda))
        for fault in (*said, *(() if said else _contradictions(project.manifest, cuda, cell))):
            origin = _origin(project.manifest, cell, cuda, fault)
            key = f"{origin.file} {origin.path} {fault.message}"
            found.setdefault(key, ((origin.file, project.line(origin) or 0), fault, origin))
    if found:
        ordered = sorted(found.values(), key=lambda row: row[0])
        raise FaultsError(
            [fault_at(fault, origin.file, project.line(origin)) for _, fault, origin in ordered]
        )


def _contradictions(manifest: Manifest, cuda: Cuda, cell: Cell) -> Iterator[Fault]:
    """What a declaration without faults of its own says against the rest of a target."""
    fleet = read_fleet(cuda, cell.target.platform)
    system = manifest.system.packages if manifest.system is not None else ()
    asked = " ".join(one.relation for one in (*system, *cell.table.system_packages))
    for part in fleet.components:
        name = _DEBIAN.get(part, "nvidia-cuda-toolkit")
        if fleet.source_of(part) == "debian" and name not in asked:
            yield Fault(
                (*cuda.origin.path, "components"),
                f"{part} is to come from Debian, and no system package of the target brings it",
                f'add packages = ["{name}"] to [system], with contrib and non-free in components',
                "cuda-source",
            )
    if cuda.majors == "many" and cell.table.cuda_dependencies:
        text = cell.table.cuda_dependencies[0][0]
        yield Fault(
            (*cuda.origin.path, "majors"),
            f'majors = "many" leaves open which major "{text}" follows',
            'remove majors = "many", or write the name with its number',
            "cuda-contradiction",
        )


def _origin(manifest: Manifest, cell: Cell, cuda: Cuda, fault: Fault) -> Origin:
    """Where the key of a fault is written: in the target's own table, or in the common one."""
    keys = fault.path[len(cuda.origin.path) :]
    own = cell.table.cuda
    name = str(keys[0]).replace("-", "_") if keys else ""
    writer = cuda
    if manifest.cuda is not None and isinstance(own, Cuda) and getattr(own, name, None) is None:
        writer = manifest.cuda
    return Origin(writer.origin.file, (*writer.origin.path, *keys))


def _unsolved(cell: Cell, error: NoCudaSolutionError, means: Means) -> CudaUnsolvedError:
    """The error in short, and how it is explained if somebody wants to know."""

    def explained(place: Callable[[Root], str]) -> NoSolutionError:
        def where(origin: Hashable) -> str:
            return place(origin) if isinstance(origin, Root) else ""

        found = explain(error, means, where)
        why = (f"target {cell.name}", *found.why)
        return NoSolutionError(found.slug, found.what, why=why, fix=found.fix)

    return CudaUnsolvedError(error, _cause(error), explained)


def _cause(error: NoCudaSolutionError) -> list[str]:
    """The first reason of each attempt, in a line."""
    lines = []
    for attempt in error.attempts:
        name = attempt.blamed.requirement.identifier.name if attempt.blamed else None
        rows = attempt.rejected.get(name, ()) if name else ()
        lines += rejection_lines(name or "", rows)[:1] or [
            f"{attempt.world.name} there is no answer"
        ]
    return lines


class CudaSolver:
    """Solves cells with CUDA; what it learns of wheels serves all cells."""

    def __init__(
        self, manifest: Manifest, fetcher: StoreFetcher, listen: Callable[[Event], None] | None
    ) -> None:
        self._manifest = manifest
        self._listen = listen
        self._desk = Desk(fetcher)

    def solve(
        self,
        cell: Cell,
        source: PythonSource,
        roots: Sequence[Asked],
        kept: Iterable[str],
        plain: Resolution | None,
    ) -> tuple[Cell, Resolution, CudaAnswer]:
        """The best answer for a cell that can have CUDA, with what was learned of it.

        The cell comes back with the requirements whose names follow the CUDA major. ``kept`` are
        names whose version was locked before: those do not move for one toolkit's sake. ``plain``
        is the answer without a thought of CUDA, if there is one. Raises
        `UnsolvableError` where CUDA has no part in it, else `CudaUnsolvedError`.
        """
        declared = declared_for(self._manifest, cell)
        held = system_cuda(cell.system)
        fleet = declared.fleet
        if held.toolkit and declared.cuda is not False:
            fleet = replace(fleet or Fleet(), system_toolkit=held.toolkit)

        def roots_of(text: str, origin: Hashable) -> Sequence[Asked]:
            if isinstance(origin, (Template, _Parts)):
                origin = _root(text, origin.origin)
            return [Asked(requirement=asked, origin=origin) for asked in source.asked(text)]

        means = Means(
            sources={PYPI: source},
            desk=self._desk,
            solve=lambda sources, roots: resolve(sources, roots, listen=self._listen),
            describe=describe_python,
            roots_of=roots_of,
            compiles=lambda candidate: _is_compiled(source, candidate),
        )
        ask = CudaAsk(
            roots=tuple(roots),
            templates=tuple((text, Template(text, origin)) for text, origin in declared.templates),
            fleet=fleet,
            provided=held.sonames,
            refuses_cuda=declared.cuda is False,
            kept=frozenset(kept),
            components_origin=_Parts(declared.cuda.origin)
            if isinstance(declared.cuda, Cuda)
            else "",
            plain=plain,
        )
        try:
            found = resolve_with_cuda(ask, means)
        except NoCudaSolutionError as error:
            raise _unsolved(cell, error, means) from error
        # Where CUDA is refused, GPU code that came along is nobody's need.
        facts = {} if declared.cuda is False else found.facts
        needs = needed_facts(facts, found.versions, declared.fleet or Fleet())
        major = found.compiler or (found.world.major if declared.asks_for_cuda else None)
        if major:
            needs.setdefault("major", str(major))
        if found.compiler and (floor := drivers().floor(found.compiler)) is not None:
            needs.setdefault("driver", floor)
        answer = CudaAnswer(found=found, declared=declared, needs=needs)
        return _filled(cell, declared, found.world.major), found.resolution, answer


def _is_compiled(source: PythonSource, candidate: Candidate) -> bool:
    """Whether nvcc must compile a candidate: it has no wheel, and its files say so."""
    if not isinstance(candidate, PythonCandidate) or candidate.release.is_wheel:
        return False
    if candidate.release.kind == OWN:
        return False  # it says by `cuda.components` that nvcc compiles it
    try:
        return needs_nvcc(source.reader.tree(candidate.release))
    except MetadataError:
        return False


def _root(text: str, origin: Origin) -> Root:
    return Root(selection="project", ask=Ask(requirement=Requirement(text), origin=origin))


def _filled(cell: Cell, declared: Declared, major: int | None) -> Cell:
    """The cell with the roots whose names follow the CUDA major, and the parts of its toolkit."""
    if major is None:
        return cell
    more = [
        _root(fill_placeholders(text, {"cuda.major": str(major)}), origin)
        for text, origin in declared.templates
    ]
    if declared.fleet is not None and isinstance(declared.cuda, Cuda):
        texts = component_requirements(declared.fleet, major)
        more += [_root(text, declared.cuda.origin) for text in texts]
    return replace(cell, roots=(*cell.roots, *more)) if more else cell


def locked_facts(answer: PythonAnswer, manifest: Manifest) -> CudaFacts | None:
    """The lock's table on the CUDA of a cell; None where there is nothing to say."""
    declared = declared_for(manifest, answer.cell)
    cuda = declared.cuda
    needs = answer.cuda.needs if answer.cuda is not None else {}
    return lock_facts(cuda if isinstance(cuda, Cuda) else None, needs)


def with_facts(
    targets: Iterable[LockedTarget], solved: Mapping[str, PythonAnswer], manifest: Manifest
) -> tuple[LockedTarget, ...]:
    """The targets with what their CUDA is; those that were not solved again keep theirs."""
    return tuple(
        replace(target, cuda=locked_facts(solved[target.name], manifest))
        if target.name in solved
        else target
        for target in targets
    )


def cuda_notes(question: Question, solved: Mapping[str, PythonAnswer]) -> list[str]:
    """What the user should know of the chosen CUDA. `NoSolutionError` by the policy's word."""
    former = {one.name: one.cuda for one in question.former.targets} if question.former else {}
    word = question.project.manifest.policy.native_libraries
    notes: list[str] = []
    for name, answer in solved.items():
        cuda = answer.cuda
        if cuda is None:
            continue
        before = former.get(name)
        is_new = before is None or before.needs.get("driver") != cuda.needs.get("driver")
        fleet = cuda.declared.fleet
        declared_nothing = cuda.declared.cuda is None
        if is_new and (fleet is None or fleet.driver is None):
            note = driver_note(name, cuda.needs)
            notes += [note] if note else []
        if declared_nothing and name not in former:
            notes += cpu_build_notes(cuda.found, answer.cell.target.platform.machine, name)
        lines = [f"{line} ({name})" for line in unprovided_lines(cuda.found.verdict.unprovided)]
        if lines and word == "error":
            raise NoSolutionError(
                "unprovided-library",
                f"a CUDA library that is linked in target {name} is provided by nothing",
                why=lines,
                fix='add what provides it, or write native-libraries = "warn"',
            )
        notes += lines if word != "off" else []
        if question.explain or cuda.declared.cuda is False:
            reasons = (line for lines in cuda.rejected.values() for line in lines)
            notes += [f"{line} ({name})" for line in reasons]
    return notes


def cuda_components(
    question: Question, solved: Mapping[str, PythonAnswer], fetcher: StoreFetcher
) -> tuple[CudaComponent, ...]:
    """The parts of toolkits that come as redistributable archives, with the cells they serve."""
    former = question.former.cuda_components if question.former else ()
    found: dict[CudaComponent, list[str]] = {}
    for cell in question.cells:
        own = [one for one in former if cell.name in one.targets]
        answer = solved.get(cell.name)
        if answer is not None:
            own = list(_components_of(question, answer, fetcher, own))
        for component in own:
            found.setdefault(replace(component, targets=()), []).append(cell.name)
    return tuple(replace(one, targets=tuple(sorted(names))) for one, names in found.items())


def _components_of(
    question: Question,
    answer: PythonAnswer,
    fetcher: StoreFetcher,
    former: Sequence[CudaComponent],
) -> Sequence[CudaComponent]:
    cuda = answer.cuda
    fleet = cuda.declared.fleet if cuda is not None else None
    if cuda is None or fleet is None:
        return ()
    major = cuda.found.world.major or max(cuda.found.verdict.majors, default=0)
    major = major or max(fleet.majors(), default=0)
    if former and "cuda" not in question.moves.layers and _still_asked(question, answer, major):
        return former
    return lock_redistributables(
        fleet, major, answer.cell.target.platform, fetcher, as_of=question.limits.as_of
    )


def _still_asked(question: Question, answer: PythonAnswer, major: int) -> bool:
    """Whether the former lock's archives were chosen for the same declaration and major."""
    former = question.former
    before = (
        next((t for t in former.targets if t.name == answer.cell.name), None) if former else None
    )
    facts = locked_facts(answer, question.project.manifest)
    if before is None or before.cuda is None or facts is None:
        return False
    return before.cuda.declared == facts.declared and before.cuda.needs.get("major") == str(major)
