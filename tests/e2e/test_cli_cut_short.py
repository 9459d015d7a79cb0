"""Commands cut short between two system calls, or refused one by the system; what they leave.

`strace` stops a command at its n-th change of the disk, or answers that call with an error: no
space left, a disk that fails, no more open files.
LOCKENV_CUTS is the number of such places for a command; the usual few are spread over its length.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.commands import Answer, User, finish
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs Debian's strace"),
]

CUTS = int(os.environ.get("LOCKENV_CUTS", "1"))
#: The calls that need space on a disk (`write` is also how a command prints).
FILLING = "write,pwrite64,link,linkat,mkdir,mkdirat,symlink,symlinkat,copy_file_range,sendfile"
#: All that change one.
CHANGES = (
    f"{FILLING},rename,renameat,renameat2,unlink,unlinkat,rmdir,ftruncate,chmod,fchmod,fchmodat,"
    "utimensat,fsync"
)
#: What the system may say to any of them.
ERRORS = ("EIO", "EDQUOT", "EROFS", "EACCES")


class Plot(NamedTuple):
    """A command and the moment before it.

    ``prepare`` brings a synced project there. ``again`` are the statuses with which the same
    command may end where it has done its work already; ``want`` is what is asked afterwards.
    ``before`` is another command, given each time: what it remembers does not survive a copy.
    """

    words: tuple[str, ...]
    prepare: Callable[[User, IndexServer], None]
    again: tuple[int, ...] = (0,)
    want: tuple[str, ...] = ("app<2",)
    before: tuple[str, ...] = ()


def _nothing(user: User, index: IndexServer) -> None:
    del user, index


def _moved(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["app>=2"]))


def _locked(user: User, index: IndexServer) -> None:
    _moved(user, index)
    user.lockenv("lock")


def _known(user: User, index: IndexServer) -> None:
    """All wheels of a lock in the store, and its environment nowhere."""
    _locked(user, index)
    user.lockenv("sync")
    shutil.rmtree(user.venv)
    subprocess.run(["rm", "-rf", user.ground / "data" / "lockenv" / "trees"], check=True)


def _seen(user: User, index: IndexServer) -> None:
    """Asked for the second time where no environment is, with folders to share."""
    _large(user, index)
    shutil.rmtree(user.venv)


def _large(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["app<2", "large==1"]))
    user.lockenv("lock")
    user.lockenv("sync")


def _sharing(user: User, index: IndexServer) -> None:
    """An environment that leads into a tree, and a lock that changes what is shared."""
    for _ in range(2):
        _seen(user, index)
        user.lockenv("sync")
    user.write("pyproject.toml", pyproject(index, dependencies=["app<2", "large==2"]))
    user.lockenv("lock")


def _unused(user: User, index: IndexServer) -> None:
    """Wheels in the store that nothing uses any more, and a tree."""
    _sharing(user, index)
    user.lockenv("sync")


def _wished(user: User, index: IndexServer) -> None:
    del index
    user.write("wish.txt", "more\n")


def _merging(user: User, index: IndexServer) -> None:
    shutil.copy(user.lock_path, user.folder / "base.lock")
    _moved(user, index)
    user.lockenv("lock")
    shutil.copy(user.lock_path, user.folder / "theirs.lock")
    shutil.copy(user.folder / "base.lock", user.lock_path)


PLOTS = {
    "lock": Plot(("lock",), _moved, want=("app>=2",)),
    "sync": Plot(("sync",), _locked, want=("app>=2",)),
    "parts": Plot(("sync",), _known, want=("app>=2",), before=("lock",)),
    "tree": Plot(("sync",), _seen, want=("app<2", "large==1")),
    "own": Plot(("sync",), _sharing, want=("app<2", "large==2")),
    "prune": Plot(("cache", "prune", "--all"), _unused, want=("app<2", "large==2")),
    "add": Plot(("add", "more"), _nothing, want=("app<2", "more")),
    "remove": Plot(("remove", "app"), _nothing, (0, 2), want=()),
    "import": Plot(("import", "wish.txt"), _wished, want=("app<2", "more")),
    "export": Plot(("export", "requirements", "-o", "out.txt"), _nothing),
    "fetch": Plot(("fetch", "--output", "bundle"), _nothing),
    "merge": Plot(
        ("merge-driver", "base.lock", "lockenv.lock", "theirs.lock", "lockenv.lock"),
        _merging,
        want=("app>=2",),
    ),
}
#: Those that are tried without LOCKENV_CUTS; the others take as long and rarely change.
USUAL = ("lock", "sync", "parts", "tree")


class Story:
    """A plot, told up to the moment before its command."""

    def __init__(self, folder: Path, index: IndexServer, plot: Plot) -> None:
        self.user = User(folder / "ground")
        self._before = folder / "before"
        self._plot = plot
        self.words = plot.words
        self._index = index
        self.user.write("pyproject.toml", pyproject(index, dependencies=["app<2"]))
        self.user.lockenv("lock")
        self.user.lockenv("sync")
        plot.prepare(self.user, index)
        # With hard links between store and environment as they are, which a copy would undo.
        subprocess.run(["cp", "-a", self.user.ground, self._before], check=True)
        former = self.user.read("lockenv.lock")
        for _ in range(2):  # the first one may write byte code of our own
            self.again()
            self.cut("")
        self.locks = {former, self.user.read("lockenv.lock")}
        calls = (self.user.folder / "calls").read_text(encoding="utf-8", errors="replace")
        # A line begins with the thread and the call: `4711 write(1, …`.
        made = re.findall(r"^(\d+) +(\w+)\(", calls, re.MULTILINE)
        main = Counter(name for thread, name in made if thread == made[0][0] and name != "flock")
        #: Where to stop: a call, and the how manieth of it. Strace counts for each thread, and what
        #: the main thread does is the same every time.
        self.places = [(name, one + 1) for name in sorted(main) for one in range(main[name])]

    def place(self, number: int) -> tuple[str, int]:
        """One of the places, spread over all of them."""
        return self.places[number * len(self.places) // CUTS]

    def again(self) -> None:
        """Go back to the moment before the command."""
        subprocess.run(["rm", "-rf", self.user.ground], check=True)  # read-only folders too
        subprocess.run(["cp", "-a", self._before, self.user.ground], check=True)
        if self._plot.before:
            self.user.lockenv(*self._plot.before)

    def cut(self, how: str) -> Answer:
        """Run the command under a rule of strace's."""
        strace = ["strace", "-f", "-qq", "-o", "calls", "-e", f"trace={CHANGES},flock"]
        rule = ["-e", f"inject={how}"] if how else []
        process = subprocess.Popen(
            [*strace, *rule, self.user.python, "-m", "lockenv", *self._plot.words],
            cwd=self.user.folder,
            env=self.user.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return finish(process)

    def is_mended(self) -> None:
        """What stands is whole, and the same command once more ends as it would have."""
        assert self.user.read("lockenv.lock") in self.locks
        answer = self.user.lockenv(*self._plot.words, status=None)
        assert answer.status in self._plot.again, answer.text
        wanted = pyproject(self._index, dependencies=self._plot.want)
        if self._plot.words[0] in {"import", "merge-driver"}:
            self.user.write("pyproject.toml", wanted)
        self.user.lockenv("lock")
        self.user.lockenv("sync")
        self.user.lockenv("check", "--lock")
        self.user.lockenv("check", "--env")
        self.user.lockenv("cache", "verify")
        assert self.user.versions() == _versions(self._plot.want)
        left = [one.name for one in self.user.folder.iterdir() if one.name.startswith(".pyproject")]
        assert len(left) <= 1, left


def _versions(wanted: tuple[str, ...]) -> dict[str, str]:
    every: dict[str, dict[str, str]] = {
        "app<2": {"app": "1.0", "lib": "1.0"},
        "app>=2": {"app": "2.0", "lib": "1.0", "more": "1.0"},
        "more": {"more": "1.0"},
        "large==1": {"large": "1.0"},
        "large==2": {"large": "2.0"},
    }
    found: dict[str, str] = {}
    for one in wanted:
        found |= every[one]
    return found


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    """Two versions of an application, a library of many files, and a package of more."""
    many = {f"lib/part{number}.py": f"N = {number}\n" for number in range(40)}
    large = {f"large/part{number}.py": f"N = {number}\n" for number in range(2000)}
    with serve_index() as server:
        server.publish(
            wheel("lib", "1.0", files={**many, "lib/__init__.py": ""}),
            wheel("app", "1.0", requires=["lib"], scripts={"app": "app:main"}),
            wheel("app", "2.0", requires=["lib", "more"], scripts={"app": "app:main"}),
            wheel("more", "1.0", padding=200_000),
            wheel("large", "1.0", files={**large, "large/__init__.py": "V = 1\n"}),
            wheel("large", "2.0", files={**large, "large/__init__.py": "V = 2\n"}),
        )
        yield server


@pytest.fixture(scope="module", params=PLOTS if "LOCKENV_CUTS" in os.environ else USUAL)
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, index: IndexServer
) -> Story:
    """The story of one command."""
    return Story(tmp_path_factory.mktemp(request.param), index, PLOTS[request.param])


