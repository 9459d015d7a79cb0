"""Lay an image's layers over one another in a folder (OCI image-layout, applying changesets).

In a process that is shut into the folder, so that no link of a layer leads a later member out.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError, IntegrityError, LockenvError
from lockenv.formats.tar import Reader
from lockenv.materialize.image_read import decoded_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.formats.tar import Entry
    from lockenv.materialize.layers_store import ImageStore
    from lockenv.materialize.root_port import Confinement

_NANO = 10**9
_MARK, _OPAQUE = ".wh.", ".wh..wh..opq"


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
    with store.work() as work:
        answer = work / "answer.json"
        paths = [str(layer) for layer in layers]
        confinement.call("lockenv.materialize.root_apply:apply", str(folder), str(answer), *paths)
        problem = json.loads(answer.read_bytes()) if answer.exists() else "it was ended"
    if problem:
        confinement.call("lockenv.materialize.root_worker:remove", str(folder))
        raise _broken(problem)
    done.write_text("{}")
    return folder


def apply(confinement: Confinement, folder: str, answer: str, *layers: str) -> None:
    """Lay layers into a new folder; what is wrong with them, or "", goes to the file ``answer``."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    try:
        lay_layers(folder, layers, own=confinement.mode != "single")
        problem = ""
    except LockenvError as error:
        problem = "; ".join((error.what, *error.why))
    Path(answer).write_text(json.dumps(problem))


def lay_layers(
    folder: str, layers: Sequence[str], *, own: bool
) -> tuple[tuple[str, int, int], ...]:
    """Lay layers into a folder, in a child that is shut into it; the owners it could not set."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = _lay(folder, layers, own=own)
            with os.fdopen(writer, "wb") as file:
                file.write(json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    answer = json.loads(text or b'{"problem": "the process that laid them out was ended"}')
    if "problem" in answer:
        raise _broken(answer["problem"])
    return tuple((path, uid, gid) for path, uid, gid in answer["owners"])


def _broken(problem: str) -> LockenvError:
    if problem.startswith("disk: "):
        return HostError(
            "cannot-write-root",
            "the image's root could not be laid out",
            why=(problem.removeprefix("disk: "),),
            fix="make room, or name another folder with --cache-dir",
        )
    return IntegrityError("broken-layer", problem, fix="build or fetch the image again")


def _lay(folder: str, layers: Sequence[str], *, own: bool) -> dict[str, object]:
    os.umask(0)
    opened = [Path(layer).open("rb") for layer in layers]  # noqa: SIM115  needed after the chroot
    os.chroot(folder)
    os.chdir("/")
    owners: dict[str, tuple[int, int]] = {}
    try:
        for file, layer in zip(opened, layers, strict=True):
            _Layer(Reader(decoded_layer(file), layer), owners, own=own).run()
    except IntegrityError as error:
        return {"problem": "; ".join((error.what, *error.why))}
    except OSError as error:
        return {"problem": f"disk: {error.strerror}: {error.filename}"}
    there = [(path, *ids) for path, ids in owners.items() if os.path.lexists(path)]
    return {"owners": there}


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
            if name == _OPAQUE:
                self._empty(folder or ".")
            elif name.startswith(_MARK):
                _remove(f"{folder}/{name.removeprefix(_MARK)}".lstrip("/"))
            elif entry.kind not in {"character", "block"}:
                # Devices are made by whatever runs the root.
                self._write(entry)
                self._ours.add(entry.path)
        for path, time in reversed(self._folders):
            os.utime(path, ns=(time * _NANO,) * 2)

    def _empty(self, folder: str) -> None:
        """Take away what lower layers put into a folder, but nothing of this one."""
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
            os.link(entry.target, entry.path, follow_symlinks=False)
        elif entry.kind == "fifo":
            os.mkfifo(entry.path, 0o600)


def _remove(path: str) -> None:
    place = Path(path)
    if place.is_symlink() or place.is_file() or place.is_fifo():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
