"""The store of unpacked wheels: each is inflated once a machine, hashed while it is written.

A wheel with the sha256 ``ab…`` lies in ``ab…/files`` as the archive has it, beside an ``index``
with a line of JSON: identity, commands, and path, sha256, size, executable bit and modification
time of every file. A folder gets its name only when it is whole. What was changed since shows in
size or time, and the wheel is unpacked anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lockenv.errors import IntegrityError, LockenvError
from lockenv.formats.wheel import Command, Member, Wheel, check_content, read_wheel, stream_member
from lockenv.materialize.disk import disk_errors
from lockenv.model import SILENT, Digest, Progress
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FORMAT = 1
#: A wheel's members are given to threads in portions of about this many bytes and members.
_PORTION_BYTES = 32 << 20
_PORTION_MEMBERS = 1500
#: The modes of files in the store: read-only, since environments share them by hard links.
_FILE_MODE = 0o444
_EXECUTABLE_MODE = 0o555
#: Scripts can be run, also where the archive was made on a system without such a bit.
_SCRIPT = pattern(r"[^/]+\.data/scripts/")


class StoredFile(NamedTuple):
    """A file of an unpacked wheel: its path in the archive, and what it was when it was written."""

    path: str
    digest: str
    size: int
    is_executable: bool
    mtime_ns: int


class WheelFile(NamedTuple):
    """A wheel to unpack: where it lies, its name as the lock has it, and its digest."""

    path: Path
    filename: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A wheel in the store, with every file at ``files_folder``."""

    files_folder: str
    name: str
    version: str
    dist_info: str
    is_purelib: bool
    console: tuple[Command, ...]
    gui: tuple[Command, ...]
    files: tuple[StoredFile, ...]

    def scheme_of(self, path: str) -> tuple[str, str]:
        """The install scheme of a path in the archive, and the path below it."""
        top, _, below = path.partition("/")
        if top.endswith(".data"):
            scheme, _, rest = below.partition("/")
            return scheme, rest
        return ("purelib" if self.is_purelib else "platlib"), path


