"""What an environment shall hold and where it shall stand, as this room needs to know it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPackage:
    """A package to be installed from one wheel.

    ``name`` is normalised; ``digest`` (sha256) is that of the wheel. ``requested`` marks what the
    project asks for itself. ``direct_url`` and ``provenance_url`` are the texts of the files of
    those names, or None for none: the one for what was not found by name in an index, the other
    for what was. The own project, editable, is a package like any other: its wheel was built.
    """

    name: str
    version: str
    filename: str
    digest: Digest
    requested: bool = False
    direct_url: str | None = None
    provenance_url: str | None = None

    @property
    def origin_key(self) -> str:
        """What is equal for two wishes whose installed metadata differ in nothing."""
        return _digest_of([self.requested, self.direct_url, self.provenance_url])


@dataclass(frozen=True, slots=True, kw_only=True)
class VenvPython:
    """The interpreter below an environment.

    ``executable`` is the absolute path of the real one (never a link in another environment);
    ``system`` is ``sys.platform``'s word: linux, darwin or win32. ``build`` says which build it is
    where that is known (the sha256 of its archive), else it is empty.
    """

    executable: str
    version: str
    system: str = "linux"
    freethreaded: bool = False
    build: str = ""

    @property
    def minor(self) -> str:
        """``3.13``."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedEnvironment:
    """A whole environment.

    ``root`` is its absolute path as it will be used (for an image, as seen inside). ``selection``
    is what a bare command keeps: target, groups, extras; kept as given. ``prompt`` is what an
    activated shell shows.
    """

    root: str
    python: VenvPython
    packages: tuple[WantedPackage, ...]
    selection: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    prompt: str = ""

    @property
    def key(self) -> str:
        """What is equal for two wishes that lead to the same files in the same place."""
        return _digest_of(
            [
                self.root,
                [self.python.executable, self.python.version, self.python.build],
                sorted(
                    [one.name, one.version, str(one.digest), one.origin_key]
                    for one in self.packages
                ),
                sorted([name, value] for name, value in self.selection.items()),
                self.prompt,
            ]
        )


class PlacedFile(NamedTuple):
    """One file of an environment: its path below the root, and its content.

    Either ``source`` is the absolute path of a file with these bytes that may be linked, or
    ``content`` holds them. ``digest`` is their sha256 in hexadecimal.
    """

    path: str
    digest: str
    size: int
    is_executable: bool
    source: str | None = None
    content: bytes | None = None


def written_file(path: str, content: bytes, *, is_executable: bool = False) -> PlacedFile:
    """A file with a content of our making."""
    digest = hashlib.sha256(content).hexdigest()
    return PlacedFile(path, digest, len(content), is_executable, content=content)


def _digest_of(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
