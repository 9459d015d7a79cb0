"""Make a virtual environment what is wanted, or leave it as it was.

Order: everything is unpacked, worked out and compared first; then, under the environment's own
lock, the state says "in progress", former packages go, new ones come (each RECORD before the files
that it names), and the state says "complete". A failure in between puts back what was there. After
a kill the next call sees the unfinished state and installs anew whatever was in work.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.materialize.disk import disk_errors
from lockenv.materialize.layout import Layout, check_clashes, files_of, layout_of
from lockenv.materialize.place import Placer, copy
from lockenv.materialize.plan import Plan, plan
from lockenv.materialize.removal import read_record, remove_package
from lockenv.materialize.sharing import make_own, shared_among, top_names
from lockenv.materialize.skeleton import skeleton_of
from lockenv.materialize.state import (
    LOCK_FILE,
    STATE_NAME,
    Installed,
    InstalledPackage,
    is_current,
    read_installed,
    render_state,
    stamps_of,
    write_state,
)
from lockenv.materialize.tree import FolderTree, add_files
from lockenv.materialize.undo import Undo
from lockenv.materialize.unpack import missing_wheel
from lockenv.materialize.values import PlacedFile, WantedEnvironment, WantedPackage
from lockenv.model import SILENT, Digest, Overlaps, Progress
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lockenv.materialize.unpack import Unpacked

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How an environment is written. ``exact`` removes what is not wanted.

    ``overlaps`` is the word for packages that write different bytes to one path. ``files`` may know
    the files of a package already, as `files_of` has them; what it knows nothing of, that is asked.
    """

    link_mode: str = "auto"
    exact: bool = True
    overlaps: Overlaps = Overlaps()
    files: Callable[[WantedPackage, Unpacked, Layout], tuple[PlacedFile, ...] | None] = files_of


def write_venv(
    wanted: WantedEnvironment,
    unpacked: Mapping[Digest, Unpacked],
    options: WriteOptions | None = None,
    progress: Progress = SILENT,
) -> Plan:
    """Make the environment at ``wanted.root`` hold what is wanted; returns what was changed.

    ``unpacked`` must have the wheel of every package that `plan` would install. `InputError` if
    something stands there that is not an environment of ours, `IntegrityError` for wheels that
    clash, `HostError` for what the disk refuses; in each case the former environment is whole.
    """
    options = options or WriteOptions()
    root = Path(wanted.root)
    layout = layout_of(wanted.root, wanted.python)
    with disk_errors(root):
        before = read_installed(root)
        _refuse_foreign(root, before)
        if is_current(root, wanted.key):
            return plan(before, wanted, exact=options.exact)
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            installed = read_installed(root)
            _refuse_foreign(root, installed)
            todo = plan(installed, wanted, exact=options.exact)
            work = _Work(wanted, installed, todo, layout, options)
            if todo.is_empty:
                work.finish()
                return todo
            work.prepare(unpacked)
            progress.started("install", len(todo.changes))
            work.carry_out(progress)
            progress.finished("install")
    return todo


