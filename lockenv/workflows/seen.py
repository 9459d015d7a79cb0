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
#: The folder of files about a package that are the same in every environment, in the store.
MADE_NAME = "made"
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
#: EMLINK, the same wherever we run; files of all environments may come to it (ext4: 65,000).
_TOO_MANY_NAMES = 31
_RECORD = ".dist-info/RECORD"
MARK = "\x01"


class UnfitError(Exception):
    """This list does not lead to that environment now."""


#: What is raised where a list does not do: the ordinary `sync` takes up what was begun.
UNFIT = (OSError, ValueError, StopIteration, UnfitError)


def make_seen(tree: str, root: str, prompt: str, selection: "tuple[str, str]") -> bool:
    """Make the environment at ``root``, where nothing is yet; whether that was done.

    ``selection`` is JSON: the object of the state, and the sorted pairs of the key. Where it
    cannot be done, nothing stands at ``root``, or an environment that says it is unfinished.
    """
    if not fits_place(root, prompt):
        return False
    try:
        with kept_by(os.path.dirname(tree)):  # noqa: PTH120 - pathlib is heavy
            fields = iter(read_fields(f"{tree}/{LIST_NAME}", LIST_FORM))
            make_listed(fields, tree, root, prompt, selection)
    except UNFIT:
        return False
    return True


def fits_place(root: str, prompt: str) -> bool:
    """Whether an environment of this place and name can be filled in without quotes."""
    return (
        sys.platform != "win32"
        and root.startswith("/")
        and set(root + prompt) <= _PLAIN
        and len(f"#!{root}/bin/python\n") <= _LONGEST_LINE
    )


def make_listed(
    fields: "Iterator[str]", tree: str, root: str, prompt: str, selection: "tuple[str, str]"
) -> None:
    """Make what a list names at ``root``, where nothing is yet; raises what is `UNFIT`."""
    making = _Making(fields, tree, root, prompt, selection)
    making.check_shared()
    os.mkdir(root)  # noqa: PTH102 - pathlib is heavy
    with _locked(root):
        making.make()
    _register(tree, root)


class _Making:
    """One list, read, and one place."""

    def __init__(
        self,
        fields: "Iterator[str]",
        tree: str,
        root: str,
        prompt: str,
        selection: "tuple[str, str]",
    ) -> None:
        self._tree = tree
        self._root = root
        self._prompt = prompt
        self._selection, self._pairs = selection
        self._python, self._packages = next(fields), next(fields)
        self._head, self._middle, self._tail = next(fields), next(fields), next(fields)
        self._site_packages = next(fields)
        self._stamped = listed(fields)
        self._shared = listed(fields)
        self._folders = listed(fields)
        self._links = listed(fields)
        self._placed = listed(fields)
        self._written = listed(fields)
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
                raise UnfitError(path)

    def make(self) -> None:
        """Everything, between a state that says "in progress" and one that says "complete"."""
        self._write_state("in progress", "", "{}")
        root, stat, link = f"{self._root}/", os.stat, os.link
        for folder in self._folders:
            os.mkdir(root + folder)  # noqa: PTH102 - pathlib is heavy
        for path, leads_to in _pairs(self._links):
            os.symlink(leads_to, root + path)  # noqa: PTH211 - likewise
        self._write_files()
        rows = self._placed
        for path, source, size, time in zip(*(rows[at::4] for at in range(4)), strict=True):
            found = stat(source, follow_symlinks=False)
            if found.st_mtime_ns != int(time) or found.st_size != int(size):
                raise UnfitError(source)
            try:
                link(source, root + path)
            except OSError as error:
                # Another disk than the unpacked wheels', or a file with too many names.
                if not source.startswith(self._tree) and error.errno != _TOO_MANY_NAMES:
                    raise
                with open(source, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is heavy
                    _write(root + path, file.readall(), found.st_mode & 0o111 | 0o644)
        site = f"{root}{self._site_packages}/"
        base = f"{self._tree}/{FILES_NAME}/{self._site_packages}"
        for name in self._shared:
            os.symlink(f"{base}/{name}", site + name)  # noqa: PTH211 - likewise
        if self._shared:
            os.symlink(base, root + SHARED_LINK)  # noqa: PTH211 - likewise
        self._write_state("complete", self._key(), self._stamps())

    def _write_files(self) -> None:
        """Files of our making, each RECORD first: what it names can be found and removed again."""
        rows = self._written
        filled = []
        for path, mode, text in zip(*(rows[at::3] for at in range(3)), strict=True):
            content = self._filled(text).encode("utf-8")
            self._texts.append(content)
            filled.append((not path.endswith(_RECORD), path, int(mode, 8), content))
        filled.sort(key=lambda row: row[0])
        for _, path, mode, content in filled:
            _write(f"{self._root}/{path}", content, mode)

    def _filled(self, text: str) -> str:
        return filled_text(text, self._root, self._prompt, self._texts)

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


def filled_text(text: str, root: str, prompt: str, texts: "list[bytes]") -> str:
    """The text with what hangs on the place: its root, its name, digests of what was filled."""
    first, *parts = text.split(MARK)
    found = [first]
    for part in parts:
        kind = part[:1]
        if kind in "RP":
            found += [root if kind == "R" else prompt, part[1:]]
            continue
        number, _, rest = part[1:].partition(";")
        content = texts[int(number)]
        digest = sha256(content)
        found += [digest.hex() if kind == "H" else _row(digest, len(content)), rest]
    return "".join(found)


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


def listed(fields: "Iterator[str]") -> "list[str]":
    """The next fields, which their number stands before."""
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
            raise UnfitError(self._root)

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _register(tree: str, root: str) -> None:
    """As `lockenv.workflows.registry` notes an environment."""
    note = _note(root, os.path.dirname(tree))  # noqa: PTH120 - pathlib is heavy
    try:
        if not os.path.exists(note):  # noqa: PTH110 - likewise
            os.makedirs(os.path.dirname(note), exist_ok=True)  # noqa: PTH103, PTH120 - likewise
            _write(f"{note}.{os.getpid()}.new", f"{root}\n".encode(), 0o644)
            os.replace(f"{note}.{os.getpid()}.new", note)  # noqa: PTH105 - likewise
    except OSError:
        return


def is_damaged(root: str, trees: str) -> bool:
    """As `lockenv.workflows.registry` has it, of an environment of these trees' data."""
    return os.path.exists(f"{_note(root, trees)}.damaged")  # noqa: PTH110 - pathlib is heavy


def _note(root: str, trees: str) -> str:
    data = os.path.dirname(trees)  # noqa: PTH120 - pathlib is heavy
    return f"{data}/environments/{sha256(root.encode('utf-8')).hex()[:32]}"
