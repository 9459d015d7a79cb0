"""The steps of a build: a place, the locked environment in it, the backend, what comes out.

What was built is kept by its inputs: the build environment's digests, the source, the interpreter.
Archives and commits are built in a copy whose path and times are the same on every machine; a
folder of the user's is built where it stands for an environment, and in such a copy for an image.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from lockenv.errors import ExternalError, InputError
from lockenv.materialize import (
    UnpackedStore,
    WantedEnvironment,
    WantedPackage,
    WheelFile,
    WriteOptions,
    write_venv,
)
from lockenv.model import Digest, Wanted
from lockenv.sources.python import GitRepositories, SourceTree
from lockenv.values import dataclass
from lockenv.workflows.environment import urls_beside
from lockenv.workflows.files import names_in, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import ProjectFile, Unpacked, VenvPython
    from lockenv.model import BuildPackage, LockedBuild
    from lockenv.sandbox import Backend
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.syncing.cuda_tools import CudaShop

#: What decides how a project's editable wheel comes out, beside its folders' names.
_INPUTS = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "hatch_build.py", "build.py")
#: What tools leave in a source folder, and what is no source.
_LEAVINGS = {".git", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where builds happen: the scene, the fetcher, the interpreter that they are for.

    ``builds`` are the locked ones of the target; ``loose`` the packages whose backends may make do
    with less than they ask for (policy.sdist is "allow"); ``bundle`` is where to look first,
    ``root`` the project's folder, ``cuda`` what there is for builds with nvcc. ``listed`` names
    the files of a folder of the user's that it is built from in a copy; None: where it stands.
    """

    scene: Scene
    fetcher: StoreFetcher
    python: VenvPython
    target: str
    builds: tuple[LockedBuild, ...] = ()
    loose: frozenset[str] = frozenset()
    bundle: Path | None = None
    root: str = ""
    cuda: CudaShop | None = None
    listed: Callable[[Path], Sequence[ProjectFile]] | None = None

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


def git_repositories(scene: Scene, bundle: Path | None = None) -> GitRepositories:
    """The repositories and checkouts in the user's store."""
    settings = scene.settings
    shelf = bundle / "git" if bundle is not None else None
    return GitRepositories(settings.cache_dir / "git", offline=settings.offline, shelf=shelf)


def built(shop: Workshop, build: LockedBuild, tree: SourceTree, kind: str) -> Built:
    """The wheel of a source tree, kept by the build's inputs; ``kind`` is wheel or editable."""
    key = _key(build, shop, kind, tree)

    def make(into: Path) -> Path:
        from lockenv.sandbox import build_editable, build_wheel  # noqa: PLC0415 - start-up

        shop.scene.progress.started("build", 1)
        with opened_backend(shop, build, tree) as backend:
            if build.name not in shop.loose:
                _refuse_undeclared(build, backend, kind)
            made = (build_editable if kind == "editable" else build_wheel)(backend, into)
        shop.scene.progress.finished("build")
        _refuse_other(build, made.name)
        return made

    return _kept(shop, key) or _keep(shop, key, make)


def built_metadata(shop: Workshop, build: LockedBuild, tree: SourceTree) -> bytes:
    """The METADATA that a wheel of a source tree would have."""
    from lockenv.sandbox import wheel_metadata  # noqa: PLC0415 - start-up: it is built once

    with (
        opened_backend(shop, build, tree) as backend,
        tempfile.TemporaryDirectory(prefix="lockenv-metadata-") as into,
    ):
        return wheel_metadata(backend, Path(into)).encode("utf-8")


def backend_asks(shop: Workshop, build: LockedBuild, tree: SourceTree) -> tuple[str, ...]:
    """What a backend asks for beyond ``build-system.requires`` (PEP 517), sorted."""
    from lockenv.sandbox import build_requirements  # noqa: PLC0415 - likewise

    with opened_backend(shop, build, tree) as backend:
        return tuple(sorted(build_requirements(backend, "wheel")))


