"""What wheels turn out to hold when they are installed, against the lock (LE705).

Locking reads no large wheel; installing has every library on disk. Each wheel is judged by the
rule that would have judged it while locking, and what was read is remembered by its digest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import DriftError
from lockenv.model import LOCK_NAME, PLATFORMS, Cuda, Finding, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.fetch import StoreFetcher
    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.materialize import Unpacked
    from lockenv.model import Artifact, Digest, Lock, LockedTarget
    from lockenv.sources.cuda import CandidateFacts, Fleet, World

CODE = "LE705"


def refuse_contradictions(
    lock: Lock,
    selection: Selection,
    unpacked: Callable[[Digest], Unpacked | None],
    fetcher: StoreFetcher,
) -> list[str]:
    """What unpacked wheels hold that the lock does not know of, a note each by the policy's word.

    Raises `DriftError` where the policy leaves it an error: then nothing is installed.
    """
    findings = later_findings(lock, selection, unpacked, fetcher)
    words = _words(lock, selection.target.name)
    findings = [one for one in findings if words(one.package or "") != "off"]
    if not findings:
        return []
    wrong = [one for one in findings if words(one.package or "") != "warn"]
    if wrong:
        first, *others = wrong
        raise DriftError(
            CODE,
            first.message,
            why=[f"target {first.target}", *(other.message for other in others)],
            fix=first.fix,
        )
    return [f"{CODE}: {one.message}" for one in findings]


def later_findings(
    lock: Lock,
    selection: Selection,
    unpacked: Callable[[Digest], Unpacked | None],
    fetcher: StoreFetcher | None = None,
) -> list[Finding]:
    """Where the libraries of a selection's unpacked wheels contradict the lock, by name."""
    target = selection.target
    refuses = "cuda refuse yes" in lock.request.get(target.name, ())
    if target.cuda is None and not refuses:
        return []
    from lockenv.sources.cuda import World, side_facts  # noqa: PLC0415 - start-up

    world = World(
        fleet=_fleet(target),
        major=_major(target),
        refuses_cuda=refuses,
        roots=frozenset(
            one.package.name for one in selection.packages if any(e.is_root for e in one.asked_by)
        ),
    )
    found = []
    for selected, artifact in _worth_reading(selection.packages):
        facts = _facts(artifact.digest, unpacked, fetcher)
        if facts is None:
            continue
        facts = side_facts(selected.package.name, facts)
        reason = _contradiction(world, selected.package.name, target, facts.majors) or (
            world.contradiction(selected.package.name, facts)
        )
        if reason is not None:
            found.append(_finding(target, selected, reason))
    return found


def _contradiction(
    world: World, name: str, target: LockedTarget, majors: tuple[int, ...]
) -> str | None:
    """Why a package cannot be among several majors (`majors = "many"`), of which it has none."""
    locked = target.cuda.needs.get("major", ()) if target.cuda is not None else ()
    if isinstance(locked, str) or not locked or world.refuses_cuda:
        return None
    known = {int(major) for major in locked}
    if not majors or known & set(majors):
        return None
    return f"needs CUDA {majors[0]}, and {name} was locked beside CUDA {' and '.join(locked)}"


def _facts(
    digest: Digest,
    unpacked: Callable[[Digest], Unpacked | None],
    fetcher: StoreFetcher | None,
) -> CandidateFacts | None:
    """What a wheel's libraries say, if it was read before or lies in the store."""
    from lockenv.sources.cuda import facts_of_folder, recall_facts  # noqa: PLC0415 - start-up

    known = recall_facts(digest.hex, fetcher)
    if known is not None:
        return known
    files = unpacked(digest)
    if files is None:
        return None
    paths = [file.path for file in files.files]
    return facts_of_folder(Path(files.files_folder), paths, digest.hex, fetcher)


def _worth_reading(
    packages: Iterable[SelectedPackage],
) -> Iterator[tuple[SelectedPackage, Artifact]]:
    """The wheels with libraries of their own of which the shipped tables do not know all."""
    from lockenv.tables.cuda import components, wheels  # noqa: PLC0415 - start-up

    for selected in packages:
        artifact, name = selected.artifact, selected.package.name
        if artifact is None or not artifact.name.endswith(".whl"):
            continue
        if artifact.name.endswith("-any.whl"):
            continue
        if components().is_runtime(name) or name in wheels().quiet:
            continue
        known = wheels().by_hash(artifact.digest.hex)
        if known is None or known.partial:
            yield selected, artifact


def _fleet(target: LockedTarget) -> Fleet:
    """What the target's machines were declared to be, as far as packages are judged by it."""
    from lockenv.sources.cuda import read_fleet  # noqa: PLC0415 - start-up

    said = target.cuda.declared if target.cuda is not None else {}

    def text(key: str) -> str | None:
        value = said.get(key)
        return value if isinstance(value, str) else None

    def texts(key: str) -> tuple[str, ...] | None:
        value = said.get(key)
        return value if isinstance(value, tuple) else (value,) if value else None

    cuda = Cuda(
        driver=text("driver"),
        gpus=texts("gpus"),
        archs=texts("archs"),
        ptx=text("ptx"),
        forward_compat=text("forward-compat") == "true",
        origin=Origin(LOCK_NAME),
    )
    return read_fleet(cuda, PLATFORMS[target.platform])


def _major(target: LockedTarget) -> int | None:
    major = target.cuda.needs.get("major") if target.cuda is not None else None
    return int(major) if isinstance(major, str) else None


def _finding(target: LockedTarget, selected: SelectedPackage, reason: str) -> Finding:
    package = selected.package
    major = _major(target)
    locked = f"was locked as CUDA {major}" if major else "was locked as needing no CUDA"
    return Finding(
        code=CODE,
        layer="venv",
        target=target.name,
        package=package.name,
        message=f"{package.name} {package.version} {locked}, its libraries say that it {reason}",
        fix=f'constraints = ["{package.name}!={package.version}"], then lockenv lock',
    )


def _words(lock: Lock, target: str) -> Callable[[str], str]:
    """The policy's word on each package, as the lock's request has it."""
    lines = lock.request.get(target, ())
    word = next((x.split(" ")[2] for x in lines if x.startswith(f"finding {CODE} ")), "error")
    ignored = {line.split(" ")[2] for line in lines if line.startswith(f"ignore {CODE} ")}

    def of(name: str) -> str:
        return "off" if ignored & {name, "*"} else word

    return of
