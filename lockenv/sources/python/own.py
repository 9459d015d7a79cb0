"""The project that is locked, as a package that others ask for: pluggy, where pytest tests it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from lockenv.formats.index import ListedFile
from lockenv.formats.metadata import CoreMetadata
from lockenv.resolve import Rejected
from lockenv.sources.python.sdists import with_extra
from lockenv.sources.python.values import OWN, PythonCandidate, Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lockenv.resolve import Identifier
    from lockenv.sources.python.request import OwnProject
    from lockenv.sources.python.values import PythonRequirement


class Own:
    """The one release that the project's name has, and what it says of itself."""

    def __init__(self, project: OwnProject, root: Path) -> None:
        self.name = project.name
        version = _version(project.version)
        self.release = Release(
            name=project.name,
            version=version or Version("0"),
            kind=OWN,
            file=ListedFile(filename=project.name, url=root.absolute().as_uri()),
            url=root.absolute().as_uri(),
            path=root,
            is_unversioned=version is None,
        )
        self.metadata = CoreMetadata(
            metadata_version="2.2",
            name=project.name,
            version=str(self.release.version),
            requires_dist=tuple(
                with_extra(line, extra) for extra, lines in project.extras.items() for line in lines
            ),
            provides_extra=tuple(sorted(project.extras)),
        )

    def candidates(
        self, identifier: Identifier, asked: Iterable[PythonRequirement]
    ) -> Iterator[PythonCandidate]:
        """The project, if it has a version that is asked for."""
        if all(one.admits(self.release) for one in asked):
            release = self.release
            yield PythonCandidate(identifier, str(release.version), release.place, release)

    def rejection(self) -> Rejected:
        """Why nothing else of that name will do."""
        return Rejected(
            str(self.release.version), "it is the project itself: no other version can be installed"
        )


def _version(text: str | None) -> Version | None:
    try:
        return None if text is None else Version(text)
    except InvalidVersion:
        return None  # the manifest's reader says so with its line
