"""What is asked of the Python source for one target: indexes, rules, policies, preferences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.requirements import Requirement

    from lockenv.model import Index, SourceRule, VcsPin
    from lockenv.sources.python.values import SourceTree


@dataclass(frozen=True, slots=True)
class Pin:
    """A version that is preferred, and the digests (``sha256:…``) of its files, if known."""

    version: str
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OwnProject:
    """The project that is locked, where it is installed: whoever asks for its name gets it.

    ``name`` is normalised; ``version`` is None where only a build tells it: then it answers every
    condition. ``extras`` holds what each extra of it asks for; what the bare project asks for is
    asked by the manifest itself.
    """

    name: str
    version: str | None = None
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRequest:
    """Everything that decides which candidates one target has, and in which order.

    Names are normalised. ``indexes`` stand in order of priority. ``rules`` are those that hold for
    the target. ``as_of`` and ``released_before`` are RFC 3339 in UTC with seconds (``…Z``): files
    that were uploaded later do not exist; the second is lifted for what ``exempt`` admits.
    ``resolution`` is highest, lowest or lowest-direct, the last with ``direct_names``. ``pins``
    (of the former lock) come first if they satisfy, then the public versions of ``aligned``
    (chosen by other targets), best first. ``root`` is the folder that relative paths start from.
    ``commits`` are those that the former lock has of sources under git: a branch stays there.
    ``own`` is the project itself, which no index is asked for.
    """

    indexes: tuple[Index, ...]
    rules: Mapping[str, SourceRule] = field(default_factory=dict)
    constraints: tuple[Requirement, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    exclude: frozenset[str] = frozenset()
    prerelease: str = "if-necessary"
    prerelease_names: frozenset[str] = frozenset()
    resolution: str = "highest"
    direct_names: frozenset[str] = frozenset()
    as_of: str | None = None
    released_before: str | None = None
    exempt: tuple[Requirement, ...] = ()
    sdist: str = "deny"
    sdist_by_package: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[Requirement, ...] = ()
    deny: tuple[Requirement, ...] = ()
    pins: Mapping[str, Pin] = field(default_factory=dict)
    aligned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    root: Path = Path()
    commits: Mapping[str, VcsPin] = field(default_factory=dict)
    own: OwnProject | None = None

    def sdist_policy(self, name: str) -> str:
        """Whether sdists of a package may be built: deny, allow or locked-build."""
        return self.sdist_by_package.get(name, self.sdist)


class SdistMetadata(Protocol):
    """Where an sdist's or a folder's metadata are not static: asks its build backend."""

    def __call__(self, name: str, tree: SourceTree) -> bytes:
        """The text of METADATA that a build of the tree would have.

        Raises:
            UnusableCandidateError: its build environment has no solution.
            LockenvError: the manifest does not allow the build, or the build fails.
        """
