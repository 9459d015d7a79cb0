"""Answers that are known already, given before anything heavy is imported.

What `check` says about a manifest and its lock, and that `sync` (and the `sync` of a `run`) has
nothing to do, follow from bytes: the arguments, a few variables, every project file that was read
or looked for, the user's configuration, this program, and for `sync` the environment's state file
and a few times of it. So the answer is kept in the store beside what it followed from
(`lockenv.cli.memory`), and here it is given again while all of that still stands. Contents are
compared by digest, never by time alone; no clock is asked.

What `lock` comes to follows from the same and from pages of the store, for as long as these are
fresh: the one answer that a clock ends. It holds in every folder with the same files, and so does
the way to an environment that this machine has made before (`lockenv.cli.roaming`).

Trusted is only what this user alone can have written: the folder and the file must belong to the
user and be closed to everybody else. The folder's own number is part of every question, so that a
store that was carried here from elsewhere answers nothing; where ``CI`` is set nothing is
remembered at all, since caches there travel between machines and people.

This module and what it imports are on the path of every command, so it imports next to nothing:
not even `typing`, which alone costs as much as the answer.
"""

import os
import sys

# What `hashlib` would give, without loading OpenSSL; part of every CPython that we run on.
from _blake2 import blake2b

#: What is asked by whoever wants to know what a bare `sync` would make (`lockenv.cli.roaming`).
WISH = ["wish"]
#: A checker reads the types below as if they were imported; nothing is.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Raised when an entry's form or the meaning of a fact changes.
FORM = "lockenv answer 3"
#: How much of an entry's start is its own digest, in hexadecimal, and a line feed.
_DIGITS = 64
#: However long a server allows, as in `lockenv.fetch`: a page from the future had a wrong clock.
_LONGEST_FRESH = 86400.0
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib is heavy

#: Options that take the next word, so that a verb and a command can be told from values.
_VALUED = (
    *("-C", "--directory", "--color", "--config", "--format", "--target", "--group"),
    *("--only-group", "--no-group", "--extra", "--venv", "--link-mode"),
)
#: Variables that can change an answer or its text, beside those with the prefixes below.
_VARIABLES = (
    *("COLUMNS", "HOME", "LANG", "LD_LIBRARY_PATH", "NO_COLOR"),
    *("SSL_CERT_DIR", "SSL_CERT_FILE", "TERM"),
)
_PREFIXES = ("LC_", "LOCKENV_", "PYTHON", "XDG_")


class Answer:
    """What a command came to: its status and what it printed, or the environment to run in.

    ``printed`` are pairs of "out" or "err" and a text. ``environment`` is the root of an
    environment and its digest, for `run`. ``written`` is the text of the lock, where one was
    written; ``tree`` the file that says how the environment was made, where one was.
    """

    def __init__(
        self,
        status: int,
        printed: "Sequence[tuple[str, str]]" = (),
        environment: "tuple[str, str] | None" = None,
        *,
        written: str = "",
        tree: str = "",
    ) -> None:
        self.status = status
        self.printed = tuple(printed)
        self.environment = environment
        self.written = written
        self.tree = tree


class Question:
    """A command line that may have an answer, the folder where it would be kept, the program now.

    ``words`` is the command of a `run`, which is no part of what is ``asked``. ``place`` is what
    tells where the question is asked: the working folder, or for a question that roams a digest
    of the project's files; then ``base`` is the project's folder, which facts are relative to.
    ``roaming`` is the question as one that roams, where it can, as it was when it was asked.
    """

    roaming: "Question | None" = None

    def __init__(
        self,
        asked: "list[str]",
        words: "tuple[str, ...]",
        folder: str,
        *,
        place: str = "",
        base: str = "",
        program: str = "",
    ) -> None:
        self.asked = asked
        self.words = words
        self.folder = folder
        self.place = place or os.getcwd()  # noqa: PTH109 - pathlib is heavy
        self.base = base
        self.program = program or program_state()

    @property
    def key(self) -> str:
        """The name of the question, and of the file of its answer."""
        return key_of(self.asked, self.folder, self.place)

    def answer(self) -> "Answer | None":
        """The kept answer, if everything that it followed from still stands."""
        key = self.key
        data = _own_bytes(f"{self.folder}/{key}")
        if data is None or data[:_DIGITS] != digest_of(data[_DIGITS + 1 :]).encode():
            return None
        fields = iter(data[_DIGITS + 1 :].decode("utf-8", "surrogateescape").split("\0"))
        if (next(fields), next(fields), next(fields)) != (FORM, key, self.program):
            return None
        for _ in range(int(next(fields))):
            kind, path, found = next(fields), next(fields), next(fields)
            if not still_stands(kind, self.base + path[1:] if path[:1] == "@" else path, found):
                return None
        status, root, digest = int(next(fields)), next(fields), next(fields)
        written, tree = next(fields), next(fields)
        rest = list(fields)
        printed = tuple(zip(rest[::2], rest[1::2], strict=True))
        environment = (root, digest) if root else None
        return Answer(status, printed, environment, written=written, tree=tree)


