"""What a person at a real terminal sees: progress that moves, and goes away."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.index_server import Fault
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.commands import User
    from tests.support.index_server import IndexServer

WIDTH = 60


class Terminal:
    """A terminal of 60 columns in which commands are typed."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._socket = str(user.ground / "tmux")
        words = ["new-session", "-d", "-x", str(WIDTH), "-y", "30", "env -i PS1='$ ' sh"]
        self.tmux("-f", "/dev/null", *words)

    def tmux(self, *words: str) -> str:
        """Ask the terminal's server."""
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    def type(self, *words: str) -> None:
        """Type a command of lockenv and press Enter."""
        environment = [f"{key}={value}" for key, value in self._user.environment().items()]
        script = self._user.ground / "typed.sh"
        command = ["env", *environment, "TERM=screen", self._user.python, "-m", "lockenv", *words]
        line = f"cd {shlex.quote(str(self._user.folder))}\n{shlex.join(command)}\necho END=$?\n"
        script.write_text(line, encoding="utf-8")
        self.tmux("send-keys", f". {script}", "Enter")

    def screen(self) -> str:
        """What stands on the screen."""
        return self.tmux("capture-pane", "-p")

    def shows(self, text: str, patience: float = 60) -> str:
        """Wait until the screen shows a text; the screen."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            screen = self.screen()
            if text in screen:
                return screen
            time.sleep(0.05)
        message = f"{text!r} was never shown:\n{self.screen()}"
        raise AssertionError(message)


@pytest.fixture
def terminal(user: User) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    terminal = Terminal(user)
    yield terminal
    terminal.tmux("kill-server")


def test_progress_is_one_line_that_moves_and_goes_away(
    user: User, index: IndexServer, terminal: Terminal
) -> None:
    index.publish(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0"))
    index.faults["/simple/lib/"] = [Fault(delay=4)]
    user.write("pyproject.toml", pyproject(index, dependencies=["app"]))
    terminal.type("lock")

    during = terminal.shows("Resolving")
    after = terminal.shows("END=0")

    assert sum("Resolving" in line for line in during.splitlines()) == 1
    assert "Resolving" not in after
    assert "lockenv.lock written" in after
    assert max(map(len, during.splitlines())) <= WIDTH


def test_an_interrupt_at_the_terminal_leaves_a_clean_line(
    user: User, index: IndexServer, terminal: Terminal
) -> None:
    index.publish(wheel("lib", "1.0"))
    index.faults["/simple/lib/"] = [Fault(delay=5, lasting=True)]
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    terminal.type("lock")
    terminal.shows("Resolving")

    terminal.tmux("send-keys", "C-c")

    after = terminal.shows("END=130")
    assert "interrupted" in after
    assert "Resolving" not in after
    assert "Traceback" not in after


def test_where_nobody_watches_nothing_moves(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"))
    index.faults["/simple/lib/"] = [Fault(delay=1)]
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))

    answer = user.lockenv("lock")

    assert "\r" not in answer.err
    assert "\x1b" not in answer.err + answer.out