@pytest.mark.parametrize("place", range(CUTS))
def test_a_command_that_is_killed_leaves_what_the_next_one_mends(story: Story, place: int) -> None:
    story.again()
    name, number = story.place(place)

    answer = story.cut(f"{name}:signal=KILL:when={number}")

    assert answer.status != 0, "it was to be killed"
    story.is_mended()


@pytest.mark.parametrize("place", range(CUTS))
def test_a_command_on_a_full_disk_says_so_and_leaves_all_whole(story: Story, place: int) -> None:
    story.again()

    answer = story.cut(f"{FILLING}:error=ENOSPC:when={place + 1}+")

    assert answer.status != 70, answer.text
    assert "Traceback" not in answer.err, answer.err
    story.is_mended()


@pytest.mark.parametrize("place", range(CUTS))
def test_a_call_that_the_system_refuses_is_told_and_nothing_broken(
    story: Story, place: int
) -> None:
    story.again()
    name, number = story.place(place)

    answer = story.cut(f"{name}:error={ERRORS[place % len(ERRORS)]}:when={number}")

    assert answer.status != 70, answer.text
    assert "Traceback" not in answer.err, answer.err
    story.is_mended()


def test_a_disk_without_locks_serves_commands_and_keeps_its_store(story: Story) -> None:
    story.again()

    answer = story.cut("flock:error=ENOLCK")

    # Who prunes must know that nobody uses the store.
    assert answer.status == (6 if "prune" in story.words else 0), answer.text
    story.is_mended()
