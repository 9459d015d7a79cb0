"""Requirements and candidates of the ecosystem ``pypi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lockenv.resolve import Identifier
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

    from lockenv.formats.index import ListedFile
    from lockenv.model import Digest, Index, VcsPin

#: The ecosystem of every identifier here.
PYPI = "pypi"

#: The kind of the one release that the name of the locked project itself has.
OWN = "project"


@dataclass(frozen=True, slots=True)
class PythonRequirement:
    """One ask for one identifier; its marker has been evaluated.

    ``condition`` is the canonical specifier text. ``url`` asks for that very place, ``hashes``
    (``sha256=…``) for the bytes that must lie there. ``asked`` is the text as it was written, for
    locks and messages.
    """

    identifier: Identifier
    condition: str = ""
    url: str | None = None
    hashes: frozenset[str] = frozenset()
    asked: str = field(default="", compare=False)
    specifier: SpecifierSet = field(default_factory=SpecifierSet, compare=False, repr=False)

    def __str__(self) -> str:
        extra = f"[{self.identifier.qualifier}]" if self.identifier.qualifier else ""
        if self.url is not None:
            mark = "&" if "#" in self.url else "#"
            hashes = mark + "&".join(sorted(self.hashes)) if self.hashes else ""
            return f"{self.identifier.name}{extra} @ {self.url}{hashes}"
        if self.condition.startswith("===") and self.asked:
            return self.asked
        return f"{self.identifier.name}{extra}{self.condition}"

    def admits(self, release: Release) -> bool:
        """Whether a release has a version that is asked for, pre-releases included."""
        return release.is_unversioned or self.specifier.contains(release.version, prereleases=True)

    @property
    def is_pin(self) -> bool:
        """Whether it names one version by ``==`` or ``===``, so that a yanked file will do."""
        return any(
            one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
            for one in self.specifier
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The one file of one version that a target would take, and where it is from.

    ``kind`` is wheel, sdist, archive (a direct address or local file), directory, vcs, or `OWN`.
    ``file`` is what the index lists or what a direct place amounts to; ``url`` is the direct
    address as it was asked, ``path`` a local place, ``vcs`` the commit that is checked out there.
    ``editable`` and ``subdirectory`` are as asked. ``is_unversioned``: only a build that
    nobody allowed would tell the version, so that whatever is asked of it is taken to hold.
    """

    name: str
    version: Version
    kind: str
    file: ListedFile
    index: Index | None = None
    mirror: str = ""
    path: Path | None = None
    asked_path: str | None = None
    url: str | None = None
    digest: Digest | None = None
    editable: bool = False
    subdirectory: str | None = None
    vcs: VcsPin | None = None
    is_unversioned: bool = False

    @property
    def is_wheel(self) -> bool:
        """Whether nothing has to be built."""
        return self.file.is_wheel

    @property
    def has_file(self) -> bool:
        """Whether it is something of an index, an address or a repository, of one version."""
        return self.kind not in {"directory", OWN}

    @property
    def place(self) -> str:
        """What tells it from another release of the same version."""
        return self.file.filename if self.index is not None else self.url or self.file.url


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """Something that is built: an archive's file, or a folder.

    ``identity`` is what it is for ever: the archive's digest, or the commit that a folder holds;
    empty for a folder of the user's, which may change. ``filename`` is for messages;
    ``subdirectory`` is where in it the project lies. ``files`` are the members of a folder that it
    is built from, in a copy, where not all are; ``around`` is what else decides how it comes out.
    """

    path: Path
    filename: str
    identity: str = ""
    subdirectory: str | None = None
    files: tuple[str, ...] = ()
    around: str = ""


@dataclass(frozen=True, slots=True)
class PythonCandidate:
    """One release as the answer for one identifier (bare, or with an extra)."""

    identifier: Identifier
    version_text: str
    place: str
    release: Release = field(compare=False, repr=False)

    def __str__(self) -> str:
        extra = f"[{self.identifier.qualifier}]" if self.identifier.qualifier else ""
        return f"{self.identifier.name}{extra} {self.version_text}"


def identifiers(name: str, extras: set[str]) -> list[Identifier]:
    """The identifiers that a requirement on a name with extras stands for, sorted."""
    normal = canonicalize_name(name)
    found = {canonicalize_name(extra) for extra in extras}
    return [Identifier(PYPI, normal), *(Identifier(PYPI, normal, extra) for extra in sorted(found))]
