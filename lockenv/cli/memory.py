"""Keep an answer beside all that it followed from, for `lockenv.cli.remembered` to give again.

An answer is only kept where it is known to be a function of what was witnessed; a store that
cannot be written costs nothing but the time saved.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.cli.remembered import (
    FORM,
    Answer,
    bytes_of,
    digest_of,
    digest_of_names,
    is_own,
    times_of,
)
from lockenv.cli.roaming import roaming_question, wish_question
from lockenv.settings import config_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.cli.invocation import Invocation
    from lockenv.cli.remembered import Question
    from lockenv.workflows.files import Witness
    from lockenv.workflows.lock import LockOutcome
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.sync import SyncOutcome

#: Questions kept at once; then the older half goes. One costs about two kilobytes.
_MOST = 512
#: An answer longer than this is seldom asked for again.
_LARGEST = 1 << 21

Fact = tuple[str, str, str]


def keep_check(invocation: Invocation, witness: Witness, status: int) -> None:
    """Keep what `check` said of manifest and lock."""
    if invocation.question is None:
        return
    facts = [*_witnessed(witness), *_configured(invocation)]
    if witness.is_torn:
        return
    keep(invocation.question, facts, Answer(status, invocation.output.printed))


def keep_lock(invocation: Invocation, witness: Witness, outcome: LockOutcome) -> None:
    """Keep what `lock` wrote and said, for as long as the pages that decided it are fresh."""
    question = invocation.question.roaming if invocation.question is not None else None
    if question is None or witness.is_torn or outcome.trail is None:
        return
    pages = [
        ("page", path, f"{fresh_until!r} {mtime} {size} {number}")
        for path, fresh_until, mtime, size, number in outcome.trail
    ]
    facts = [*_relative(_witnessed(witness), question.base), *_configured(invocation), *pages]
    text = outcome.text if outcome.is_written else ""
    keep(question, facts, Answer(0, invocation.output.printed, written=text))


def keep_seen(invocation: Invocation, witness: Witness, outcome: SyncOutcome) -> None:
    """Keep how `sync` made an environment, for other folders with the same files."""
    question = invocation.question.roaming if invocation.question is not None else None
    if question is None or witness.is_torn or not outcome.seen:
        return
    executable = outcome.python.executable
    facts = [*_relative(_witnessed(witness), question.base), *_configured(invocation)]
    facts.append(("times", executable, times_of(executable)))
    keep(question, facts, Answer(0, invocation.output.printed, tree=outcome.seen))


def keep_wish(invocation: Invocation, scene: Scene) -> None:
    """Keep what a bare `sync` would make of the lock that stands there now."""
    if invocation.question is None or invocation.question.roaming is None or invocation.config:
        return
    if not (scene.settings.cache_dir / "unpacked").is_dir():
        return  # no wheel was ever unpacked here, so that of this lock some are lacking
    from lockenv.workflows.files import witnessed  # noqa: PLC0415 - start-up
    from lockenv.workflows.wishes import wish_of  # noqa: PLC0415 - start-up

    with witnessed() as witness:
        wish = wish_of(scene)
    roaming = roaming_question(invocation.question)
    if wish is None or witness.is_torn or roaming is None:
        return
    question = wish_question(roaming)
    facts = [*_relative(_witnessed(witness), question.base), *_configured(invocation)]
    facts.append(("times", wish.executable, times_of(wish.executable)))
    said = [("err", f"{line}\n") for line in wish.lines]
    said += [("note", f"{note}\n") for note in wish.notes]
    said.append(("err", f"{wish.summary}\n"))
    keep(question, facts, Answer(0, said, tree=wish.text))


def _relative(facts: list[Fact], base: str) -> list[Fact]:
    """The facts with paths of the project relative to its folder."""
    return [
        (kind, f"@{path.removeprefix(base)}" if f"{path}/".startswith(f"{base}/") else path, found)
        for kind, path, found in facts
    ]


def keep_sync(
    invocation: Invocation, witness: Witness, outcome: SyncOutcome, *, words: tuple[str, ...] = ()
) -> None:
    """Keep that `sync` had nothing to do; with ``words``, that a `run` had nothing to do before."""
    question = invocation.question
    if question is None or witness.is_torn or outcome.asks_host or not outcome.plan.is_empty:
        return
    if question.words != words:
        return
    facts = _current(outcome)
    if not facts:
        return
    facts += [*_witnessed(witness), *_configured(invocation)]
    environment = (str(outcome.root), str(outcome.digest)) if words else None
    keep(question, facts, Answer(0, invocation.output.printed, environment))


def _witnessed(witness: Witness) -> list[Fact]:
    facts = [
        ("bytes", path, "absent" if data is None else digest_of(data))
        for path, data in witness.files.items()
    ]
    facts += [("there", path, "yes" if found else "no") for path, found in witness.places.items()]
    facts += [("names", path, digest_of_names(names)) for path, names in witness.folders.items()]
    return facts


def _configured(invocation: Invocation) -> list[Fact]:
    """The user's configuration.

    It says where bytes come from and can change no answer kept here; but that a file of it cannot
    be read any more is worth saying.
    """
    config = Path(invocation.config).absolute() if invocation.config else None
    files = config_files(os.environ, home=Path.home(), config=config)
    return [("bytes", str(file), bytes_of(str(file))) for file, _ in files]


def _current(outcome: SyncOutcome) -> list[Fact]:
    """The facts by which an environment is known to be untouched; none if it is not so now.

    The state file is read once, and everything that it says must hold: then it does not matter
    what another process did meanwhile.
    """
    from lockenv.materialize import STATE_NAME  # noqa: PLC0415 - start-up: `check` keeps without it

    state = outcome.root / STATE_NAME
    try:
        data = state.read_bytes()
        document = json.loads(data)
        stamps = dict(document["stamps"])
        if document["status"] != "complete" or document["key"] != outcome.key or not stamps:
            return []
    except (OSError, ValueError, TypeError, KeyError):
        return []
    facts = [("bytes", str(state), digest_of(data))]
    for name, stamp in stamps.items():
        path = str(outcome.root / name)
        times = times_of(path)
        if times.split(" ")[:3] != [str(number) for number in stamp]:
            return []
        facts.append(("times", path, times))
    executable = outcome.python.executable
    facts.append(("times", executable, times_of(executable)))
    return facts


def keep(question: Question, facts: Iterable[Fact], answer: Answer) -> None:
    """Write an answer, in one step, where only this user can."""
    root, digest = answer.environment or ("", "")
    listed = sorted(set(facts))
    rest = [
        question.program,
        str(len(listed)),
        *(part for fact in listed for part in fact),
        str(answer.status),
        root,
        digest,
        answer.written,
        answer.tree,
        *(part for pair in answer.printed for part in pair),
    ]
    if any("\0" in part for part in rest) or any(found.startswith("error") for *_, found in listed):
        return
    with suppress(OSError):
        folder = Path(question.folder)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        if not is_own(folder.lstat()):
            return
        # Anew: the folder is part of every question, and it may only stand there since just now.
        key = question.key
        body = "\0".join([FORM, key, *rest]).encode("utf-8", "surrogateescape")
        if len(body) <= _LARGEST:
            _make_room(folder)
            _write(folder / key, digest_of(body).encode() + b"\n" + body)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _make_room(folder: Path) -> None:
    """Let the older half go where there are too many, and what a killed process left."""
    names = os.listdir(folder)  # noqa: PTH208 - names alone are wanted
    if len(names) < _MOST:
        return
    entries = sorted((folder / name for name in names), key=lambda one: one.stat().st_mtime_ns)
    for entry in entries[: len(entries) // 2]:
        entry.unlink(missing_ok=True)
