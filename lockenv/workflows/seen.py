"""Make an environment that this machine has made before, from the list that was kept of it.

The list (`lockenv.materialize.tree_list`) names every folder, link and file; nothing is worked out
any more. What does hang on the place (the first lines of scripts, the state) is filled in. Each
file of the store is looked at before it is linked: one that is not what was verified stops all,
and the ordinary `sync` takes up what was begun, as after a kill.

On the path of remembered answers: imports nothing heavy.
"""

import os
import sys

# What `hashlib` would give, without loading OpenSSL; part of every CPython that we run on.
from _blake2 import blake2b

#: A checker reads the types below as if they were imported; nothing is.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Raised when the form of a list changes.
LIST_FORM = "lockenv tree 2"
#: The list in the folder of a tree, the sizes and times of its shared files, and these files.
LIST_NAME, SHARED_NAME, FILES_NAME = "list", "shared", "files"
#: Files about packages that are the same in every environment, by number.
CONSTANTS_NAME = "constants"
#: Beside the trees: held by whoever makes environments of them, and by whoever removes some.
TURN_NAME = ".turn"
#: Characters that need no quotes in a shell, a script's first line, JSON and TOML alike.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@")
#: A first line that is longer is not a path alone (`lockenv.formats.wheel`): the smallest limit.
_LONGEST_LINE = 127
#: Tools that tell installed code by real paths (coverage) ask `sysconfig` for every scheme's folder
#: of packages. The scheme ``posix_home`` has it here, where no package has files: so they come to
#: know the shared folders too.
SHARED_LINK = "lib/python"
_LOCK_FILE = ".lockenv-lock"
_STATE_NAME = "lockenv-state.json"
_MARK = "\x01"


class _UnfitError(Exception):
    """This list does not lead to that environment now."""


def make_seen(tree: str, root: str, prompt: str, selection: "tuple[str, str]") -> bool:
    """Make the environment at ``root``, where nothing is yet; whether that was done.

    ``selection`` is JSON: the object of the state, and the sorted pairs of the key. Where it
    cannot be done, nothing stands at ``root``, or an environment that says it is unfinished.
    """
    if sys.platform == "win32" or not set(root + prompt) <= _PLAIN or not root.startswith("/"):
        return False
    if len(f"#!{root}/bin/python\n") > _LONGEST_LINE:
        return False
    try:
        with kept_by(os.path.dirname(tree)):  # noqa: PTH120 - pathlib is heavy
            making = _Making(tree, root, prompt, selection)
            making.check_shared()
            os.mkdir(root)  # noqa: PTH102 - likewise
            with _locked(root):
                making.make()
            _register(tree, root)
    except (OSError, ValueError, StopIteration, _UnfitError):
        return False
    return True


