"""What `verify` asks, entry by entry: each knows its place, and how to put the question."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from lockenv.errors import UnavailableError
from lockenv.model import PLATFORMS, Finding, Lock
from lockenv.sources.python import Indexes, LockedFile, confirm_file, index_address
from lockenv.values import dataclass, replace
from lockenv.workflows.available import ask_for, distinct, places
from lockenv.workflows.indexes import indexes_of
from lockenv.workflows.locking.system_layer import world_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.fetch import StoreFetcher
    from lockenv.model import (
        ArchiveState,
        Artifact,
        CudaComponent,
        LockedBaseImage,
        LockedInterpreter,
        LockedPackage,
        LockedSystemPackage,
    )
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One question: about ``count`` files of one ``place``, answered by findings or an error."""

    label: str
    layer: str
    place: str
    ask: Callable[[], Iterable[Finding]]
    package: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A lock, what of it is known already (``old``), and which targets matter (none: all)."""

    lock: Lock
    old: Lock | None = None
    targets: tuple[str, ...] = ()
    available: bool = False

    def concerns(self, targets: Iterable[str]) -> bool:
        """Whether an entry serves a target that matters."""
        return not self.targets or not set(self.targets).isdisjoint(targets)


def entries_to_ask(
    scene: Scene, project: Project, asked: Asked, fetcher: StoreFetcher
) -> Iterator[Entry]:
    """Every question about a lock, layer by layer."""
    yield from _python(project, asked, fetcher)
    yield from _sources(scene, project, asked, fetcher)
    yield from _interpreters(asked)
    yield from _system(scene, project, asked, fetcher)
    yield from _cuda(asked, fetcher)
    yield from _bases(scene, asked)
    if asked.available:
        yield from _available(project, asked, fetcher)


def _available(project: Project, asked: Asked, fetcher: StoreFetcher) -> Iterator[Entry]:
    known = set(places(asked.old, str(project.root))) if asked.old else set()
    for place in distinct(places(asked.lock, str(project.root))):
        if place not in known:
            yield Entry(
                label=place.name,
                layer=place.layer,
                place=place.layer,
                package=place.package,
                ask=ask_for(fetcher, place),
                count=0,
            )


# -- Python ----------------------------------------------------------------------------------------

#: What identifies a file of an index: a change of any of it is to be confirmed.
_File = tuple[str, str, "str | None", "Artifact", bool]


def _files(lock: Lock, asked: Asked) -> dict[_File, None]:
    found: dict[_File, None] = {}
    for package in lock.packages:
        if package.index is None or not asked.concerns(package.targets):
            continue
        for file in (*package.wheels, package.sdist):
            if file is not None and asked.concerns(file.targets or package.targets):
                plain = replace(file, targets=())
                yanked = package.yanked is not None
                found[package.name, package.version or "", package.index, plain, yanked] = None
    for build in lock.builds:
        for item in build.packages if asked.concerns(build.targets) else ():
            plain = replace(item.artifact, targets=())
            found[item.name, item.version, item.index, plain, False] = None
    return found


def _python(project: Project, asked: Asked, fetcher: StoreFetcher) -> Iterator[Entry]:
    indexes = Indexes(fetcher, indexes_of(project.manifest), project.root)
    known = {index_address(index.url): index for index in indexes_of(project.manifest)}
    old = _files(asked.old, asked) if asked.old else {}
    for file in _files(asked.lock, asked):
        if file in old:
            continue
        name, version, address, artifact, yanked = file
        index = known.get(address or "")
        if index is None:
            continue  # LE801 of the lock itself
        locked = LockedFile(
            name=name, version=version, artifact=artifact, index=index, yanked=yanked
        )
        yield Entry(
            label=f"{name} {version}",
            layer="python",
            place=index.name,
            package=name,
            ask=_soon(fetcher, indexes, locked),
        )


def _soon(
    fetcher: StoreFetcher, indexes: Indexes, locked: LockedFile
) -> Callable[[], list[Finding]]:
    """The question, put in the background at once; the answer is waited for."""
    future = fetcher.soon(lambda: list(confirm_file(fetcher, indexes, locked)))
    return future.result


def _sources(
    scene: Scene, project: Project, asked: Asked, fetcher: StoreFetcher
) -> Iterator[Entry]:
    """Direct addresses, whose file alone can tell, and commits, which must be to be had."""
    old = {_plain(package) for package in asked.old.packages} if asked.old else set()
    for package in asked.lock.packages:
        if _plain(package) in old or not asked.concerns(package.targets):
            continue
        label = f"{package.name} {package.version or ''}".rstrip()
        if package.archive is not None:
            url = package.archive.url or package.archive_path or ""
            ask = _archive(project, fetcher, package, package.archive)
        elif package.vcs is not None:
            url = package.vcs.url
            ask = _commit(scene, url, package.vcs.commit)
        else:
            continue
        yield Entry(label=label, layer="python", place=url, package=package.name, ask=ask)


def _plain(package: LockedPackage) -> str:
    archive = package.archive and replace(package.archive, targets=())
    return repr((package.name, archive, package.archive_path, package.vcs))


def _archive(
    project: Project, fetcher: StoreFetcher, package: LockedPackage, archive: Artifact
) -> Callable[[], Iterable[Finding]]:
    def ask() -> Iterator[Finding]:
        if archive.url is not None:
            digest, size, _ = fetcher.download(archive.url)
            received = (digest.hex, size)
        else:
            place = project.root / (package.archive_path or "")
            try:
                data = place.read_bytes()
            except OSError as error:
                raise UnavailableError(
                    "gone",
                    f"{package.archive_path} cannot be read",
                    why=error.strerror or str(error),
                    fix="put it back, or lockenv lock",
                ) from error
            received = (hashlib.sha256(data).hexdigest(), len(data))
        if received[0] != archive.digest.hex:
            words = f"{archive.name} is locked as {archive.digest.hex[:12]}..."
            message = f"{words}, its address has {received[0][:12]}..."
            yield Finding(
                code="hash-differs", message=message, layer="python", package=package.name
            )
        elif archive.size not in {None, received[1]}:
            words = f"{archive.name} is locked with {archive.size} bytes, it has {received[1]}"
            yield Finding(code="size-differs", message=words, layer="python", package=package.name)

    return ask


def _commit(scene: Scene, url: str, commit: str) -> Callable[[], Iterable[Finding]]:
    def ask() -> list[Finding]:
        from lockenv.workflows.syncing.build_steps import git_repositories  # noqa: PLC0415 - start-up

        git_repositories(scene).checkout(url, commit)
        return []

    return ask


def _interpreters(asked: Asked) -> Iterator[Entry]:
    old = {replace(one, targets=()) for one in asked.old.interpreters} if asked.old else set()
    for locked in asked.lock.interpreters:
        new = replace(locked, targets=()) not in old
        if locked.artifact is not None and new and asked.concerns(locked.targets):
            yield Entry(
                label=f"Python {locked.version}",
                layer="python",
                place="interpreters",
                package="python",
                ask=_build(locked, locked.artifact),
            )


def _build(locked: LockedInterpreter, artifact: Artifact) -> Callable[[], Iterable[Finding]]:
    def ask() -> Iterator[Finding]:
        from lockenv.tables.builds import interpreter_builds  # noqa: PLC0415 - start-up: a large table

        builds = [one for one in interpreter_builds() if one.filename == artifact.name]
        if not builds:
            words = f"the table of interpreters has no {artifact.name}"
            yield Finding(code="not-listed", message=words, layer="python", package="python")
        elif builds[0].sha256 != artifact.digest.hex:
            words = f"{artifact.name} is locked as {artifact.digest.hex[:12]}..."
            message = f"{words}, the table of interpreters has {builds[0].sha256[:12]}..."
            yield Finding(code="hash-differs", message=message, layer="python", package="python")
        elif artifact.url not in {None, builds[0].url}:
            words = f"{artifact.name} is locked with another address than its release has"
            yield Finding(code="url-differs", message=words, layer="python", package="python")
        if locked.version not in artifact.name:
            words = f"{artifact.name} is no Python {locked.version}"
            yield Finding(code="fact-differs", message=words, layer="python", package="python")

    return ask


# -- Debian, CUDA, base images ---------------------------------------------------------------------


def _system(scene: Scene, project: Project, asked: Asked, fetcher: StoreFetcher) -> Iterator[Entry]:
    """One question a target: its packages, and the states that they are from."""
    if project.manifest.system is None:
        return
    old = asked.old or Lock()
    packages_known = {_bare(one) for one in old.system_packages}
    states_known = {replace(one, targets=()) for one in old.system_archives}
    seen: set[object] = set()
    for target in asked.lock.targets:
        packages = tuple(
            one
            for one in asked.lock.system_packages
            if target.name in one.targets and _bare(one) not in packages_known
        )
        used = {one.archive for one in packages}
        states = tuple(
            one
            for one in asked.lock.system_archives
            if target.name in one.targets
            and (one.key in used or replace(one, targets=()) not in states_known)
        )
        question = (target.platform, frozenset(map(_bare, packages)), frozenset(used))
        if not states or question in seen or not asked.concerns([target.name]):
            continue
        seen.add(question)
        yield Entry(
            label=f"system packages of {target.name}",
            layer="system",
            place=", ".join(sorted({one.url for one in states})),
            ask=partial(_of_archives, scene, project, fetcher, target.platform, packages, states),
            count=len(packages),
        )


def _bare(package: LockedSystemPackage) -> str:
    """The package without what the manifest decides."""
    return repr(replace(package, targets=(), roles=(), requested=(), note=None))


def _of_archives(
    scene: Scene,
    project: Project,
    fetcher: StoreFetcher,
    platform: str,
    packages: tuple[LockedSystemPackage, ...],
    states: tuple[ArchiveState, ...],
) -> list[Finding]:
    from lockenv.sources.debian import confirm_system  # noqa: PLC0415 - start-up

    system = project.manifest.system
    if system is None:
        return []
    world = world_of(scene, project.root, fetcher, system)
    architecture = PLATFORMS[platform].debian_architecture
    return list(confirm_system(system, architecture, packages, states, world))


def _cuda(asked: Asked, fetcher: StoreFetcher) -> Iterator[Entry]:
    old = {replace(one, targets=()) for one in asked.old.cuda_components} if asked.old else set()
    for component in asked.lock.cuda_components:
        if replace(component, targets=()) not in old and asked.concerns(component.targets):
            yield Entry(
                label=f"{component.name} {component.version}",
                layer="cuda",
                place="redistributables",
                package=component.name,
                ask=partial(_of_manifests, fetcher, component),
            )


def _of_manifests(fetcher: StoreFetcher, component: CudaComponent) -> list[Finding]:
    from lockenv.sources.cuda import confirm_components  # noqa: PLC0415 - start-up

    return list(confirm_components(fetcher, [component]))


def _bases(scene: Scene, asked: Asked) -> Iterator[Entry]:
    old = {replace(one, targets=()) for one in asked.old.base_images} if asked.old else set()
    for image in asked.lock.base_images:
        if replace(image, targets=()) not in old and asked.concerns(image.targets):
            yield Entry(
                label=image.reference,
                layer="base",
                place=image.reference,
                package=image.reference,
                ask=partial(_of_registry, scene, image),
            )


def _of_registry(scene: Scene, image: LockedBaseImage) -> list[Finding]:
    """The manifest under the locked digest: there, of that size, with those layers."""
    from lockenv.workflows.registries import (  # noqa: PLC0415 - start-up
        locked_manifest,
        open_registry,
        reference_of,
    )

    reference = reference_of(image.reference)
    registry = open_registry(scene, reference)
    try:
        wrong = locked_manifest(registry, reference, image)
    finally:
        registry.close()
    return [
        Finding(code="fact-differs", message=one, layer="base", package=image.reference)
        for one in wrong
    ]
