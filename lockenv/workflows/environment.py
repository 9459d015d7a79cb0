"""From a lock and a choice to what an environment shall hold: a value, before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lockenv.formats.wheel import (
    render_archive_url,
    render_directory_url,
    render_provenance_url,
    render_vcs_url,
)
from lockenv.lockfile import environment_digest, select
from lockenv.materialize import WantedPackage
from lockenv.model import Wanted
from lockenv.values import dataclass

if TYPE_CHECKING:
    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.model import Artifact, Digest, Lock, LockedInterpreter, LockedPackage
    from lockenv.workflows.choice import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one choice of one lock comes to.

    ``wheels`` install as they are; ``to_build`` have no wheel; ``project`` is the project's own
    entry, where it is installed.
    """

    selection: Selection
    interpreter: LockedInterpreter
    wheels: tuple[SelectedPackage, ...]
    to_build: tuple[SelectedPackage, ...]
    project: LockedPackage | None
    digest: Digest


def content_of(lock: Lock, choice: Choice) -> Content:
    """The content of a choice."""
    selection = select(
        lock, choice.target, groups=choice.groups, extras=choice.extras, project=choice.project
    )
    interpreter = next(one for one in lock.interpreters if choice.target in one.targets)
    wheels = tuple(one for one in selection.packages if is_wheel(one.artifact))
    rest = tuple(one for one in selection.packages if not is_wheel(one.artifact))
    return Content(
        selection=selection,
        interpreter=interpreter,
        wheels=wheels,
        to_build=rest,
        project=selection.project,
        digest=environment_digest(lock, selection),
    )


def is_wheel(artifact: Artifact | None) -> bool:
    """Whether a file installs without a build."""
    return artifact is not None and artifact.name.endswith(".whl")


def wanted_file(artifact: Artifact, package: LockedPackage, root: str = "") -> Wanted:
    """Where to look for a file and what it must be."""
    urls = [artifact.url] if artifact.url else []
    if package.archive_path and root:
        urls.append(Path(root, package.archive_path).absolute().as_uri())
    urls += urls_beside(package.index, artifact.name, root)
    return Wanted(
        name=artifact.name,
        digest=artifact.digest,
        urls=tuple(urls),
        size=artifact.size,
        where=f"lockenv.lock: {package.name} {package.version}",
        listed=(package.index, package.name) if package.index else None,
    )


def wanted_interpreter(artifact: Artifact) -> Wanted:
    """An interpreter's archive."""
    return Wanted(
        name=artifact.name,
        digest=artifact.digest,
        urls=(artifact.url,) if artifact.url else (),
        size=artifact.size,
        where="lockenv.lock: interpreters",
    )


def urls_beside(index: str | None, filename: str, root: str) -> list[str]:
    """Where a file of an index lies that is a folder: none for any other index."""
    if index is None or not index.startswith("file:"):
        return []
    if index.startswith("file:/"):
        return [f"{index.rstrip('/')}/{quote(filename)}"]
    return [Path(root, index.removeprefix("file:"), filename).absolute().as_uri()] if root else []


def wanted_package(selected: SelectedPackage, artifact: Artifact, root: str = "") -> WantedPackage:
    """A package as the venv's writer knows it, from the wheel that serves it."""
    package = selected.package
    return WantedPackage(
        name=package.name,
        version=package.version or "0",
        filename=artifact.name,
        digest=artifact.digest,
        requested=any(edge.is_root for edge in selected.asked_by),
        direct_url=direct_url(package, root),
        provenance_url=provenance_url(package, selected.artifact),
    )


def direct_url(package: LockedPackage, root: str, *, editable: bool = False) -> str | None:
    """The text of ``direct_url.json`` (PEP 610) for what did not come from an index."""
    if package.directory is not None:
        place = Path(root, package.directory.path).resolve().as_uri()
        return render_directory_url(
            place, editable=editable, subdirectory=package.directory.subdirectory
        )
    if package.vcs is not None:
        vcs = package.vcs
        return render_vcs_url(vcs.url, vcs.type, vcs.commit, vcs.requested, vcs.subdirectory)
    if package.archive is not None:
        url = package.archive.url or f"file://{root}/{package.archive_path}"
        return render_archive_url(url, package.archive.digest.hex, package.archive_subdirectory)
    return None


def provenance_url(package: LockedPackage, artifact: Artifact | None) -> str | None:
    """The text of ``provenance_url.json`` (PEP 710) for a file of an index."""
    if package.index is None or artifact is None or artifact.url is None:
        return None
    return render_provenance_url(artifact.url, artifact.digest.hex)
