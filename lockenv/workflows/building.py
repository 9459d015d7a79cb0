"""Build what has no wheel, in the build environment that the lock pins.

What was built is kept by its inputs: the build environment's digests, the source, the interpreter.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from lockenv.errors import ExternalError, InputError
from lockenv.formats.wheel import render_directory_url
from lockenv.materialize import (
    UnpackedStore,
    WantedEnvironment,
    WantedPackage,
    WheelFile,
    WriteOptions,
    write_venv,
)
from lockenv.model import Digest, Wanted
from lockenv.sandbox import Backend, build_editable, build_requirements, build_wheel
from lockenv.values import dataclass
from lockenv.workflows.files import names_in, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import Unpacked, VenvPython
    from lockenv.model import BuildPackage, LockedBuild, LockedPackage
    from lockenv.workflows.scene import Scene

#: What decides how a project's editable wheel comes out, beside its folders' names.
_INPUTS = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "hatch_build.py", "build.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where builds happen: the scene, the fetcher, the interpreter that they are for."""

    scene: Scene
    fetcher: StoreFetcher
    python: VenvPython
    target: str

    @property
    def unpacked(self) -> UnpackedStore:
        """The store of unpacked wheels."""
        return UnpackedStore(self.scene.settings.cache_dir / "unpacked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A wheel of our making, in the store."""

    path: Path
    filename: str
    digest: Digest
    version: str


def built_project(
    shop: Workshop, build: LockedBuild, package: LockedPackage, root: Path, *, editable: bool
) -> WantedPackage:
    """The project's own wheel, editable (PEP 660) or as others would get it."""
    kind = "editable" if editable else "wheel"
    source = source_folder(package, root)
    key = _key(build, shop, kind, str(source), _source_state(source, whole=not editable))
    made = _kept(shop, key) or _keep(
        shop, key, lambda into: _build(shop, build, source, kind, into)
    )
    return WantedPackage(
        name=package.name,
        version=made.version,
        filename=made.filename,
        digest=made.digest,
        requested=True,
        direct_url=render_directory_url(source.as_uri(), editable=editable),
    )


def source_folder(package: LockedPackage, root: Path) -> Path:
    """The folder that a local package is built from."""
    pin = package.directory
    if pin is None:
        raise InputError("no-source", f"{package.name} has no folder", fix="lockenv lock")
    folder = (root / pin.path).resolve()
    return folder / pin.subdirectory if pin.subdirectory else folder


def built_wheel(shop: Workshop, build: LockedBuild, archive: Path, digest: Digest) -> Built:
    """The wheel of an sdist, kept by the build's inputs."""
    key = _key(build, shop, "wheel", str(digest))

    def make(into: Path) -> Path:
        with tempfile.TemporaryDirectory(prefix="lockenv-sdist-") as folder:
            source = unpack_sdist(archive, Path(folder))
            return _build(shop, build, source, "wheel", into)

    return _kept(shop, key) or _keep(shop, key, make)


def _key(build: LockedBuild, shop: Workshop, *parts: str) -> str:
    packages = sorted(
        f"{package.name} {package.artifact.digest}" for package in _packages(build, shop.target)
    )
    python = [shop.python.version, shop.python.executable, shop.python.build]
    document = [build.backend, list(build.backend_path), packages, python, list(parts)]
    return hashlib.sha256(json.dumps(document).encode("utf-8")).hexdigest()


def _source_state(source: Path, *, whole: bool) -> str:
    """What a local source is now, as far as it decides the wheel.

    An editable wheel only points to the source: the build's own files and the names of folders
    decide it. A whole wheel holds every file.
    """
    state = hashlib.sha256()
    if whole:
        for path in sorted(source.rglob("*")):
            relative = path.relative_to(source)
            if path.is_file() and not set(relative.parts) & {".git", ".venv", "__pycache__"}:
                found = path.stat()
                state.update(f"{relative}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
        return state.hexdigest()
    for name in _INPUTS:
        file = source / name
        data = None if file.is_dir() else read_bytes(file)
        if data is not None:
            state.update(name.encode() + b"\0" + data + b"\0")
    names = [*names_in(source), *(f"src/{name}" for name in names_in(source / "src"))]
    state.update("\0".join(sorted(names)).encode())
    return state.hexdigest()


def _kept(shop: Workshop, key: str) -> Built | None:
    known = shop.fetcher.recall("built", key)
    if known is None:
        return None
    filename, _, digits = known.decode("utf-8").partition(" ")
    digest = Digest("sha256", digits)
    path = shop.fetcher.has_blob(digest)
    return None if path is None else _built(path, filename, digest)


def _keep(shop: Workshop, key: str, make: Callable[[Path], Path]) -> Built:
    with tempfile.TemporaryDirectory(prefix="lockenv-wheel-") as folder:
        wheel = make(Path(folder))
        digest, path = shop.fetcher.keep_file(wheel)
        filename = wheel.name
    shop.fetcher.remember("built", key, f"{filename} {digest.hex}".encode())
    return _built(path, filename, digest)


def _built(path: Path, filename: str, digest: Digest) -> Built:
    return Built(
        path=path, filename=filename, digest=digest, version=str(parse_wheel_filename(filename)[1])
    )


def _build(shop: Workshop, build: LockedBuild, source: Path, kind: str, into: Path) -> Path:
    shop.scene.progress.started("build", 1)
    with tempfile.TemporaryDirectory(prefix="lockenv-build-") as folder:
        python = build_environment(shop, build, Path(folder) / "venv")
        backend = Backend(python=python, source=source, name=build.backend, path=build.backend_path)
        _refuse_undeclared(build, backend, kind)
        made = (build_editable if kind == "editable" else build_wheel)(backend, into)
    shop.scene.progress.finished("build")
    return made


def build_environment(shop: Workshop, build: LockedBuild, place: Path) -> Path:
    """Make the locked build environment; the path of its interpreter."""
    packages = _packages(build, shop.target)
    wanted = [
        WantedPackage(
            name=package.name,
            version=package.version,
            filename=package.artifact.name,
            digest=package.artifact.digest,
        )
        for package in packages
    ]
    environment = WantedEnvironment(root=str(place), python=shop.python, packages=tuple(wanted))
    unpacked = unpack_all(shop, [_wanted(package) for package in packages])
    write_venv(environment, unpacked, WriteOptions())
    windows = shop.python.system == "win32"
    return place / ("Scripts/python.exe" if windows else "bin/python")


def _packages(build: LockedBuild, target: str) -> list[BuildPackage]:
    return [package for package in build.packages if target in package.artifact.targets]


def _wanted(package: BuildPackage) -> Wanted:
    artifact = package.artifact
    return Wanted(
        name=artifact.name,
        digest=artifact.digest,
        urls=(artifact.url,) if artifact.url else (),
        size=artifact.size,
        where=f"lockenv.lock: builds, {package.name} {package.version}",
    )


def unpack_all(
    shop: Workshop, wanted: list[Wanted], extra: Sequence[WantedPackage] = ()
) -> dict[Digest, Unpacked]:
    """Every wheel unpacked in the store, fetched where it is not there yet.

    ``extra`` may name wheels of our own making: these lie in the store already.
    """
    found: dict[Digest, Unpacked] = {}
    missing = []
    known_places = {one.digest for one in wanted}
    own = [
        Wanted(name=one.filename, digest=one.digest)
        for one in extra
        if one.digest not in known_places
    ]
    wanted = [*wanted, *own]
    for one in wanted:
        known = shop.unpacked.load(one.digest)
        if known is None:
            missing.append(one)
        else:
            found[one.digest] = known
    if missing:
        progress = shop.scene.progress
        progress.started("fetch", len(missing))
        arriving = (
            WheelFile(path, one.name, one.digest) for one, path in shop.fetcher.blobs(missing)
        )
        found |= shop.unpacked.unpack(arriving, progress=progress)
        progress.finished("fetch")
    return found


def _refuse_undeclared(build: LockedBuild, backend: Backend, kind: str) -> None:
    """A backend that asks for more than is locked cannot have it: builds have no network."""
    known = {package.name for package in build.packages}
    for text in build_requirements(backend, kind):
        name = canonicalize_name(Requirement(text).name)
        if name not in known:
            raise ExternalError(
                "undeclared-build-requirement",
                f"the build backend {build.backend} asks for {text}, which is not locked",
                why=f"building {build.name}; its build environment is locked from build-system.requires",
                fix=f'add "{text}" to build-system.requires, then lockenv lock',
            )


def unpack_sdist(archive: Path, into: Path) -> Path:
    """Unpack a source archive safely; its one top folder."""
    if zipfile.is_zipfile(archive):
        shutil.unpack_archive(archive, into, "zip")
    else:
        import tarfile  # noqa: PLC0415 - only source archives need it

        with tarfile.open(archive) as members:
            members.extractall(into, filter="data")
    tops = [path for path in into.iterdir() if path.is_dir()]
    return tops[0] if len(tops) == 1 else into
