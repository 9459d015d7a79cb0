"""The wheels of an image that are built for it: the project's, and those of what has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import HostError, InputError
from lockenv.host import machine_here
from lockenv.materialize import ImageWheel
from lockenv.values import dataclass, replace
from lockenv.workflows.environment import direct_url
from lockenv.workflows.imaging.project_files import files_below
from lockenv.workflows.syncing.building import built_package, built_project, workshop
from lockenv.workflows.syncing.interpreters import interpreter_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import ProjectFile, WantedPackage
    from lockenv.workflows.environment import Content
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.syncing.build_steps import Workshop


@dataclass(frozen=True, slots=True)
class OwnWheels:
    """Builds in locked environments on this machine; ``files`` are the project's own."""

    scene: Scene
    opened: Opened
    content: Content
    fetcher: StoreFetcher
    files: tuple[ProjectFile, ...]

    def project(self) -> ImageWheel | None:
        """The project's own wheel, where it has one."""
        own = self.content.project
        if own is None:
            return None
        wheel = built_project(self._shop(), own, self.opened.root, editable=False)
        return self._wheel(replace(wheel, direct_url=None))

    def built(self) -> Iterator[ImageWheel]:
        """What is locked without a wheel."""
        if not self.content.to_build:
            return
        shop = self._shop()
        for one in self.content.to_build:
            wheel = built_package(shop, one, self.opened.root, editable=False)
            # A folder of this machine means nothing in an image.
            local = one.package.directory is not None
            origin = None if local else direct_url(one.package, "/app")
            yield self._wheel(replace(wheel, direct_url=origin))

    def _shop(self) -> Workshop:
        """An interpreter of this machine, of the locked version's X.Y at least, and the sources."""
        wanted = replace(self.content.interpreter, source="host")
        python, _ = interpreter_for(self.scene, wanted, self.fetcher)
        root, target = self.opened.root, self.content.selection.target.name
        return workshop(
            self.scene,
            self.fetcher,
            python,
            self.opened.lock,
            target,
            root=root,
            listed=self._listed,
        )

    def _listed(self, folder: Path) -> Sequence[ProjectFile]:
        return files_below(self.opened.root, self.files, folder)

    def _wheel(self, wheel: WantedPackage) -> ImageWheel:
        """A wheel of our making; one that was compiled here serves this platform alone."""
        target, here = self.content.selection.target, machine_here().platform
        if not wheel.filename.endswith("-any.whl") and target.platform != here:
            raise HostError(
                "other-platform",
                f"{wheel.name} must be compiled, and this machine is not {target.platform}",
                why=[f"this machine is {here}", f"its build made {wheel.filename}"],
                fix=f"build the image on {target.platform}",
            )
        path = self.fetcher.has_blob(wheel.digest)
        if path is None:
            raise InputError("no-wheel", f"{wheel.name} was not built", fix="run it again")
        return ImageWheel(package=wheel, path=path)
