"""Random histories of two branches: git merges them with our driver to a lock that check accepts.

``LOCKENV_HISTORIES=200 pytest tests/property/test_merge_histories.py`` tries so many.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

HISTORIES = int(os.environ.get("LOCKENV_HISTORIES", "3"))
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
#: A marker that never holds: a line for git that asks for nothing.
NEVER = "python_version < '2'"


class Branching:
    """A project in git whose manifest has one dependency a line, and what chance does to it."""

    def __init__(self, user: User, index: IndexServer, seed: int) -> None:
        self.user = user
        self.index = index
        self.chance = random.Random(seed)  # noqa: S311 - a history, not a secret
        self.asked: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        bin_folder = user.ground / "bin"
        bin_folder.mkdir()
        tool = bin_folder / "lockenv"
        tool.write_text(f'#!/bin/sh\nexec {shlex.quote(user.python)} -m lockenv "$@"\n')
        tool.chmod(0o755)
        path = f"{bin_folder}{os.pathsep}{user.environment()['PATH']}"
        user.variables |= {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}
        user.variables |= {
            f"GIT_{who}_{key}": "a@b.example"
            for who in ("AUTHOR", "COMMITTER")
            for key in ("NAME", "EMAIL")
        }

    def git(self, *words: str, status: int | None = 0) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=self.user.folder,
            env=self.user.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def release(self, count: int) -> None:
        """Publish versions that ask for one another, never in a way that nothing can answer."""
        for _ in range(count):
            name = self.chance.choice(NAMES)
            number = 1 + sum(key.startswith(f"{name}-") for key in self.index.published)
            others = self.chance.sample([one for one in NAMES if one != name], 2)
            requires = [f"{one}{self.chance.choice(['', '>=1', '<3', ''])}" for one in others]
            self.index.publish(
                wheel(name, f"{number}.0", requires=requires[: self.chance.randrange(3)])
            )
        now = self.index.published
        for name in NAMES:
            if not any(key.startswith(f"{name}-") for key in now):
                self.index.publish(wheel(name, "1.0"))

    def write(self) -> None:
        lines = "".join(f"    {json.dumps(line)},\n" for line in self._lines())
        text = pyproject(self.index, dependencies=[])
        text = text.replace("dependencies = []", f"dependencies = [\n{lines}]")
        self.user.write("pyproject.toml", text)

    def _lines(self) -> list[str]:
        # Far enough apart that git merges the manifest where the sides touch different names.
        found = []
        for name in NAMES:
            absent = f"{name}; {NEVER}"
            found.append(f"{name}{self.asked[name]}" if name in self.asked else absent)
            found += [f"{name}-{number}; {NEVER}" for number in range(3)]
        return found

    def edit(self) -> None:
        name = self.chance.choice(NAMES)
        deed = self.chance.choice(["add", "add", "drop", "bound", "upgrade", "release"])
        words: list[str] = []
        if deed == "drop":
            self.asked.pop(name, None)
        elif deed == "bound":
            self.asked[name] = self.chance.choice([">=1", "<3", "!=2", "<2"])
        elif deed == "add":
            self.asked.setdefault(name, "")
        elif deed == "release":
            self.release(3)
            words = ["--upgrade"]
        self.write()
        if deed == "upgrade" and f'name = "{name}"' in self.user.read("lockenv.lock"):
            words = ["-P", name]
        if self.user.lockenv("lock", *words, status=None).status:
            self.git("checkout", "-q", "--", ".")
            self.asked = self.kept
        self.kept = dict(self.asked)
        self.git("commit", "-qam", deed, status=None)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_two_branches_merge_to_a_lock_that_check_accepts(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    with serve_index() as index:
        index.headers["cache-control"] = "no-cache"
        story = Branching(User(tmp_path_factory.mktemp("user")), index, seed)
        user = story.user
        story.git("init", "-q", "-b", "main")
        user.lockenv("doctor", "--install-merge-driver")
        story.release(8)
        story.asked = {story.chance.choice(NAMES): "", story.chance.choice(NAMES): ""}
        story.kept = dict(story.asked)
        story.write()
        user.lockenv("lock")
        story.git("add", "-A")
        story.git("commit", "-qm", "base")
        story.git("branch", "theirs")
        base = dict(story.asked)
        for _ in range(1 + story.chance.randrange(2)):
            story.edit()
        story.git("checkout", "-q", "theirs")
        story.asked, story.kept = dict(base), dict(base)
        story.release(2)
        for _ in range(1 + story.chance.randrange(2)):
            story.edit()
        story.git("checkout", "-q", "main")

        said = story.git("merge", "-q", "theirs", "-m", "merge", status=None)

        names = story.git("diff", "--name-only", "--diff-filter=U")
        if "LOCKENV_HISTORIES" in os.environ:
            print(seed, said, names)  # noqa: T201 - for whoever runs many by hand
        if "pyproject.toml" in names:
            story.git("checkout", "--theirs", "pyproject.toml")
        if names:
            locked = user.lockenv("lock", status=None)
            assert locked.status in {0, 3}, locked.text + said
            if locked.status == 3:
                return
        user.lockenv("check")
        again = user.lockenv("lock")
        assert again.out == "", said + again.text
