"""The packages of a lock that have no wheel, and the project itself: built as the lock says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.formats.metadata import MetadataError
from lockenv.lockfile import Edge, SelectedPackage
from lockenv.materialize import WantedPackage
from lockenv.model import Digest, parse_digest
from lockenv.sources.python import SourceTree, static_metadata
from lockenv.workflows.environment import direct_url, provenance_url, wanted_file
from lockenv.workflows.syncing.build_steps import Built, Workshop, built, git_repositories, kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import InstalledPackage, ProjectFile, VenvPython
    from lockenv.model import Lock, LockedBuild, LockedPackage
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.syncing.cuda_tools import CudaShop


#: The digest of no wheel: what stands in for one that is not built yet.
_UNKNOWN = Digest("sha256", "0" * 64)


def workshop(
    scene: Scene,
    fetcher: StoreFetcher,
    python: VenvPython,
    lock: Lock,
    target: str,
    *,
    root: Path,
    bundle: str | None = None,
    listed: Callable[[Path], Sequence[ProjectFile]] | None = None,
) -> Workshop:
    """The workshop for one target of a lock; ``listed`` as it has it."""
    builds = tuple(build for build in lock.builds if target in build.targets)
    policies = [line.split()[1:] for line in lock.request[target] if line.startswith("sdist ")]
    general = next((words[0] for words in policies if len(words) == 1), "deny")
    named = {words[0]: words[1] for words in policies if len(words) > 1}
    names = {build.name for build in builds}
    return Workshop(
        scene=scene,
        fetcher=fetcher,
        python=python,
        target=target,
        builds=builds,
        root=str(root),
        cuda=_cuda_shop(lock, builds, target),
        bundle=scene.directory / bundle if bundle else None,
        listed=listed,
        loose=frozenset(name for name in names if named.get(name, general) == "allow"),
    )


def _cuda_shop(lock: Lock, builds: Iterable[LockedBuild], target: str) -> CudaShop | None:
    """What there is for builds with nvcc, where a target has one."""
    from lockenv.workflows.syncing.cuda_tools import cuda_shop, uses_nvcc  # noqa: PLC0415 - start-up: few have

    if not any(uses_nvcc(build) for build in builds):
        return None
    return cuda_shop(lock, next(one for one in lock.targets if one.name == target))


def built_package(
    shop: Workshop, selected: SelectedPackage, root: Path, *, editable: bool, dry: bool = False
) -> WantedPackage:
    """A selected package without a wheel, built; ``editable`` allows what is locked as editable.

    With ``dry`` nothing is built or fetched, for a plan that is only shown: what does not lie in
    the store has no digest of its own then, and no version where only its build tells one.
    """
    return _made(shop, selected, root, editable=editable, dry=dry)


def built_project(
    shop: Workshop, package: LockedPackage, root: Path, *, editable: bool, dry: bool = False
) -> WantedPackage:
    """The project's own wheel, editable (PEP 660) or as others would get it."""
    return _made(shop, as_selected(package), root, editable=editable, dry=dry)


def installed_package(
    selected: SelectedPackage, root: Path, *, editable: bool, found: InstalledPackage | None
) -> WantedPackage:
    """What must be installed of a package that is built, where ``found`` is now.

    Its wheel was made here and is pinned nowhere, so the installed one counts.
    """
    package = selected.package
    is_editable = editable and package.directory is not None and package.directory.editable
    version = package.version or (found.version if found else "0")
    return WantedPackage(
        name=package.name,
        version=version,
        filename=f"{package.name}-{version}-py3-none-any.whl",
        digest=parse_digest(found.artifact) if found and found.artifact else _UNKNOWN,
        requested=any(edge.is_root for edge in selected.asked_by),
        direct_url=direct_url(package, str(root), editable=is_editable),
        provenance_url=provenance_url(package, selected.artifact),
    )


def as_selected(own: LockedPackage) -> SelectedPackage:
    """The project itself, as if it were asked for."""
    edge = Edge(asker="project", is_root=True, requirement=own.name)
    return SelectedPackage(package=own, artifact=None, extras=(), asked_by=(edge,))


def _made(
    shop: Workshop, selected: SelectedPackage, root: Path, *, editable: bool, dry: bool
) -> WantedPackage:
    package = selected.package
    is_editable = editable and package.directory is not None and package.directory.editable
    kind = "editable" if is_editable else "wheel"
    build = build_of(shop, package)
    made: Built | None = None
    if not dry:
        made = built(shop, build, source_tree(shop, selected, root), kind)
    elif _is_at_hand(shop, selected):
        made = kept(shop, build, source_tree(shop, selected, root), kind)
    version = made.version if made else package.version or _told(shop, selected, root)
    return WantedPackage(
        name=package.name,
        version=version,
        filename=made.filename if made else f"{package.name}-{version or 0}-py3-none-any.whl",
        digest=made.digest if made else _UNKNOWN,
        requested=any(edge.is_root for edge in selected.asked_by),
        direct_url=direct_url(package, str(root), editable=is_editable),
        provenance_url=provenance_url(package, selected.artifact),
    )


def _told(shop: Workshop, selected: SelectedPackage, root: Path) -> str:
    """The version that a folder's own files say; empty where only its build does."""
    if selected.package.directory is None:
        return ""
    try:
        metadata = static_metadata(source_tree(shop, selected, root))
    except MetadataError:
        return ""
    return metadata.version if metadata is not None else ""


def _is_at_hand(shop: Workshop, selected: SelectedPackage) -> bool:
    """Whether nothing has to be fetched to know what a package is built from."""
    if selected.package.directory is not None:
        return True
    artifact = selected.artifact
    return artifact is not None and shop.fetcher.has_blob(artifact.digest) is not None


def build_of(shop: Workshop, package: LockedPackage) -> LockedBuild:
    """The locked build of a package; `InputError` where the lock has none."""
    found = [build for build in shop.builds if build.name == package.name]
    exact = [build for build in found if build.version == package.version]
    if exact or found:
        return (exact or found)[0]
    raise InputError(
        "no-build",
        f"{package.name} has no wheel for {shop.target}, and the lock has no build of it",
        fix="lockenv lock",
    )


def source_tree(shop: Workshop, selected: SelectedPackage, root: Path) -> SourceTree:
    """What a selected package is built from, fetched where it is not there yet."""
    package = selected.package
    if package.vcs is not None:
        commit = package.vcs.commit
        return SourceTree(
            path=git_repositories(shop.scene, shop.bundle).checkout(package.vcs.url, commit),
            filename=f"{package.name} at {commit[:12]}",
            identity=f"git:{commit}",
            subdirectory=package.vcs.subdirectory,
        )
    if package.directory is not None:
        folder = source_folder(package, root)
        if shop.listed is not None:
            from lockenv.workflows.imaging.project_source import (  # noqa: PLC0415 - start-up: for images
                project_source,
            )

            return project_source(folder, package.name, shop.listed)
        return SourceTree(path=folder, filename=package.name)
    if selected.artifact is None:
        raise InputError("no-source", f"{package.name} has no source", fix="lockenv lock")
    return SourceTree(
        path=shop.fetcher.blob(wanted_file(selected.artifact, package, str(root))),
        filename=selected.artifact.name,
        identity=str(selected.artifact.digest),
        subdirectory=package.archive_subdirectory,
    )


def source_folder(package: LockedPackage, root: Path) -> Path:
    """The folder that a local package is built from."""
    pin = package.directory
    if pin is None:
        raise InputError("no-source", f"{package.name} has no folder", fix="lockenv lock")
    folder = (root / pin.path).resolve()
    return folder / pin.subdirectory if pin.subdirectory else folder
