"""What a command loads and touches: its modules, and the files and folders that it looked into.

    seen = watched(user, "check")
    assert "click" not in seen.modules

A command that becomes another program is seen up to that moment.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.commands import PATIENCE, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.commands import User

#: Runs lockenv as its console script does, and notes modules and audit events (PEP 578).
_WATCH = """
import atexit, os, sys

before = set(sys.modules)
paths = []

def note(event, arguments):
    if event in ("open", "os.listdir", "os.scandir"):
        if isinstance(arguments[0], (str, os.PathLike)):
            paths.append(os.path.abspath(arguments[0]))
    if event == "os.exec":
        write()

def write():
    found = ["module " + name for name in set(sys.modules) - before]
    found += ["path " + path for path in set(paths)]
    with open(os.environ["WATCH_INTO"], "w") as file:
        file.write("\\0".join(found))

atexit.register(write)
sys.addaudithook(note)
sys.argv = ["lockenv", *sys.argv[1:]]
from lockenv.cli.entry import main
main()
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer of a command, the modules that it loaded, the paths that it opened or listed."""

    answer: Answer
    modules: frozenset[str]
    paths: frozenset[str]

    @property
    def is_remembered(self) -> bool:
        """Whether the answer was given before the command line was read."""
        return "lockenv.cli.running" not in self.modules

    def foreign(self, *, allowed: set[str]) -> set[str]:
        """The tops of the modules loaded, without those allowed (whole names count too)."""
        return {
            name
            for name in self.modules
            if name not in allowed and name.split(".")[0] not in allowed
        }


def watched(
    user: User, *words: str, status: int | None = 0, variables: Mapping[str, str] | None = None
) -> Seen:
    """Type a command under watch, and assert its exit status (None: any)."""
    place = user.ground / "watch"
    place.mkdir(exist_ok=True)
    into = place / "seen.txt"
    into.unlink(missing_ok=True)
    script = place / "watch.py"
    script.write_text(_WATCH, encoding="utf-8")
    process = subprocess.run(
        [user.python, str(script), *words],
        cwd=user.folder,
        env=user.environment({**(variables or {}), "WATCH_INTO": str(into)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    answer = Answer(process.returncode, process.stdout, process.stderr)
    if status is not None:
        assert answer.status == status, f"lockenv {' '.join(words)}: {answer.text}"
    assert "Traceback" not in answer.err, answer.err
    noted = [line.partition(" ") for line in into.read_text(encoding="utf-8").split("\0")]
    return Seen(
        answer,
        frozenset(text for kind, _, text in noted if kind == "module"),
        frozenset(text for kind, _, text in noted if kind == "path"),
    )