@contextmanager
def opened_backend(shop: Workshop, build: LockedBuild, tree: SourceTree) -> Iterator[Backend]:
    """The backend of a build in its environment, with the source in place, until the block ends."""
    from lockenv.sandbox import Backend, build_place  # noqa: PLC0415 - likewise

    with build_place(_place_key(build, shop, tree)) as place:
        source = _prepared(tree, place)
        (place / "home").mkdir()
        if not tree.identity:
            _leave_nothing(place)
        python = build_environment(shop, build, place / "venv")
        yield Backend(
            python=python,
            variables=_variables(shop, build, place),
            source=source / tree.subdirectory if tree.subdirectory else source,
            name=build.backend,
            path=build.backend_path,
            home=place / "home",
        )


def _leave_nothing(place: Path) -> None:
    """Have setuptools put what it makes on the way beside the user's folder, not into it.

    A module that is gone would stay in the wheel otherwise: ``build/lib`` has it from before.
    """
    aside = place / "aside"
    aside.mkdir()
    name = "pydistutils.cfg" if os.name == "nt" else ".pydistutils.cfg"
    text = f"[build]\nbuild_base = {aside}\n\n[egg_info]\negg_base = {aside}\n"
    (place / "home" / name).write_text(text, encoding="utf-8")


def _variables(shop: Workshop, build: LockedBuild, place: Path) -> dict[str, str]:
    """What a build with nvcc is told beside what all builds are."""
    if shop.cuda is None:
        return {}
    from lockenv.workflows.syncing.cuda_tools import build_variables  # noqa: PLC0415 - start-up: few need it

    variables = build_variables(shop.cuda, build, place, shop.fetcher)
    if variables:
        folders = (f"{variables['CUDA_HOME']}/bin", str(place / "venv" / "bin"))
        variables["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    return variables


def _prepared(tree: SourceTree, place: Path) -> Path:
    if not tree.identity:
        return tree.path
    from lockenv.sandbox import copy_source, unpack_source  # noqa: PLC0415 - likewise

    into = place / "source"
    into.mkdir()
    if tree.path.is_dir():
        copy = copy_source(tree.path, into, tree.files)
        if tree.files:
            from lockenv.workflows.imaging.project_source import copy_history  # noqa: PLC0415 - for images

            copy_history(tree.path, copy)
        return copy
    return unpack_source(tree.path, tree.filename, into)


def _place_key(build: LockedBuild, shop: Workshop, tree: SourceTree) -> str:
    """Names the folder of a build: the same on every machine, whatever interpreter it has."""
    source = tree.identity or str(tree.path)
    document = [build.name, build.backend, _digests(build, shop), source, tree.subdirectory]
    return hashlib.sha256(json.dumps(document).encode("utf-8")).hexdigest()


def _key(build: LockedBuild, shop: Workshop, kind: str, tree: SourceTree) -> str:
    source = [tree.identity, tree.around] if tree.around else [tree.identity]
    if not tree.identity:
        folder = tree.path / (tree.subdirectory or "")
        source = [str(folder), _source_state(folder, whole=kind != "editable")]
    python = [shop.python.version, shop.python.executable, shop.python.build]
    document = [
        [build.name, build.backend, list(build.backend_path), _digests(build, shop)],
        [python, kind, source, tree.subdirectory],
    ]
    compiled = shop.cuda.document(build) if shop.cuda is not None else []
    document += [compiled] if compiled else []
    return hashlib.sha256(json.dumps(document).encode("utf-8")).hexdigest()


def _digests(build: LockedBuild, shop: Workshop) -> list[str]:
    return sorted(
        f"{package.name} {package.artifact.digest}" for package in _packages(build, shop.target)
    )


def environment_key(build: LockedBuild, target: str) -> str:
    """What is equal for two build environments that hold the same files."""
    packages = sorted(f"{one.name} {one.artifact.digest}" for one in _packages(build, target))
    document = [build.backend, list(build.backend_path), packages]
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
            if path.is_file() and not set(relative.parts) & _LEAVINGS:
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


def kept(shop: Workshop, build: LockedBuild, tree: SourceTree, kind: str) -> Built | None:
    """The same if it lies in the store."""
    return _kept(shop, _key(build, shop, kind, tree))


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


def _refuse_other(build: LockedBuild, filename: str) -> None:
    """A build must come out as what is locked."""
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except ValueError as error:
        raise _other(build, filename) from error
    if name != build.name or (build.version is not None and version != Version(build.version)):
        raise _other(build, filename)


def _other(build: LockedBuild, filename: str) -> ExternalError:
    return ExternalError(
        "built-another",
        f"the build of {build.name} made {filename}",
        why=[f"locked is {build.name} {build.version or ''}".rstrip()],
        fix=f"lockenv lock -P {build.name}, or tell the publisher of {build.name}",
    )


def _refuse_undeclared(build: LockedBuild, backend: Backend, kind: str) -> None:
    """A backend that asks for more than is locked cannot have it: builds have no network."""
    from lockenv.sandbox import build_requirements  # noqa: PLC0415 - likewise

    known = {package.name for package in build.packages}
    for text in build_requirements(backend, kind):
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and name not in known:
            raise ExternalError(
                "undeclared-build-requirement",
                f"the build backend {build.backend} asks for {text}, which is not locked",
                why=f"building {build.name}: locked is what build-system.requires leads to",
                fix=[
                    f'add "{text}" to build-system.requires, then lockenv lock',
                    f'or policy.sdist = {{ {build.name} = "allow" }}, if what is here will do',
                ],
            )


# -- the environment of a build --------------------------------------------------------------------


def build_environment(shop: Workshop, build: LockedBuild, place: Path) -> Path:
    """Make the locked build environment; the path of its interpreter."""
    packages = _packages(build, shop.target)
    members = [(one, _wanted_member(shop, one)) for one in packages]
    environment = WantedEnvironment(
        root=str(place), python=shop.python, packages=tuple(member for _, member in members)
    )
    ready = [one for one, _ in members if one.artifact.name.endswith(".whl")]
    own = [member for one, member in members if not one.artifact.name.endswith(".whl")]
    unpacked = unpack_all(shop, [wanted_member(package, shop.root) for package in ready], own)
    write_venv(environment, unpacked, WriteOptions())
    windows = shop.python.system == "win32"
    return place / ("Scripts/python.exe" if windows else "bin/python")


def _wanted_member(shop: Workshop, package: BuildPackage) -> WantedPackage:
    """A package of a build environment; one without a wheel has a locked build of its own."""
    artifact = package.artifact
    filename, digest, version = artifact.name, artifact.digest, package.version
    if not artifact.name.endswith(".whl"):
        made = _built_member(shop, package)
        filename, digest, version = made.filename, made.digest, made.version
    return WantedPackage(name=package.name, version=version, filename=filename, digest=digest)


def _built_member(shop: Workshop, package: BuildPackage) -> Built:
    build = next(
        (
            one
            for one in shop.builds
            if one.name == package.name and one.version == package.version and one.kind == "wheel"
        ),
        None,
    )
    if build is None:
        raise InputError(
            "no-build",
            f"{package.name} {package.version} of a build environment has no wheel,"
            " and the lock has no build of it",
            fix="lockenv lock",
        )
    artifact = package.artifact
    path = shop.fetcher.blob(wanted_member(package, shop.root))
    tree = SourceTree(path=path, filename=artifact.name, identity=str(artifact.digest))
    return built(shop, build, tree, "wheel")


def _packages(build: LockedBuild, target: str) -> list[BuildPackage]:
    return [package for package in build.packages if target in package.artifact.targets]


def wanted_member(package: BuildPackage, root: str) -> Wanted:
    """Where to look for a file of a build environment and what it must be."""
    artifact = package.artifact
    urls = [artifact.url] if artifact.url else []
    return Wanted(
        name=artifact.name,
        digest=artifact.digest,
        urls=(*urls, *urls_beside(package.index, artifact.name, root)),
        size=artifact.size,
        where=f"lockenv.lock: builds, {package.name} {package.version}",
        listed=(package.index, package.name) if package.index else None,
    )


def unpack_all(
    shop: Workshop, wanted: Iterable[Wanted], extra: Sequence[WantedPackage] = ()
) -> dict[Digest, Unpacked]:
    """Every wheel unpacked in the store, fetched where it is not there yet.

    ``extra`` may name wheels of our own making: these lie in the store already.
    """
    found: dict[Digest, Unpacked] = {}
    missing = []
    wanted = list(wanted)
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
