"""Answers that hold in every folder with the same files.

The lock that a manifest leads to, and the way to an environment that this machine has made before,
do not hang on where a project lies: another checkout, or the same one after a clean, has them by a
digest of its manifest and lock. Everything else that the answer followed from is a fact of it, as
for all remembered answers; facts about the project's own files are relative to its folder.

Imports next to nothing, like `lockenv.cli.remembered`.
"""

import os
import sys

from lockenv.cli.remembered import (
    UNKNOWN,
    WISH,
    Answer,
    Question,
    bytes_of,
    digest_of,
    give,
)

#: What decides both answers first; whoever has the same has, most likely, the same answer.
_FILES = ("pyproject.toml", "lockenv.toml", "lockenv.lock")
_LOCK = "lockenv.lock"


def roaming_status(question: Question) -> "int | None":
    """The exit status of a `lock` or `sync` that is known for these files, after doing it."""
    question.roaming = roaming = roaming_question(question)
    if roaming is None:
        return None
    try:
        answer = _known(roaming)
        if answer is None:
            return _wished(roaming)
        if answer.written:
            _replace(f"{roaming.base}/{_LOCK}", answer.written)
        if answer.tree and not _made_again(roaming.base, *answer.tree.split("\n")):
            return None
    except UNKNOWN:
        return None  # whatever it is, the command itself will tell
    return give(answer)


def _known(question: Question) -> "Answer | None":
    try:
        return question.answer()
    except UNKNOWN:
        return None


def _wished(roaming: Question) -> "int | None":
    """The exit status of a bare `sync` of a lock that was made here, after making what it wants."""
    is_quiet = roaming.asked in _QUIET
    if not is_quiet and roaming.asked != ["sync"]:
        return None
    answer = _known(wish_question(roaming))
    if answer is None:
        return None
    from lockenv.workflows.joined import make_joined  # noqa: PLC0415 - start-up

    base = roaming.base
    if not make_joined(answer.tree, f"{base}/.venv", os.path.basename(base)):  # noqa: PTH119 - pathlib is heavy
        return None
    told = [] if is_quiet else [("err", _painted(*one)) for one in answer.printed]
    return give(Answer(answer.status, told))


_QUIET = (["sync", "-q"], ["-q", "sync"], ["sync", "--quiet"], ["--quiet", "sync"])


def _painted(kind: str, text: str) -> str:
    """A line as `lockenv.cli.output` has it."""
    if kind != "note":
        return text
    colored = not os.environ.get("NO_COLOR") and sys.stderr.isatty()
    return f"\x1b[1;34mnote\x1b[0m: {text}" if colored else f"note: {text}"


def wish_question(roaming: Question) -> Question:
    """What a bare `sync` of the same files in any folder comes to, whoever reads what is said."""
    return Question(
        WISH,
        (),
        roaming.folder,
        place=roaming.place,
        base=roaming.base,
        program=roaming.program,
    )


def roaming_question(question: Question) -> "Question | None":
    """The question as one that every folder with the same files asks; None where none does."""
    asked, base = list(question.asked), os.getcwd()  # noqa: PTH109 - pathlib is heavy
    for option in ("-C", "--directory"):
        while option in asked[:-1]:
            place = asked.index(option)
            base = os.path.normpath(os.path.join(base, asked[place + 1]))  # noqa: PTH118 - likewise
            del asked[place : place + 2]
    if not {"lock", "sync"} & set(asked) or os.environ.get("LOCKENV_VENV"):
        return None
    found = [bytes_of(f"{base}/{name}") for name in _FILES]
    if found[:2] == ["absent", "absent"] or any(one.startswith("error") for one in found):
        return None
    return Question(
        asked,
        (),
        question.folder,
        place=f"files {digest_of(' '.join(found).encode())}",
        base=base,
        program=question.program,
    )


def _made_again(base: str, tree: str, selection: str, pairs: str) -> bool:
    from lockenv.workflows.seen import make_seen  # noqa: PLC0415 - start-up

    root = f"{base}/.venv"
    return make_seen(tree, root, os.path.basename(base), (selection, pairs))  # noqa: PTH119 - pathlib is heavy


def _replace(path: str, text: str) -> None:
    """Replace a file as a whole, as `lockenv.workflows.files` does."""
    temporary = f"{os.path.dirname(path)}/.{os.path.basename(path)}.{os.getpid()}"  # noqa: PTH119, PTH120 - pathlib is heavy
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(handle, "wb", buffering=0) as file:  # noqa: PTH123 - a handle, not a path
            data = memoryview(text.encode("utf-8"))
            while data:
                data = data[file.write(data) :]
            os.fsync(handle)
        if os.path.exists(path):  # noqa: PTH110 - pathlib is heavy
            os.chmod(temporary, os.stat(path).st_mode & 0o777)  # noqa: PTH101, PTH116 - likewise
        os.replace(temporary, path)  # noqa: PTH105 - likewise
    except OSError:
        os.unlink(temporary)  # noqa: PTH108 - likewise
        raise
