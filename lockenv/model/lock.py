"""The lock: what was decided (contract 3). One type, read and written by the room ``lockfile``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model.artifact import Artifact
    from lockenv.model.digest import Digest

LOCK_NAME = "lockenv.lock"
LOCK_VERSION = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class VcsPin:
    """PEP 751 ``packages.vcs``: a commit is its own content hash."""

    type: str
    url: str
    commit: str
    requested: str | None = None
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPin:
    """PEP 751 ``packages.directory``: a path relative to the lock, always with ``/``."""

    path: str
    editable: bool = False
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One ``[[packages]]``: a Python package at one version from one place.

    ``version`` is None for a local project. Exactly one source: wheels or an sdist from an
    ``index``; ``archive`` (a direct URL or a local file); ``vcs``; ``directory``. For each target
    exactly one artifact among wheels and sdist serves it. ``dependencies`` are the requirements as
    they were asked that hold for at least one of its targets and activated extras; an entry's
    dependencies hold for all its targets under their markers, so one name and version can stand
    in several entries when its metadata differs between targets. ``groups`` names what of the
    project reaches it: ``project``, ``group:NAME``, ``extra:NAME``, ``seed``.
    """

    name: str
    version: str | None = None
    index: str | None = None
    requires_python: str | None = None
    wheels: tuple[Artifact, ...] = ()
    sdist: Artifact | None = None
    archive: Artifact | None = None
    archive_path: str | None = None
    archive_subdirectory: str | None = None
    vcs: VcsPin | None = None
    directory: DirectoryPin | None = None
    targets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    attestation_identities: tuple[Mapping[str, str], ...] = ()
    yanked: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPackage:
    """One package of a build environment: exactly one artifact a target."""

    name: str
    version: str
    artifact: Artifact
    index: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBuild:
    """One ``[[builds]]``: how a package without a wheel, or the project itself, is built.

    ``kind`` is wheel or editable. ``system`` names the Debian packages that the build needs.
    """

    name: str
    version: str | None = None
    kind: str = "wheel"
    targets: tuple[str, ...] = ()
    backend: str = ""
    backend_path: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    packages: tuple[BuildPackage, ...] = ()
    system: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedInterpreter:
    """One ``[[interpreters]]``: an exact CPython for a platform.

    ``source`` is standalone (then ``artifact`` is the python-build-standalone archive), debian
    (its packages stand among the system packages) or host (only ``X.Y`` binds).
    """

    version: str
    platform: str
    source: str = "standalone"
    variant: str = "default"
    build: str | None = None
    artifact: Artifact | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaFacts:
    """What a target promised (``declared``) and what the software turned out to need (``needs``).

    Both are flat: ``driver``, ``gpus``, ``archs``, … to a string or a tuple of strings.
    """

    declared: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    needs: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTarget:
    """One ``[[targets]]``. ``level`` is written as ``glibc``, ``musl`` or ``macos``."""

    name: str
    platform: str
    python: str
    python_source: str = "standalone"
    freethreaded: bool = False
    level: str = ""
    table: str = ""
    environment: str = ""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    suite: str | None = None
    epoch: str | None = None
    native_libraries: tuple[str, ...] = ()
    cuda: CudaFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveState:
    """One ``[[system-archives]]``: a signed state of one suite of an archive.

    ``release`` is the sha256 of the verified Release text, ``signer`` the fingerprint of the key,
    ``date`` the Release's own Date (RFC 3339, UTC), ``origin`` its Origin and Label.
    """

    name: str
    url: str
    suite: str
    release: Digest
    date: str
    signer: str
    origin: str = ""
    codename: str = ""
    components: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What a system package's ``archive`` names: ``debian bookworm 2026-11-22T08:00:00Z``."""
        return f"{self.name} {self.suite} {self.date}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSystemPackage:
    """One ``[[system-packages]]``: a binary package of Debian's.

    ``relations`` maps Debian's field names (``Depends``, ``Pre-Depends``, ``Provides``, …) to
    their values as the index has them. ``requested`` are the manifest's relations that it answers.
    ``roles`` says why it is there: base, requested, dependency, interpreter, native-library.
    """

    name: str
    version: str
    architecture: str
    source: str
    path: str
    archive: str
    digest: Digest
    size: int
    relations: Mapping[str, str] = field(default_factory=dict)
    multi_arch: str | None = None
    essential: bool = False
    priority: str | None = None
    roles: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaComponent:
    """One ``[[cuda-components]]``: a part of a toolkit that is neither a wheel nor a .deb."""

    name: str
    version: str
    platform: str
    manifest: Digest
    artifact: Artifact
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBaseImage:
    """One ``[[base-images]]``: a reference, and the digest of its manifest per platform.

    ``cuda`` is the toolkit that the image says to bring.
    """

    reference: str
    platform: str
    digest: Digest
    size: int
    index: Digest | None = None
    layers: tuple[tuple[Digest, int], ...] = ()
    cuda: str | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedImage:
    """What ``image --record`` adds to an image: the digests of one build for one target."""

    target: str
    project: Digest | None
    normalisation: int
    diff_ids: tuple[Digest, ...]
    config: Digest
    manifest: Digest
    compressor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """One ``[[images]]``: a declared image's selection and canonical settings, one line each."""

    key: str = ""
    targets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    recorded: tuple[RecordedImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One ``[[preferences]]``: a version that another tool chose: the next `lock` begins with it.

    ``source`` is the file that it was imported from, written as ``from``; ``marker`` says where it
    holds, empty for everywhere. A lock that was made by `lock` has none left.
    """

    name: str
    version: str
    source: str
    marker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A whole ``lockenv.lock``.

    ``request`` maps each target to its canonical inputs, sorted; see ``lockfile.request``.
    """

    version: str = LOCK_VERSION
    request: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[LockedTarget, ...] = ()
    packages: tuple[LockedPackage, ...] = ()
    builds: tuple[LockedBuild, ...] = ()
    system_packages: tuple[LockedSystemPackage, ...] = ()
    system_archives: tuple[ArchiveState, ...] = ()
    interpreters: tuple[LockedInterpreter, ...] = ()
    cuda_components: tuple[CudaComponent, ...] = ()
    base_images: tuple[LockedBaseImage, ...] = ()
    images: tuple[LockedImage, ...] = ()
    preferences: tuple[Preference, ...] = ()