def remembered_status(arguments: "list[str]", question: "Question | None") -> "int | None":
    """The exit status of a command line whose answer is known, after printing it; else None.

    A `run` whose environment is known to be right does not come back.
    """
    if arguments == ["--version"]:
        from lockenv import __version__  # noqa: PLC0415 - start-up

        return give(Answer(0, [("out", f"lockenv {__version__}\n")]))
    if question is None:
        return None
    try:
        answer = question.answer()
    except UNKNOWN:
        answer = None
    if answer is None:
        return None
    if answer.environment is None:
        return give(answer)
    from lockenv.workflows.variables import (  # noqa: PLC0415 - start-up
        environment,
        find_program,
        path_note,
    )

    root, _ = answer.environment
    variables = environment(os.environ, *answer.environment)
    program = find_program(question.words[0], root, variables["PATH"])
    if program:
        sys.stderr.write(path_note(root))
        _become(answer, program, question.words, variables)
    return None


#: What an entry that makes no sense raises: it is no answer.
UNKNOWN = (OSError, ValueError, KeyError, StopIteration)


def give(answer: Answer) -> int:
    """Print what a command printed; its status."""
    for stream, text in answer.printed:
        (sys.stdout if stream == "out" else sys.stderr).write(text)
    return answer.status


def _become(
    answer: Answer, program: str, words: "tuple[str, ...]", variables: "dict[str, str]"
) -> None:
    """Replace this process by the program; comes back if the system refuses it."""
    # As the signal module, without its enumerations: what Python ignores, a program must not.
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415 - no stub has it; only here

    give(answer)
    sys.stdout.flush()
    sys.stderr.flush()
    ignored = [getattr(_signal, name, None) for name in ("SIGPIPE", "SIGXFSZ")]
    former = [(one, _signal.signal(one, _signal.SIG_DFL)) for one in ignored if one is not None]
    try:
        os.execve(program, [program, *words[1:]], variables)  # noqa: S606 - never through a shell
    except OSError:
        for one, handler in former:
            _signal.signal(one, handler)


def question_of(arguments: "list[str]") -> "Question | None":
    """The question that a command line is; None where no answer is ever kept."""
    environ = os.environ
    if environ.get("CI") or not hasattr(os, "getuid"):
        return None
    if any(one.startswith("--cache-dir") for one in arguments):
        return None
    place = _verb_at(arguments)
    if place is None or arguments[place] not in {"check", "lock", "run", "sync"}:
        return None
    is_run = arguments[place] == "run"
    start = _command_at(arguments, place + 1) if is_run else len(arguments)
    asked, words = arguments[:start], tuple(arguments[start:])
    if is_run and not words:
        return None
    try:
        return Question(asked, words, f"{_cache_dir(environ)}/answers")
    except OSError:
        return None


def _cache_dir(environ: "Mapping[str, str]") -> str:
    """As `lockenv.settings` has it; a difference would only mean that nothing is found."""
    named = environ.get("LOCKENV_CACHE_DIR")
    if named:
        return os.path.join(os.getcwd(), named)  # noqa: PTH109, PTH118 - pathlib is heavy
    base = environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):
        base = os.path.expanduser("~") + "/.cache"  # noqa: PTH111 - likewise
    return f"{base}/lockenv"


def _verb_at(arguments: "list[str]") -> "int | None":
    place = 0
    while place < len(arguments):
        if not arguments[place].startswith("-"):
            return place
        place += 2 if arguments[place] in _VALUED else 1
    return None


def _command_at(arguments: "list[str]", place: int) -> int:
    """Where the command of a `run` begins; `keep` is only called if click says the same."""
    while place < len(arguments):
        if arguments[place] == "--":
            return place + 1
        if not arguments[place].startswith("-"):
            return place
        place += 2 if arguments[place] in _VALUED else 1
    return place