class _Making:
    """One list, read, and one place."""

    def __init__(self, tree: str, root: str, prompt: str, selection: "tuple[str, str]") -> None:
        self._tree = tree
        self._root = root
        self._prompt = prompt
        self._selection, self._pairs = selection
        fields = iter(read_fields(f"{tree}/{LIST_NAME}", LIST_FORM))
        self._python, self._packages = next(fields), next(fields)
        self._head, self._middle, self._tail = next(fields), next(fields), next(fields)
        self._site_packages = next(fields)
        self._stamped = _listed(fields)
        self._shared = _listed(fields)
        self._folders = _listed(fields)
        self._links = _listed(fields)
        self._placed = _listed(fields)
        self._written = _listed(fields)
        self._texts: list[bytes] = []

    def check_shared(self) -> None:
        """Refuse shared files that are not those that were verified."""
        if not self._shared:
            return
        stat, base = os.stat, f"{self._tree}/{FILES_NAME}/"
        fields = read_fields(f"{self._tree}/{SHARED_NAME}", LIST_FORM)
        for path, size, time in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            found = stat(base + path, follow_symlinks=False)
            if found.st_mtime_ns != int(time) or found.st_size != int(size):
                raise _UnfitError(path)

    def make(self) -> None:
        """Everything, between a state that says "in progress" and one that says "complete"."""
        self._write_state("in progress", "", "{}")
        root, stat, link = f"{self._root}/", os.stat, os.link
        for folder in self._folders:
            os.mkdir(root + folder)  # noqa: PTH102 - pathlib is heavy
        for path, leads_to in _pairs(self._links):
            os.symlink(leads_to, root + path)  # noqa: PTH211 - likewise
        rows = self._placed
        for path, source, size, time in zip(*(rows[at::4] for at in range(4)), strict=True):
            found = stat(source, follow_symlinks=False)
            if found.st_mtime_ns != int(time) or found.st_size != int(size):
                raise _UnfitError(source)
            try:
                link(source, root + path)
            except OSError:
                if not source.startswith(self._tree):
                    raise
                # Another disk than the unpacked wheels', or a file with too many names.
                with open(source, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is heavy
                    _write(root + path, file.readall(), 0o644)
        rows = self._written
        for path, mode, text in zip(*(rows[at::3] for at in range(3)), strict=True):
            content = self._filled(text).encode("utf-8")
            self._texts.append(content)
            _write(root + path, content, int(mode, 8))
        site = f"{root}{self._site_packages}/"
        base = f"{self._tree}/{FILES_NAME}/{self._site_packages}"
        for name in self._shared:
            os.symlink(f"{base}/{name}", site + name)  # noqa: PTH211 - likewise
        if self._shared:
            os.symlink(base, root + SHARED_LINK)  # noqa: PTH211 - likewise
        self._write_state("complete", self._key(), self._stamps())

    def _filled(self, text: str) -> str:
        """The text with what hangs on the place: its root, its name, digests of what was filled."""
        first, *parts = text.split(_MARK)
        found = [first]
        for part in parts:
            kind = part[:1]
            if kind in "RP":
                found += [self._root if kind == "R" else self._prompt, part[1:]]
                continue
            number, _, rest = part[1:].partition(";")
            content = self._texts[int(number)]
            digest = sha256(content)
            found += [digest.hex() if kind == "H" else _row(digest, len(content)), rest]
        return "".join(found)

    def _key(self) -> str:
        """As `WantedEnvironment.key` has it."""
        text = f'["{self._root}",{self._python},{self._packages},{self._pairs},"{self._prompt}"]'
        return sha256(text.encode("ascii")).hex()

    def _stamps(self) -> str:
        found = []
        for name in self._stamped:
            state = os.stat(f"{self._root}/{name}")  # noqa: PTH116 - pathlib is heavy
            found.append(f'"{name}": [{state.st_mtime_ns}, {state.st_size}, {state.st_ino}]')
        return "{" + ", ".join(found) + "}"

    def _write_state(self, status: str, key: str, stamps: str) -> None:
        """Replace the state; the packages count as touched until all of them are whole."""
        touched, packages = ("[]", self._filled(self._tail)) if key else (self._middle, "[]")
        text = (
            f'{{"status": "{status}", "key": "{key}", "root": "{self._root}", '
            f'"prompt": "{self._prompt}", "selection": {self._selection}, "stamps": {stamps}, '
            f'"touched": {touched}, "packages": {packages}, {self._head}}}\n'
        )
        temporary = f"{self._root}/.lockenv-state-{os.getpid()}"
        _write(temporary, text.encode("utf-8"), 0o644)
        os.replace(temporary, f"{self._root}/{_STATE_NAME}")  # noqa: PTH105 - pathlib is heavy


def read_fields(path: str, form: str) -> "list[str]":
    """The fields of a list of ours; ValueError where it is not whole or of another form."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is heavy
        data = file.readall()
    digest, _, body = data.partition(b"\n")
    if blake2b(body, digest_size=32).hexdigest().encode() != digest:
        raise ValueError(path)
    first, *fields = body.decode("utf-8", "surrogateescape").split("\0")
    if first != form:
        raise ValueError(path)
    return fields


def render_fields(fields: "list[str]", form: str) -> bytes:
    """The same, to be written."""
    body = "\0".join([form, *fields]).encode("utf-8", "surrogateescape")
    return blake2b(body, digest_size=32).hexdigest().encode() + b"\n" + body


def _listed(fields: "Iterator[str]") -> "list[str]":
    return [next(fields) for _ in range(int(next(fields)))]


def _pairs(items: "list[str]") -> "Iterator[tuple[str, str]]":
    return zip(items[::2], items[1::2], strict=True)


def _write(path: str, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(handle, "wb", buffering=0) as file:  # noqa: PTH123 - a handle, not a path
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        os.fchmod(handle, mode)  # whatever the umask is


def _row(digest: bytes, size: int) -> str:
    """A digest and a size as RECORD has them."""
    from binascii import b2a_base64  # noqa: PLC0415 - built in; only scripts need it

    text = b2a_base64(digest, newline=False).rstrip(b"=").translate(_URL_SAFE)
    return f"sha256={text.decode('ascii')},{size}"


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _sha256() -> "Callable[..., object]":
    """The sha256 of CPython itself: `hashlib` loads OpenSSL, which takes as long as all of this."""
    for name in ("_sha2", "_sha256"):  # since 3.12, and before
        try:
            return __import__(name).sha256  # type: ignore[no-any-return]  # no stub has them
        except ImportError:
            continue
    import hashlib  # noqa: PLC0415 - a build without its own

    return hashlib.sha256


def sha256(data: bytes) -> bytes:
    """The digest of some bytes."""
    return _sha256()(data).digest()  # type: ignore[attr-defined,no-any-return]  # a hash object


class kept_by:  # noqa: N801 - used as a function is
    """Keep all trees from being removed until the block ends; ``alone``, from being used."""

    def __init__(self, trees: str, *, alone: bool = False) -> None:
        self._trees = trees
        self._alone = alone
        self._handle = -1

    def __enter__(self) -> None:
        import fcntl  # noqa: PLC0415 - POSIX alone

        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._handle = os.open(f"{self._trees}/{TURN_NAME}", flags, 0o666)
        fcntl.flock(self._handle, fcntl.LOCK_EX if self._alone else fcntl.LOCK_SH)

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


class _locked:  # noqa: N801 - used as a function is
    """As `lockenv.materialize` keeps others out; refuses where somebody has begun already."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._handle = -1

    def __enter__(self) -> None:
        import fcntl  # noqa: PLC0415 - POSIX alone

        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self._handle = os.open(f"{self._root}/{_LOCK_FILE}", flags, 0o666)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        if os.listdir(self._root) != [_LOCK_FILE]:  # noqa: PTH208 - pathlib is heavy
            os.close(self._handle)
            raise _UnfitError(self._root)

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _register(tree: str, root: str) -> None:
    """As `lockenv.workflows.registry` notes an environment."""
    data = os.path.dirname(os.path.dirname(tree))  # noqa: PTH120 - pathlib is heavy
    note = f"{data}/environments/{sha256(root.encode('utf-8')).hex()[:32]}"
    try:
        if not os.path.exists(note):  # noqa: PTH110 - likewise
            os.makedirs(f"{data}/environments", exist_ok=True)  # noqa: PTH103 - likewise
            _write(f"{note}.{os.getpid()}.new", f"{root}\n".encode(), 0o644)
            os.replace(f"{note}.{os.getpid()}.new", note)  # noqa: PTH105 - likewise
    except OSError:
        return
