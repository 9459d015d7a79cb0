"""Commands cut short between two system calls, or refused one by a full disk; what they leave.

`strace` stops a command at its n-th change of the disk, or answers that call with "no space left".
LOCKENV_CUTS is the number of such places for a command; the usual few are spread over its length.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Answer, User, finish
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs Debian's strace"),
]

CUTS = int(os.environ.get("LOCKENV_CUTS", "2"))
#: The calls that need space on a disk (`write` is also how a command prints).
FILLING = "write,pwrite64,link,linkat,mkdir,mkdirat,symlink,symlinkat,copy_file_range,sendfile"
#: All that change one.
CHANGES = (
    f"{FILLING},rename,renameat,renameat2,unlink,unlinkat,rmdir,ftruncate,chmod,fchmod,fchmodat,"
    "utimensat,fsync"
)


class Story:
    """A project whose lock is about to move, or whose environment is about to follow its lock."""

    def __init__(self, folder: Path, index: IndexServer, command: str) -> None:
        self.user = User(folder / "ground")
        self._before = folder / "before"
        self._command = command
        self.user.write("pyproject.toml", pyproject(index, dependencies=["app<2"]))
        self.user.lockenv("lock")
        self.user.lockenv("sync")
        former = self.user.read("lockenv.lock")
        self.user.write("pyproject.toml", pyproject(index, dependencies=["app>=2"]))
        if command == "sync":
            self.user.lockenv("lock")
        self._keep()
        for _ in range(2):  # the first one may write byte code of our own
            self.again()
            self.cut("")
        self.locks = {former, self.user.read("lockenv.lock")}
        calls = (self.user.folder / "calls").read_text(encoding="utf-8", errors="replace")
        # A line begins with the thread and the call: `4711 write(1, …`.
        made = re.findall(r"^(\d+) +(\w+)\(", calls, re.MULTILINE)
        main = Counter(name for thread, name in made if thread == made[0][0])
        #: Where to stop: a call, and the how manieth of it. Strace counts for each thread, and what
        #: the main thread does is the same every time.
        self.places = [(name, one + 1) for name in sorted(main) for one in range(main[name])]

    def _keep(self) -> None:
        # With hard links between store and environment as they are, which a copy would undo.
        subprocess.run(["cp", "-a", self.user.ground, self._before], check=True)

    def again(self) -> None:
        """Go back to the moment before the command."""
        shutil.rmtree(self.user.ground)
        subprocess.run(["cp", "-a", self._before, self.user.ground], check=True)

    def cut(self, how: str) -> Answer:
        """Run the command under a rule of strace's."""
        strace = ["strace", "-f", "-qq", "-o", "calls", "-e", f"trace={CHANGES}"]
        rule = ["-e", f"inject={how}"] if how else []
        process = subprocess.Popen(
            [*strace, *rule, self.user.python, "-m", "lockenv", self._command],
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
        self.user.lockenv(self._command)
        self.user.lockenv("sync")
        self.user.lockenv("check", "--env")
        self.user.lockenv("cache", "verify")
        assert self.user.versions() == {"app": "2.0", "lib": "1.0", "more": "1.0"}


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    """Two versions of an application, and a library of many files."""
    many = {f"lib/part{number}.py": f"N = {number}\n" for number in range(40)}
    with serve_index() as server:
        server.publish(
            wheel("lib", "1.0", files={**many, "lib/__init__.py": ""}),
            wheel("app", "1.0", requires=["lib"], scripts={"app": "app:main"}),
            wheel("app", "2.0", requires=["lib", "more"], scripts={"app": "app:main"}),
            wheel("more", "1.0", padding=200_000),
        )
        yield server


@pytest.fixture(scope="module", params=["lock", "sync"])
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, index: IndexServer
) -> Story:
    """The story of one command."""
    return Story(tmp_path_factory.mktemp(request.param), index, request.param)


@pytest.mark.parametrize("place", range(CUTS))
def test_a_command_that_is_killed_leaves_what_the_next_one_mends(story: Story, place: int) -> None:
    story.again()
    name, number = story.places[place * len(story.places) // CUTS]

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
