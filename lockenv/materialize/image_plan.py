"""What an image is to be, as a pure value, and what came of building it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.materialize.values import VenvPython
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockenv.formats.tar import Entry
    from lockenv.materialize.interpreter import InterpreterArchive
    from lockenv.materialize.values import WantedPackage
    from lockenv.model import Digest

#: Where things lie in every image (contract 2.3).
PYTHON_PREFIX = "opt/lockenv/python"
VENV_PREFIX = "opt/lockenv/venv"
#: The label (and annotation) that carries the environment digest.
ENVIRONMENT_LABEL = "dev.lockenv.environment"
#: OCI's annotations for what an image is built on.
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
PROJECTION_PATH = "usr/share/lockenv/lockenv.lock"
#: The time of every directory and of every file from wheels and interpreters, so that projects of
#: different epochs share layers: 1980-01-01, the first day that a zip archive can name.
CONSTANT_TIME = 315532800
#: A wheel that takes this much room has a layer of its own (bytes, unpacked).
BIG_WHEEL = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """A verified ``.deb`` on this machine. ``source`` is its source package's name."""

    name: str
    version: str
    architecture: str
    path: Path
    digest: Digest
    source: str = ""

    @property
    def label(self) -> str:
        """The package as messages name it."""
        return f"{self.name} {self.version} {self.architecture}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWheel:
    """A verified wheel on this machine, and what installing it shall say."""

    package: WantedPackage
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitArchive:
    """A verified archive of NVIDIA's on this machine: a part of a CUDA toolkit."""

    name: str
    filename: str
    path: Path
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePython:
    """The image's Python: a standalone archive, or (``archive`` None) Debian's own."""

    version: str
    archive: InterpreterArchive | None = None
    freethreaded: bool = False

    @property
    def venv_python(self) -> VenvPython:
        """The interpreter as environments below it see it."""
        minor = ".".join(self.version.split(".")[:2])
        name = f"python{minor}{'t' if self.freethreaded else ''}"
        folder = f"/{PYTHON_PREFIX}/bin" if self.archive else "/usr/bin"
        return VenvPython(
            executable=f"{folder}/{name}",
            version=self.version,
            freethreaded=self.freethreaded,
            build=self.archive.digest.hex if self.archive else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """A file of the project for ``/app``: its path there, and its content's place here.

    A link has a ``target``, whatever that names, as git has it.
    """

    path: str
    source: Path
    executable: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``[image]``, with everything that Docker calls config. ``user`` root or 0 makes none.

    ``before`` is a program that the entry point is run by.
    """

    name: str = "image"
    user: str = "app"
    uid: int = 1000
    workdir: str = "/app"
    before: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    compression: str = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer:
    """A layer of a base image, used unchanged: its blob as the registry has it."""

    media_type: str
    digest: Digest
    size: int
    diff_id: Digest
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base image: its layers in order, its config document, and the name and digest it has."""

    layers: tuple[BaseLayer, ...]
    config: bytes
    reference: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """One image for one architecture (Debian's word; OCI's is the same for those that we serve).

    ``debs`` in any order; ``epoch`` in seconds is the target's; ``scripts`` is run or none;
    ``apt_sources`` becomes ``/etc/apt/sources.list.d/lockenv.sources`` where there is apt;
    ``projection`` is the text of the lock's projection, ``texts`` are further files of ours.
    ``foreign`` are Debian's foreign architectures.
    """

    architecture: str
    epoch: int
    debs: tuple[Deb, ...] = ()
    foreign: tuple[str, ...] = ()
    scripts: str = "run"
    apt_sources: str = ""
    toolkit: tuple[ToolkitArchive, ...] = ()
    python: ImagePython | None = None
    wheels: tuple[ImageWheel, ...] = ()
    project: ImageWheel | None = None
    project_files: tuple[ProjectFile, ...] = ()
    projection: str = ""
    texts: tuple[tuple[str, str], ...] = ()
    settings: Settings = Settings()
    base: Base | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltLayer:
    """A layer in the store. ``entries`` are its members, in its order, with content digests."""

    name: str
    media_type: str
    digest: str
    size: int
    diff_id: str
    path: Path
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """A built image: its documents as bytes, its layers in the store, and what was done.

    ``compressor`` tells which bytes the layers' digests hold for. ``dropped`` are the paths that
    scripts made and that no image may hold, with the reason; ``skipped`` are the maintainer
    scripts that ``scripts = "none"`` left out. ``root`` is the key of the root in the store, and
    ``notes`` what the user should know besides.
    """

    architecture: str
    config: bytes
    manifest: bytes
    layers: tuple[BuiltLayer, ...]
    compressor: str
    dropped: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    root: str = ""
    notes: tuple[str, ...] = ()
