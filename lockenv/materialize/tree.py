"""Where files go: a folder on this machine here, a root or a layer of an image elsewhere."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Protocol

from lockenv.errors import InputError
from lockenv.materialize.place import Placer, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.materialize.skeleton import Skeleton
    from lockenv.materialize.values import PlacedFile


class Tree(Protocol):
    """Takes folders, links and files, each path once, with ``/`` and relative to its root.

    Folders above a path are made as they are needed. Nothing that is there already is replaced:
    a path that is taken is a `FileExistsError`. Files are 0644, or 0755 where they are executable,
    whatever the umask is; hard links to the store alone are read-only.
    """

    def add_folder(self, path: str) -> None:
        """A folder; fine if it is there."""

    def add_link(self, path: str, target: str) -> None:
        """A symbolic link."""

    def add_file(self, file: PlacedFile) -> None:
        """A file with the content that the value names."""


def add_skeleton(tree: Tree, skeleton: Skeleton) -> None:
    """Put an environment's own folders, links and files into a tree (copies are the tree's own)."""
    for folder in skeleton.folders:
        tree.add_folder(folder)
    for path, target in skeleton.links:
        tree.add_link(path, target)
    add_files(tree, skeleton.files)


def add_files(tree: Tree, files: Iterable[PlacedFile]) -> None:
    """Put files into a tree."""
    for file in files:
        tree.add_file(file)


class FolderTree:
    """A folder on this machine.

    A link where a folder is needed is refused, so that nothing is written through it to another
    place. ``written`` lists what was made, in order, as absolute paths: files and links in
    ``written``, folders in ``made``.
    """

    def __init__(self, root: str, placer: Placer) -> None:
        self.root = root
        self.placer = placer
        self.written: list[str] = []
        self.made: list[str] = []
        self._folders = {""}

    def add_folder(self, path: str) -> None:
        """A folder; fine if it is there, `InputError` if a link or a file is."""
        if path in self._folders:
            return
        parent = path.rpartition("/")[0]
        if parent != path:
            self.add_folder(parent)
        place = f"{self.root}/{path}"
        try:
            os.mkdir(place)  # noqa: PTH102 - thousands of paths: strings for speed
            self.made.append(place)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                raise InputError(
                    "not-a-folder",
                    f"{place} is a link or a file, and a package needs a folder there",
                    fix=[f"remove {place}, then lockenv sync"],
                ) from None
        self._folders.add(path)

    def add_link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self.add_folder(path.rpartition("/")[0])
        place = f"{self.root}/{path}"
        os.symlink(target, place)  # noqa: PTH211 - strings, as above
        self.written.append(place)

    def add_file(self, file: PlacedFile) -> None:
        """A file, linked from the store where its source is there."""
        folder = file.path.rpartition("/")[0]
        if folder not in self._folders:
            self.add_folder(folder)
        place = f"{self.root}/{file.path}"
        if file.source is not None:
            self.placer.place(file.source, place, is_executable=file.is_executable)
        else:
            write(place, file.content or b"", 0o755 if file.is_executable else 0o644)
        self.written.append(place)
