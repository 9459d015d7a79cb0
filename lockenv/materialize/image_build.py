"""Build an image: fragments, the configured root, layers, documents; each from the store if it can.

Package layers come straight from the packages while the root is configured beside them; what
configuring changed is one small layer more. Wheels follow, the project is last.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from lockenv.formats.oci import open_compressor
from lockenv.formats.tar import Entry
from lockenv.materialize.debian_database import DpkgPackage
from lockenv.materialize.debian_package import convert_package
from lockenv.materialize.image_base import base_entries, same_packages, upgraded_packages
from lockenv.materialize.image_documents import image_documents
from lockenv.materialize.image_layers import (
    DebFragment,
    directories_of,
    flattened,
    left_out,
    merged_links,
    plain_plan,
    shared_paths,
    sorted_packages,
    system_layers,
    system_plan,
    wheel_layers,
)
from lockenv.materialize.image_plan import CONSTANT_TIME, BuiltImage, BuiltLayer
from lockenv.materialize.image_python import PythonMaker
from lockenv.materialize.image_root import RootMaker
from lockenv.materialize.image_toolkit import toolkit_fragment, toolkit_plan
from lockenv.materialize.layers_assemble import LayerPlan, assemble_layer, filtered
from lockenv.materialize.layers_store import ImageStore, RotError
from lockenv.materialize.unpack import UnpackedStore
from lockenv.model import SILENT
from lockenv.values import dataclass

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from lockenv.formats.oci import Compressor
    from lockenv.materialize.image_plan import Deb, ImagePlan, ImagePython
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.root_port import Confinement
    from lockenv.model import Progress


#: What has rotted in the store is made again, as often as a disk may err in one build.
_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlaces:
    """Where a build keeps things, and how it may build.

    ``cache`` is the store's folder, ``data`` the user's (interpreters lie there). ``confinement``
    is how programs run in a root here (sandbox.Confinement). ``jobs``: how many threads.
    ``compiler`` is an interpreter of this machine, where the image's own cannot run on it.
    """

    cache: Path
    data: Path
    confinement: Confinement
    jobs: int | None = None
    compiler: str | None = None


def build_image(plan: ImagePlan, places: BuildPlaces, progress: Progress = SILENT) -> BuiltImage:
    """The image that a plan describes, with its layers in the store.

    HostError for what this machine refuses; IntegrityError for hostile packages;
    ExternalError for a maintainer script that fails. Nothing half-made is left behind.
    """
    for _ in range(_TRIES):
        with suppress(RotError):
            return _built(plan, places, progress)
    return _built(plan, places, progress)


def _built(plan: ImagePlan, places: BuildPlaces, progress: Progress) -> BuiltImage:
    compressor = open_compressor(plan.settings.compression)
    jobs = places.jobs or min(8, os.cpu_count() or 1)
    with ExitStack() as held, ThreadPoolExecutor(jobs, "layers") as pool:
        builder = _Builder(
            plan=plan,
            places=places,
            compressor=compressor,
            pool=pool,
            held=held,
            progress=progress,
        )
        try:
            return builder.build()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@dataclass(kw_only=True)
class _Builder:
    plan: ImagePlan
    places: BuildPlaces
    compressor: Compressor
    pool: ThreadPoolExecutor
    held: ExitStack
    progress: Progress

    @cached_property
    def store(self) -> ImageStore:
        return ImageStore(self.places.cache)

    def build(self) -> BuiltImage:
        packages = self._convert()
        base = self._base_layers()
        links = () if base else merged_links(packages)
        lost = left_out(packages)
        parts = {
            one.package.qualified: filtered(
                one.fragment,
                lost.in_layers.get(one.package.qualified, frozenset()),
                self.compressor,
                self.store,
            )
            for one in packages
        }
        plans = [
            system_plan(name, members, parts, links) for name, members in system_layers(packages)
        ]
        futures = [self._assemble(plan) for plan in plans]
        root = RootMaker(
            plan=self.plan,
            confinement=self.places.confinement,
            compressor=self.compressor,
            store=self.store,
            packages=tuple(packages),
            left_out=lost.in_root,
            directories=directories_of(packages, links),
            baseline=flattened(plans, base_entries(base, self.plan.epoch, self.store)),
            links=links,
            base=base,
            upgrades=self._upgrades,
            held=self.held,
        )
        if packages or base:
            self.progress.started("configure")
            configured = root.configured()
            self.progress.finished("configure")
            plan = LayerPlan(name="configured", first=(), fragments=(configured,))
            futures.append(self._assemble(plan))
        futures += [self._assemble(plan) for plan in self._toolkit()]
        futures += [self._assemble(plan) for plan in self._python(root)]
        layers = base + tuple(future.result() for future in futures)
        return self._documents(layers, root)

    def _convert(self) -> list[DebFragment]:
        """Every package as a fragment; the largest first, so that no thread ends up alone."""
        plan = self.plan
        self.progress.started("layer", len(plan.debs))

        def convert(deb: Deb) -> DebFragment:
            fragment = convert_package(deb, plan.epoch, self.compressor, self.store)
            self.progress.advanced("layer", deb.name)
            package = DpkgPackage(facts=fragment.facts)
            return DebFragment(deb=deb, fragment=fragment, package=package)

        missing = [deb for deb in plan.debs if deb not in self._there]
        by_size = sorted(missing, key=lambda deb: -deb.path.stat().st_size)
        packages = sorted_packages(self.pool.map(convert, by_size))
        self.progress.finished("layer")
        return packages

    @cached_property
    def _upgrades(self) -> tuple[Deb, ...]:
        """The packages that the base image has in other versions; dpkg itself replaces them."""
        base = self.plan.base
        return upgraded_packages(self.plan, self.store) if base else ()

    @cached_property
    def _there(self) -> frozenset[Deb]:
        """The packages that need no layer: the base image has them, or they are upgrades."""
        base = self.plan.base
        same = same_packages(self.plan.debs, base.layers, self.store) if base else frozenset()
        return same | frozenset(self._upgrades)

    def _base_layers(self) -> tuple[BuiltLayer, ...]:
        """The base image's layers, as they are."""
        base = self.plan.base
        return tuple(
            BuiltLayer(
                name=f"base {number}",
                media_type=layer.media_type,
                digest=str(layer.digest),
                size=layer.size,
                diff_id=str(layer.diff_id),
                path=layer.path,
            )
            for number, layer in enumerate(base.layers if base else (), start=1)
        )

    def _assemble(self, plan: LayerPlan) -> Future[BuiltLayer]:
        return self.pool.submit(assemble_layer, plan, self.compressor, self.store)

    def _toolkit(self) -> list[LayerPlan]:
        """The layer of NVIDIA's archives; it depends on nothing else, so projects share it."""
        archives = sorted(self.plan.toolkit, key=lambda one: one.name)
        if not archives:
            return []
        made = self.pool.map(
            lambda one: toolkit_fragment(one, self.compressor, self.store), archives
        )
        named = zip((one.name for one in archives), made, strict=True)
        fragments = [part for _, part in self._unshared(list(named))]
        return [toolkit_plan(fragments, self.plan.architecture)]

    def _python(self, root: RootMaker) -> list[LayerPlan]:
        """The layers above the system's: interpreter and environment, wheels, the project."""
        python = self.plan.python
        if python is None:
            return []
        maker = PythonMaker(
            python=python,
            confinement=self.places.confinement,
            identity=self._identity(python),
            root=root.folder,
            compressor=self.compressor,
            store=self.store,
            unpacked=UnpackedStore(self.places.cache / "unpacked" / "wheels"),
            interpreters=self.places.data / "interpreters",
            compiler=self.places.compiler,
        )
        interpreter = maker.interpreter()
        parts = [*([interpreter] if interpreter else []), maker.environment()]
        plans = [plain_plan("python", parts)]
        wheels = self.pool.map(
            lambda wheel: (wheel.package.name, maker.wheel(wheel)), self.plan.wheels
        )
        plans += wheel_layers(self._unshared(sorted(wheels, key=lambda pair: pair[0])))
        project = [maker.project(self.plan)]
        if self.plan.project is not None:
            project.insert(0, maker.wheel(self.plan.project))
        plans.append(plain_plan("project", project, self._project_folder(root)))
        return plans

    def _unshared(self, wheels: list[tuple[str, Fragment]]) -> list[tuple[str, Fragment]]:
        """The wheels, each path in one of them alone: readers refuse a layer that repeats one."""
        shared = shared_paths(wheels)
        return [
            (name, filtered(part, shared.get(name, frozenset()), self.compressor, self.store))
            for name, part in wheels
        ]

    def _project_folder(self, root: RootMaker) -> Entry:
        uid = root.user[1] if root.user else 0
        return Entry(
            path="app", kind="directory", mode=0o755, uid=uid, gid=uid, mtime=CONSTANT_TIME
        )

    def _identity(self, python: ImagePython) -> str:
        """What the byte code depends on: the archive, or Debian's packages of that Python."""
        if python.archive is not None:
            return python.archive.digest.hex
        minor = python.venv_python.minor
        names = {f"python{minor}", f"python{minor}-minimal", f"libpython{minor}-minimal"}
        found = sorted(deb.digest.hex for deb in self.plan.debs if deb.name in names)
        return " ".join([*found, *([self.plan.base.digest] if self.plan.base else [])])

    def _documents(self, layers: tuple[BuiltLayer, ...], root: RootMaker) -> BuiltImage:
        config, manifest = image_documents(self.plan, layers)
        dropped, skipped = root.report()
        return BuiltImage(
            architecture=self.plan.architecture,
            config=config,
            manifest=manifest,
            layers=layers,
            compressor=self.compressor.label,
            dropped=dropped,
            skipped=skipped,
            root=root.key if layers else "",
        )
