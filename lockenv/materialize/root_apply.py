"""Lay an image's layers over one another in a folder (OCI image-layout, applying changesets).

In a process that is shut into the folder, so that no link of a layer leads a later member out.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import zstandard

from lockenv.errors import IntegrityError, LockenvError
from lockenv.formats.tar import Reader
from lockenv.materialize.image_read import MARK, OPAQUE, decoded_layer, marked_path
from lockenv.materialize.root_hold import making_root
from lockenv.materialize.root_order import parse_error, render_error
from lockenv.materialize.root_shut import refused, shut_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.formats.tar import Entry
    from lockenv.materialize.layers_store import ImageStore
    from lockenv.materialize.root_port import Confinement

_NANO = 10**9
#: What the system says of members that contradict each other, and of attributes that are none.
_SENSELESS = {
    *(errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.EMLINK, errno.ENAMETOOLONG),
    *(errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY),
}


def materialize_root(
    layers: Sequence[Path], key: str, confinement: Confinement, store: ImageStore
) -> Path:
    """The root that the layers make, from the store or laid out now; ``key`` names their content.

    Where ownership is only recorded, all files belong to the user. IntegrityError for layers that
    are no layers, HostError for a disk that is full.
    """
    folder = store.root(f"image-{key}")
    done = folder.with_name(f"{folder.name}.json")
    if done.exists():
        return folder
    with making_root(folder):
        # Another process may have laid it out while we waited.
        if not done.exists():
            _lay_out(layers, folder, confinement, store)
            done.write_text("{}")
    return folder


def _lay_out(
    layers: Sequence[Path], folder: Path, confinement: Confinement, store: ImageStore
) -> None:
    with store.work() as work:
        answer = work / "answer.json"
        paths = [str(layer) for layer in layers]
        ended = confinement.call(f"{__name__}:apply", str(folder), str(answer), *paths)
        problem = answer.read_text() if answer.exists() else None
    if problem != "":
        confinement.call("lockenv.materialize.root_worker:remove", str(folder))
        raise parse_error(problem) if problem else refused(f"status {ended.status}", ended.output)


def apply(confinement: Confinement, folder: str, answer: str, *layers: str) -> None:
    """Lay layers into a new folder; what is wrong with them, or "", goes to the file ``answer``."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        Path(folder).mkdir(parents=True)
        lay_layers(folder, layers, own=confinement.mode != "single")
        problem = ""
    except LockenvError as error:
        problem = render_error(error)
    except OSError as error:
        problem = render_error(refused(f"{error.strerror}: {error.filename or folder}"))
    Path(answer).write_text(problem)


def lay_layers(
    folder: str, layers: Sequence[str], *, own: bool
) -> tuple[tuple[str, int, int], ...]:
    """Lay layers into a folder, in a child that is shut into it; the owners it could not set."""
    with ExitStack() as stack:
        # Opened here, since the child does not see them.
        opened = [(layer, stack.enter_context(Path(layer).open("rb"))) for layer in layers]
        rows = shut_into(folder, lambda: _lay(opened, own=own), umask=0)
    return tuple((path, uid, gid) for path, uid, gid in rows)


def _lay(layers: Sequence[tuple[str, BinaryIO]], *, own: bool) -> list[tuple[str, int, int]]:
    owners: dict[str, tuple[int, int]] = {}
    for layer, file in layers:
        try:
            packed = os.fstat(file.fileno()).st_size
            _Layer(Reader(decoded_layer(file), layer, packed=packed), owners, own=own).run()
        except (EOFError, zlib.error, zstandard.ZstdError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _SENSELESS:
                raise
            raise IntegrityError(
                "broken-layer",
                "a layer of the image cannot be unpacked",
                why=(f"{layer}: {error}",),
                fix="build or fetch the image again",
            ) from None
    return [(path, *ids) for path, ids in owners.items() if os.path.lexists(path)]


class _Layer:
    """One layer; ``own`` is false where files cannot be given away, then ``owners`` has them."""

    def __init__(self, reader: Reader, owners: dict[str, tuple[int, int]], *, own: bool) -> None:
        self._reader = reader
        self._owners = owners
        self._own = own
        self._folders: list[tuple[str, int]] = []
        self._ours: set[str] = set()

    def run(self) -> None:
        for entry in self._reader:
            folder, _, name = entry.path.rpartition("/")
            if name == OPAQUE:
                self._empty(folder or ".")
            elif name.startswith(MARK):
                _remove(marked_path(folder, name))
            elif entry.kind not in {"character", "block"}:
                # Devices are made by whatever runs the root.
                self._write(entry)
                self._ours.add(entry.path)
        for path, time in reversed(self._folders):
            os.utime(path, ns=(time * _NANO,) * 2)

    def _empty(self, folder: str) -> None:
        """Take away what lower layers put into a folder, but nothing of this one."""
        if not Path(folder).is_dir():
            return
        for name in os.listdir(folder):  # noqa: PTH208  relative names in the root
            path = name if folder == "." else f"{folder}/{name}"
            if path not in self._ours:
                _remove(path)

    def _write(self, entry: Entry) -> None:
        path = entry.path
        if entry.kind == "directory":
            if Path(path).is_symlink() or not Path(path).is_dir():
                _remove(path)
                Path(path).mkdir(parents=True)
            self._folders.append((path, entry.mtime))
        else:
            _remove(path)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._content(entry)
        if entry.kind == "hardlink":
            return
        if self._own:
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        else:
            self._owners[path] = (entry.uid, entry.gid)
        if entry.kind != "symlink":
            Path(path).chmod(entry.mode)
            for name, value in entry.xattrs:
                os.setxattr(path, name, value)
        if entry.kind != "directory":
            os.utime(path, ns=(entry.mtime * _NANO,) * 2, follow_symlinks=False)

    def _content(self, entry: Entry) -> None:
        if entry.kind == "file":
            with open(entry.path, "xb") as file:  # noqa: PTH123  a relative name in the root
                file.writelines(self._reader.content())
        elif entry.kind == "symlink":
            Path(entry.path).symlink_to(entry.target)
        elif entry.kind == "hardlink":
            if stat.S_ISDIR(os.lstat(entry.target).st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), entry.target)
            os.link(entry.target, entry.path, follow_symlinks=False)
        elif entry.kind == "fifo":
            os.mkfifo(entry.path, 0o600)


def _remove(path: str) -> None:
    place = Path(path)
    if place.is_symlink() or place.is_file() or place.is_fifo():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
