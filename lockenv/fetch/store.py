"""The store on disk: pages with their freshness, facts for ever, blobs by digest.

Lock-free among processes: every file is written under a name of its own and renamed. Pages and
facts carry a checksum, so a rotten one counts as absent; losing one costs a request, so a failure
to write one is no error.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from lockenv.errors import HostError
from lockenv.values import asdict, dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.model import Digest

_MAGIC = b"lockenv 1 "
#: Magic, checksum (8), length of the header (8), blank and line feed.
_PREFIX = len(_MAGIC) + 18
#: Enough for the header of a page with the longest addresses.
_HEAD = 4096
_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """What was answered, and until when it may be used without asking again (seconds since 1970).

    ``status`` is 200 or 404: that there is no such page is worth remembering too.
    """

    status: int
    asked: str
    url: str
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    fresh_until: float = 0.0
    mirrored: bool = False


#: What tells a file from any other that will ever have its name: time, size and number.
Identity: TypeAlias = "tuple[int, int, int]"


class Store:
    """One cache folder; made when something is first written.

    ``used`` has the page files that were read or written, by path: until when each may be used,
    and which file it was (None where it could not be kept).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._pages = f"{root}/pages/"
        self._facts = f"{root}/facts/"
        self.used: dict[str, tuple[float, Identity | None]] = {}

    # -- pages and facts ---------------------------------------------------------------------------

    def read_page(self, key: str) -> tuple[StoredPage, bytes] | None:
        """The page kept under a key with its body, if there is a sound one."""
        path = self._pages + _place(key)
        entry = _read_entry(path)
        if entry is None:
            return None
        try:
            page = StoredPage(**json.loads(entry[0]))
        except (ValueError, TypeError):
            return None
        self.used[path] = page.fresh_until, entry[2]
        return page, entry[1]

    def read_page_head(self, key: str) -> StoredPage | None:
        """What is known of a kept page, without its body (so unchecked)."""
        try:
            with open(self._pages + _place(key), "rb") as file:  # noqa: PTH123 - see `_read_entry`
                start = file.read(_HEAD)
            length = int(start[18:26], 16)
            return StoredPage(**json.loads(start[_PREFIX : _PREFIX + length]))
        except (OSError, ValueError, TypeError, RecursionError):  # the last of a nest of brackets
            return None

    def write_page(self, key: str, page: StoredPage, body: bytes) -> None:
        """Keep a page."""
        head = json.dumps(asdict(page), separators=(",", ":")).encode()
        path = self._pages + _place(key)
        self.used[path] = page.fresh_until, _write_entry(path, head, body)

    def read_fact(self, kind: str, key: str) -> bytes | None:
        """The fact kept under a key, if there is a sound one."""
        entry = _read_entry(f"{self._facts}{kind}/{_place(key)}")
        # The key stands inside, so that a file in the wrong place is nobody's fact.
        return entry[1] if entry is not None and entry[0] == key.encode() else None

    def write_fact(self, kind: str, key: str, data: bytes) -> None:
        """Keep a fact."""
        _write_entry(f"{self._facts}{kind}/{_place(key)}", key.encode(), data)

    # -- blobs -------------------------------------------------------------------------------------

    def blob_path(self, digest: Digest) -> Path:
        """Where the file with this digest lies or will lie."""
        return self.root / "blobs" / digest.algorithm / digest.hex[:2] / digest.hex

    def has_blob(self, digest: Digest, size: int | None = None) -> Path | None:
        """The file with this digest, unless its size is known and another."""
        path = self.blob_path(digest)
        try:
            found = path.stat().st_size
        except OSError:
            return None
        return path if size is None or size == found else None

    def partial_path(self, digest: Digest) -> Path:
        """Where what was got of a file waits for the next attempt."""
        return self.root / "blobs" / "partial" / f"{digest.algorithm}-{digest.hex}"

    def new_file(self) -> Path:
        """A name that no other process or thread uses, on the file system of the blobs."""
        folder = self.root / "blobs" / "arriving"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder / own_name("blob")

    def keep_blob(self, arrived: Path, digest: Digest) -> Path:
        """Give a verified file its name."""
        path = self.blob_path(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            arrived.chmod(0o644)
            arrived.replace(path)
        except OSError as error:
            raise cannot_write(path, error) from error
        return path


def own_name(stem: str) -> str:
    """A file name that no other process or thread of this machine uses now."""
    return f"{stem}.{os.getpid()}.{next(_numbers)}.{os.urandom(4).hex()}"


def cannot_write(path: Path, error: OSError) -> HostError:
    """What to say when the store cannot be written."""
    return HostError(
        "store-not-writable",
        "the store cannot be written",
        why=[f"{path}: {error.strerror or error}"],
        fix="free space there, or name another folder with --cache-dir or LOCKENV_CACHE_DIR",
    )


def _place(key: str) -> str:
    digits = blake2b(key.encode(), digest_size=20).hexdigest()
    return f"{digits[:2]}/{digits[2:]}"


def _read_entry(path: str) -> tuple[bytes, bytes, Identity] | None:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path for each costs more than reading
            data = file.readall()
            identity = _identity(file.fileno())
    except OSError:
        return None
    if len(data) < _PREFIX or not data.startswith(_MAGIC):
        return None
    try:
        checksum, length = (int(part, 16) for part in (data[10:18], data[18:26]))
    except ValueError:
        return None
    view = memoryview(data)[_PREFIX:]
    if zlib.crc32(view) != checksum or length > len(view):
        return None
    return bytes(view[:length]), bytes(view[length:]), identity


def _identity(handle: int) -> Identity:
    found = os.fstat(handle)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _write_entry(path: str, head: bytes, body: bytes) -> Identity | None:
    """Write an entry in one step; which file it is, or None where it could not be kept."""
    checksum = zlib.crc32(body, zlib.crc32(head))
    data = b"".join((_MAGIC, b"%08x%08x" % (checksum, len(head)), b" \n", head, body))
    temporary = own_name(path)
    try:
        try:
            identity = _write(temporary, data)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - as above
            identity = _write(temporary, data)
        os.replace(temporary, path)  # noqa: PTH105 - as above
    except OSError:
        # A full or read-only store costs time and nothing else.
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - as above
        return None
    return identity


def _write(path: str, data: bytes) -> Identity:
    with open(path, "xb", buffering=0) as file:  # noqa: PTH123 - as above
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        return _identity(file.fileno())