class _Work:
    """One change of one environment, from the plan to the last byte."""

    def __init__(
        self,
        wanted: WantedEnvironment,
        installed: Installed,
        todo: Plan,
        layout: Layout,
        options: WriteOptions,
    ) -> None:
        self._wanted = wanted
        self._installed = installed
        self._todo = todo
        self._layout = layout
        self._overlaps = options.overlaps
        self._known_files = options.files
        self._former_layout = _former_layout(installed, layout)
        self._root = wanted.root
        self._tree = FolderTree(wanted.root, Placer(options.link_mode))
        self._files: dict[str, tuple[PlacedFile, ...]] = {}
        self._kept: dict[str, str] = {}
        self._adopted: list[str] = []
        self._shared: tuple[str, ...] = ()
        self._along: tuple[str, ...] = ()

    def prepare(self, unpacked: Mapping[Digest, Unpacked]) -> None:
        """Work out every file and refuse what must not be written; changes nothing."""
        for package in self._todo.wheels:
            wheel = unpacked.get(package.digest)
            if wheel is None:
                raise missing_wheel(package.filename)
            known = self._known_files(package, wheel, self._layout)
            self._files[package.name] = known or files_of(package, wheel, self._layout)
        kept = [
            (
                package.name,
                [
                    PlacedFile(row.path, row.digest, row.size or 0, is_executable=False)
                    for row in read_record(self._root, package, self._layout)
                    if row.digest
                ],
            )
            for package in self._todo.keep
        ]
        check_clashes([*kept, *self._files.items()], self._layout, self._overlaps)
        self._kept = {file.path: file.digest for _, files in kept for file in files}
        self._find_shared(kept)
        self._take_over(kept)
        self._refuse_strangers()

    def carry_out(self, progress: Progress) -> None:
        """Change the environment; on any failure put back what was there."""
        undo = Undo(self._tree)
        try:
            self._begin(self._former_layout)
            make_own(self._root, self._former_layout.site_packages, self._shared)
            self._remove(undo, progress)
            if self._former_layout != self._layout:
                self._begin(self._layout)
            if self._todo.create:
                self._write_skeleton(undo)
            self._install(progress)
            self.finish()
        except BaseException:
            undo.undo()
            raise
        undo.done()

    def finish(self) -> None:
        """Say in the state what the environment holds now."""
        packages = {package.name: package for package in self._todo.keep}
        for package in self._todo.wheels:
            packages[package.name] = _installed_from(package, self._files[package.name])
        stamps = stamps_of(Path(self._root), self._layout)
        state = self._state(self._layout)
        if not packages.keys() <= {package.name for package in self._wanted.packages}:
            # Strangers stayed: no wish has been met to the letter, and the next one must look.
            state = replace(state, key="")
        self._write_state(state, tuple(packages.values()), stamps)

    def _begin(self, layout: Layout) -> None:
        """Say in the state that a change is going on below this layout's site-packages."""
        touched = (*(change.name for change in self._todo.changes), *self._along)
        state = replace(self._state(layout), was_interrupted=True, key="", touched=touched)
        self._write_state(state, self._todo.keep, {})

    def _state(self, layout: Layout) -> Installed:
        wanted = self._wanted
        return Installed(
            key=wanted.key,
            root=wanted.root,
            site_packages=layout.site_packages,
            python_version=wanted.python.version,
            python_executable=wanted.python.executable,
            python_build=wanted.python.build,
            prompt=wanted.prompt,
            selection=wanted.selection,
            tree=self._installed.tree,
        )

    def _find_shared(self, kept: list[tuple[str, list[PlacedFile]]]) -> None:
        """Which shared folders the change concerns, and who else has files there."""
        if not self._installed.tree:
            return
        site_packages = self._former_layout.site_packages
        paths = [file.path for files in self._files.values() for file in files]
        for change in self._todo.changes:
            for package in change.former:
                rows = read_record(self._root, package, self._former_layout)
                paths += [row.path for row in rows]
        names = top_names(paths, site_packages)
        tree = self._installed.tree
        self._shared = shared_among(self._root, site_packages, names, tree)
        mine = set(self._shared)
        self._along = tuple(
            name
            for name, files in kept
            if mine and mine & top_names((file.path for file in files), site_packages)
        )

    def _write_state(
        self, state: Installed, packages: tuple[InstalledPackage, ...], stamps: dict[str, list[int]]
    ) -> None:
        ours = tuple(package for package in packages if package.is_ours)
        write_state(Path(self._root), render_state(state, ours, stamps))

    def _remove(self, undo: Undo, progress: Progress) -> None:
        for place in self._adopted:
            undo.take(place)
        for change in self._todo.changes:
            for package in change.former:
                remove_package(self._root, package, self._former_layout, self._kept, undo)
            if change.wanted is None:
                progress.advanced("install", change.name)

    def _write_skeleton(self, undo: Undo) -> None:
        skeleton = skeleton_of(self._layout, self._wanted.python, self._wanted.prompt)
        for path in [file.path for file in skeleton.files] + [path for path, _ in skeleton.links]:
            undo.take(f"{self._root}/{path}")
        for folder in skeleton.folders:
            self._tree.add_folder(folder)
        for path, target in skeleton.links:
            self._tree.add_link(path, target)
        for path, source in skeleton.copies:
            undo.take(f"{self._root}/{path}")
            copy(source, f"{self._root}/{path}", 0o755)
        for file in skeleton.files:
            self._tree.add_file(file)

    def _install(self, progress: Progress) -> None:
        owners = self._owners()
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "install") as pool:
            placing = []
            for package in self._todo.wheels:
                files = self._files[package.name]
                # RECORD first: whatever is written after it can be found and removed again.
                in_order = (files[-1], *files[:-1])
                mine = [file for file in in_order if owners.get(file.path) == package.name]
                placing.append((package.name, pool.submit(add_files, self._tree, mine)))
            try:
                for name, future in placing:
                    future.result()
                    progress.advanced("install", name)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _take_over(self, kept: list[tuple[str, list[PlacedFile]]]) -> None:
        """Let what comes now have the paths of what stays, where its name is the later one."""
        staying = {file.path: (name, file.digest) for name, files in kept for file in files}
        if not staying:
            return
        for name, files in self._files.items():
            for file in files:
                owner, digest = staying.get(file.path, (name, file.digest))
                if digest != file.digest and owner < name:
                    self._kept.pop(file.path, None)
                    place = f"{self._root}/{file.path}"
                    if os.path.lexists(place):
                        self._adopted.append(place)

    def _owners(self) -> dict[str, str]:
        """Who writes each path: of several the one whose name is last; what is there stays."""
        owners: dict[str, str] = {}
        for name in sorted(self._files):
            owners.update((file.path, name) for file in self._files[name])
        for path in self._kept:
            owners.pop(path, None)
        return owners

    def _refuse_strangers(self) -> None:
        """Refuse to write over a file that no package of the environment owns.

        One with the very same bytes is taken over: it goes and comes with the package.
        """
        if not self._installed.site_packages:  # a new environment: nothing is there
            return
        taken = set(self._adopted)
        leaving = {
            row.path
            for change in self._todo.changes
            for package in change.former
            for row in read_record(self._root, package, self._former_layout)
        }
        for name, files in self._files.items():
            for file in files:
                if file.path in leaving or file.path in self._kept:
                    continue
                place = f"{self._root}/{file.path}"
                if place in taken or not os.path.lexists(place):
                    continue
                if not _has_bytes(place, file):
                    raise InputError(
                        "foreign-file",
                        f"{name} would overwrite {file.path}, which belongs to no package",
                        why=[f"somebody else put it there: {place}"],
                        fix=[f"remove {place}, then lockenv sync"],
                    )
                self._adopted.append(place)