class UnpackedStore:
    """The unpacked wheels below one folder, shared by all projects and processes of a user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, digest: Digest) -> Unpacked | None:
        """The unpacked wheel of a digest; None if there is none or if a file of it was changed."""
        unpacked = self.index(digest)
        if unpacked is None:
            return None
        prefix, look = (
            unpacked.files_folder + "/",
            os.lstat,
        )  # thousands of files: strings for speed
        try:
            for path, _, size, _, mtime_ns in unpacked.files:
                found = look(prefix + path)
                if found.st_mtime_ns != mtime_ns or found.st_size != size:
                    return None
        except OSError:
            return None
        return unpacked

    def index(self, digest: Digest) -> Unpacked | None:
        """What the index of a digest says, without a look at the files."""
        place = self._place(digest)
        try:
            data = (place / "index").read_bytes()
        except OSError:
            return None
        return _parse_index(data, place)

    def has(self, digest: Digest) -> bool:
        """Whether a wheel was unpacked here, without a look at it."""
        return (self._place(digest) / "index").exists()

    def is_sound(self, digest: Digest) -> bool:
        """Whether every file still has the bytes that were written, read one by one."""
        unpacked = self.load(digest)
        return unpacked is not None and all(
            _digest_of(f"{unpacked.files_folder}/{file.path}") == file.digest
            for file in unpacked.files
        )

    def discard(self, digest: Digest) -> None:
        """Let the wheel be unpacked anew: what lies there is not what was written."""
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=self.folder))
        with contextlib.suppress(OSError):
            self._place(digest).rename(old / "gone")
        shutil.rmtree(old, ignore_errors=True)

    def unpack(
        self, wheels: Iterable[WheelFile], *, jobs: int | None = None, progress: Progress = SILENT
    ) -> dict[Digest, Unpacked]:
        """Unpack wheels that the store lacks or has damaged, in threads, as they come.

        The iterable may wait for downloads. The first fault is raised when the work at hand has
        ended; what was unpacked by then stays.
        """
        done: dict[Digest, Unpacked] = {}
        workers = jobs or min(8, os.cpu_count() or 1)
        with disk_errors(self.folder), ThreadPoolExecutor(workers, "unpack") as pool:
            started: list[_Unpacking] = []
            try:
                for wheel in wheels:
                    started.append(self._start(wheel, pool))
                    started = self._finish(started, done, progress, wait=False)
                self._finish(started, done, progress, wait=True)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                for unpacking in started:
                    shutil.rmtree(unpacking.temporary, ignore_errors=True)
                raise
        return done

    def _place(self, digest: Digest) -> Path:
        return self.folder / digest.hex[:2] / digest.hex

    def _start(self, wheel: WheelFile, pool: ThreadPoolExecutor) -> _Unpacking:
        with _blaming_bit_rot(wheel), wheel.path.open("rb") as file:
            content = read_wheel(file, wheel.filename)
        self.folder.mkdir(parents=True, exist_ok=True)
        # Not by `mkdtemp`: who shares the store reads what another user unpacked.
        temporary = self.folder / f".new-{secrets.token_hex(8)}"
        temporary.mkdir()
        _make_folders(temporary, content.members)
        portions = [
            pool.submit(_write_portion, wheel, content, portion, f"{temporary}/files/")
            for portion in _portions(content.members)
        ]
        return _Unpacking(wheel, content, temporary, portions)

    def _finish(
        self,
        started: list[_Unpacking],
        done: dict[Digest, Unpacked],
        progress: Progress,
        *,
        wait: bool,
    ) -> list[_Unpacking]:
        """Give every unpacking whose portions are all written its name; the others are left."""
        waiting = []
        for unpacking in started:
            if not wait and not all(portion.done() for portion in unpacking.portions):
                waiting.append(unpacking)
                continue
            with _blaming_bit_rot(unpacking.wheel):
                files = [file for portion in unpacking.portions for file in portion.result()]
            digest = unpacking.wheel.digest
            done[digest] = self._keep(unpacking, sorted(files))
            progress.advanced("unpack", unpacking.wheel.filename)
        return waiting

    def _keep(self, unpacking: _Unpacking, files: list[StoredFile]) -> Unpacked:
        place = self._place(unpacking.wheel.digest)
        data = _render_index(unpacking.content, files)
        (unpacking.temporary / "index").write_bytes(data)
        place.parent.mkdir(exist_ok=True)
        for _ in range(8):  # as often as others may put theirs there meanwhile
            try:
                unpacking.temporary.rename(place)
                break
            except OSError:
                if not place.exists():
                    raise
                # Another process was faster, and others may be linking from what it made.
                theirs = self.load(unpacking.wheel.digest)
                if theirs is not None:
                    shutil.rmtree(unpacking.temporary, ignore_errors=True)
                    return theirs
                # What lies there is damaged: ours is whole.
                self.discard(unpacking.wheel.digest)
        unpacked = _parse_index(data, place)
        if unpacked is None:
            raise ValueError(f"an index that does not read back: {place}")
        return unpacked


def _digest_of(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of files: strings for speed
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


class _Unpacking(NamedTuple):
    wheel: WheelFile
    content: Wheel
    temporary: Path
    portions: list[Future[list[StoredFile]]]


@contextlib.contextmanager
def _blaming_bit_rot(wheel: WheelFile) -> Iterator[None]:
    """Tell a bad wheel from a file of the store that is no longer the wheel that was verified."""
    try:
        yield
    except IntegrityError:
        with wheel.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == wheel.digest.hex:
            raise
        raise IntegrityError(
            "blob-damaged",
            f"{wheel.filename} was damaged in the store",
            why=[f"locked {wheel.digest}", f"stored sha256:{found} ({wheel.path})"],
            fix=["lockenv cache verify, then lockenv sync"],
        ) from None


def _portions(members: tuple[Member, ...]) -> Iterator[list[Member]]:
    portion: list[Member] = []
    size = 0
    for member in members:
        portion.append(member)
        size += member.size
        if size >= _PORTION_BYTES or len(portion) >= _PORTION_MEMBERS:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _make_folders(temporary: Path, members: tuple[Member, ...]) -> None:
    folders = {member.path.rpartition("/")[0] for member in members}
    for folder in sorted(folders):
        (temporary / "files" / folder).mkdir(parents=True, exist_ok=True)


def _write_portion(
    wheel: WheelFile, content: Wheel, members: list[Member], prefix: str
) -> list[StoredFile]:
    written = []
    with wheel.path.open("rb", buffering=0) as file:
        for member in members:
            row = content.record.get(member.path)
            hashes = {"sha256": hashlib.sha256()}
            if row is not None and row.algorithm != "sha256":
                hashes[row.algorithm] = hashlib.new(row.algorithm)
            is_executable = member.is_executable or _SCRIPT.match(member.path) is not None
            mode = _EXECUTABLE_MODE if is_executable else _FILE_MODE
            target = os.open(prefix + member.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            try:
                for piece in stream_member(file, member, wheel.filename):
                    for one in hashes.values():
                        one.update(piece)
                    _write_all(target, piece)
                found = os.fstat(target)
                if os.name == "posix" and found.st_mode & 0o7777 != mode:
                    os.fchmod(target, mode)  # an umask took some of it
                mtime_ns = found.st_mtime_ns
            finally:
                os.close(target)
            digests = {algorithm: one.hexdigest() for algorithm, one in hashes.items()}
            check_content(content, member.path, digests, member.size)
            written.append(
                StoredFile(member.path, digests["sha256"], member.size, is_executable, mtime_ns)
            )
    return written


def _write_all(target: int, piece: bytes) -> None:
    written = os.write(target, piece)
    while written < len(piece):
        piece = piece[written:]
        written = os.write(target, piece)


def _render_index(wheel: Wheel, files: list[StoredFile]) -> bytes:
    document = {
        "format": _FORMAT,
        "name": wheel.name,
        "version": wheel.version,
        "dist_info": wheel.dist_info,
        "is_purelib": wheel.is_purelib,
        "console": wheel.console,
        "gui": wheel.gui,
        "files": files,
    }
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body + b"\n"


def _parse_index(data: bytes, place: Path) -> Unpacked | None:
    """The index, or None if it is not whole: its first line is the sha256 of its second."""
    digest, _, rest = data.partition(b"\n")
    body = rest.removesuffix(b"\n")
    if hashlib.sha256(body).hexdigest().encode("ascii") != digest:
        return None
    document = json.loads(body)
    if document["format"] != _FORMAT:
        return None
    return Unpacked(
        files_folder=str(place / "files"),
        name=document["name"],
        version=document["version"],
        dist_info=document["dist_info"],
        is_purelib=document["is_purelib"],
        console=tuple(Command(*one) for one in document["console"]),
        gui=tuple(Command(*one) for one in document["gui"]),
        files=tuple(map(StoredFile._make, document["files"])),
    )


def missing_wheel(filename: str) -> LockenvError:
    """What to raise where a wheel that was just unpacked is gone again."""
    return IntegrityError(
        "store-changed",
        f"the store lost {filename} while it was in use",
        why=["another program removed or changed files of the store"],
        fix=["lockenv sync"],
    )