def key_of(asked: "list[str]", folder: str, where: str) -> str:
    """The name of a question: what was asked, where, by whom, of which machine."""
    variables = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if name in _VARIABLES or name.startswith(_PREFIXES)
    )
    machine = os.uname()
    place = os.lstat(folder) if os.path.lexists(folder) else None
    parts = [
        FORM,
        where,
        f"{len(asked)}",
        *asked,
        f"{len(variables)}",
        *variables,
        "" if asked == WISH else f"{os.isatty(1)} {os.isatty(2)} {sys.stdout.encoding}",
        f"{os.geteuid()}",
        f"{machine.sysname} {machine.nodename} {machine.machine}",
        f"{sys.prefix} {sys.implementation.cache_tag} {sys.version}",
        f"{place.st_dev} {place.st_ino}" if place else "",
    ]
    return digest_of("\0".join(parts).encode("utf-8", "surrogateescape"))


def program_state() -> str:
    """What this program is now: its own files and where it finds libraries, by size and time.

    So neither an upgrade of a library nor an edit of our source leaves an old answer standing.
    """
    found = []
    folders = [_PACKAGE]
    while folders:
        folder = folders.pop()
        for name in os.listdir(folder):  # noqa: PTH208 - pathlib is heavy
            path = f"{folder}/{name}"
            if "." in name:
                state = os.stat(path)  # noqa: PTH116 - likewise
                found.append(f"{path} {state.st_mtime_ns} {state.st_size}")
            elif name != "__pycache__":
                folders.append(path)
    found.sort()
    # A folder of libraries gets a new time whenever one comes, goes or changes its version.
    found += [f"{path} {times_of(path)}" for path in sys.path if path.endswith("-packages")]
    return digest_of("\n".join(found).encode("utf-8", "surrogateescape"))


def digest_of(data: bytes) -> str:
    """BLAKE2b of 256 bits: nobody can make other bytes that count as these."""
    return blake2b(data, digest_size=_DIGITS // 2).hexdigest()


# -- the kinds of facts ----------------------------------------------------------------------------


def still_stands(kind: str, path: str, found: str) -> bool:
    """Whether a fact is what it was. A page of the store must also be fresh still."""
    if kind != "page":
        return FACTS[kind](path) == found
    fresh_until, _, identity = found.partition(" ")
    times = times_of(path).rpartition(" ")[0]
    if times != identity:
        return False
    from time import time  # noqa: PLC0415 - built in; only pages ask a clock

    return time() < float(fresh_until) <= time() + _LONGEST_FRESH


def bytes_of(path: str) -> str:
    """The digest of a file's bytes, or that there is none."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is heavy
            return digest_of(file.readall())
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    except OSError as error:
        return f"error {error.errno}"


def presence_of(path: str) -> str:
    """Whether something is there, as `Path.exists` has it."""
    return "yes" if os.path.exists(path) else "no"  # noqa: PTH110 - pathlib is heavy


def names_of(path: str) -> str:
    """The digest of a folder's names that are not hidden."""
    try:
        names = sorted(name for name in os.listdir(path) if not name.startswith("."))  # noqa: PTH208 - likewise
    except OSError:
        return digest_of_names(None)
    return digest_of_names(names)


def digest_of_names(names: "Sequence[str] | None") -> str:
    """The digest of sorted names, or that there is no folder."""
    if names is None:
        return "absent"
    return digest_of("\0".join(names).encode("utf-8", "surrogateescape"))


def times_of(path: str) -> str:
    """Modification time, size, number and mode of what a path leads to."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib is heavy
    except OSError:
        return "absent"
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino} {found.st_mode:o}"


FACTS: "dict[str, Callable[[str], str]]" = {
    "bytes": bytes_of,
    "names": names_of,
    "there": presence_of,
    "times": times_of,
}


# -- whom to believe -------------------------------------------------------------------------------


def is_own(state: "os.stat_result") -> bool:
    """Whether a file or folder belongs to this user and is closed to everybody else."""
    return state.st_uid == os.geteuid() and not state.st_mode & 0o077


def _own_bytes(path: str) -> "bytes | None":
    """The bytes of a file that nobody else can have written; None where there is no such file."""
    folder, _, _ = path.rpartition("/")
    if not is_own(os.lstat(folder)):
        return None
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as file:  # noqa: PTH123 - a handle, not a path
        return file.readall() if is_own(os.fstat(handle)) else None