def _installed_from(package: WantedPackage, files: tuple[PlacedFile, ...]) -> InstalledPackage:
    record = files[-1]
    return InstalledPackage(
        name=package.name,
        version=package.version,
        dist_info=record.path.split("/")[-2],
        artifact=str(package.digest),
        origin_key=package.origin_key,
        record=record.digest,
        has_scripts=any(file.content is not None and file.is_executable for file in files),
    )


def _former_layout(installed: Installed, layout: Layout) -> Layout:
    if not installed.site_packages or installed.site_packages == layout.site_packages:
        return layout
    return replace(layout, site_packages=installed.site_packages)


def _has_bytes(place: str, file: PlacedFile) -> bool:
    try:
        with open(place, "rb") as content:  # noqa: PTH123 - strings, as in tree
            return hashlib.file_digest(content, "sha256").hexdigest() == file.digest
    except OSError:
        return False


def _refuse_foreign(root: Path, installed: Installed) -> None:
    if installed.exists and not installed.is_ours:
        raise InputError(
            "not-our-environment",
            f"{root} was not made by lockenv",
            why=[f"it has files but no {STATE_NAME}"],
            fix=["remove it, or name another place with --venv"],
        )


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Keep other processes from changing the same environment meanwhile; waits for its turn."""
    with (root / LOCK_FILE).open("w") as file:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            except OSError as error:
                # Some network disks have no locks: nobody else is kept out there.
                if error.errno not in _NO_LOCKS:
                    raise
        yield
