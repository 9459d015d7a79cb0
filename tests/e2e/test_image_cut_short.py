"""`image` cut short between two system calls, or refused one by the system; what it leaves.

As tests/e2e/test_cli_cut_short.py does for other commands. Most of the work is done by threads and
by processes that are shut into a root: strace counts the calls of each for itself, so a cut at the
n-th call meets whichever comes to its n-th first.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from lockenv.sandbox import abilities
from tests.e2e.test_cli_cut_short import CHANGES, CUTS, ERRORS, FILLING
from tests.support.commands import Answer, finish
from tests.support.debs import can_make_host_base
from tests.support.image_world import image_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.image_world import World

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs Debian's strace"),
    pytest.mark.skipif(
        not any(one.works for one in abilities()), reason="needs root or user namespaces"
    ),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
]
#: Without a store of layers, so that everything is made.
WORDS = ("image", "--output", "layout")


class Cutting:
    """A world up to the moment before `image`, and the places where it can be cut."""

    def __init__(self, world: World) -> None:
        self.user = world.user
        self.good = self.user.lockenv("image").out
        self.again()
        self.cut("")
        calls = (self.user.folder / "calls").read_text(encoding="utf-8", errors="replace")
        made = Counter(re.findall(r"^(\d+) +(\w+)\(", calls, re.MULTILINE))
        longest: dict[str, int] = {}
        for (_, name), count in made.items():
            longest[name] = max(longest.get(name, 0), count)
        #: A call, and the how manieth of it.
        self.places = [(name, one + 1) for name in sorted(longest) for one in range(longest[name])]

    def place(self, number: int) -> tuple[str, int]:
        """One of the places, spread over all of them."""
        return self.places[(2 * number + 1) * len(self.places) // (2 * CUTS)]

    def again(self) -> None:
        """Go back to the moment before the command."""
        for place in (self.user.cache / "image", self.user.folder / "layout"):
            subprocess.run(["rm", "-rf", place], check=True)

    def cut(self, how: str) -> Answer:
        """Build under a rule of strace's."""
        strace = ["strace", "-f", "-qq", "-o", "calls", "-e", f"trace={CHANGES}"]
        rule = ["-e", f"inject={how}"] if how else []
        process = subprocess.Popen(
            [*strace, *rule, self.user.python, "-m", "lockenv", *WORDS],
            cwd=self.user.folder,
            env=self.user.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return finish(process)

    def is_mended(self) -> None:
        """What stands is whole, and the same command once more makes the same image."""
        layout = self.user.folder / "layout"
        if layout.exists():
            self._is_whole()
        answer = self.user.lockenv(*WORDS)
        assert answer.out == self.good
        self._is_whole()
        self.user.lockenv("cache", "verify")
        left = [one.name for one in self.user.folder.iterdir() if one.name.endswith(".part")]
        assert len(left) <= 1, left
        self.user.lockenv("cache", "prune")

    def _is_whole(self) -> None:
        for blob in (self.user.folder / "layout" / "blobs" / "sha256").iterdir():
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name


@pytest.fixture(scope="module")
def cutting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cutting]:
    with image_world(tmp_path_factory.mktemp("cut")) as world:
        yield Cutting(world)


@pytest.mark.parametrize("place", range(CUTS))
def test_an_image_that_is_killed_is_made_by_the_next_one(cutting: Cutting, place: int) -> None:
    cutting.again()
    name, number = cutting.place(place)

    answer = cutting.cut(f"{name}:signal=KILL:when={number}")

    assert answer.status != 0, "it was to be killed"
    cutting.is_mended()


@pytest.mark.parametrize("place", range(CUTS))
def test_an_image_on_a_full_disk_says_so_and_leaves_all_whole(cutting: Cutting, place: int) -> None:
    cutting.again()

    answer = cutting.cut(f"{FILLING}:error=ENOSPC:when={place * 7 + 1}+")

    assert answer.status != 70, answer.text
    assert "Traceback" not in answer.err, answer.err
    cutting.is_mended()


@pytest.mark.parametrize("place", range(CUTS))
def test_a_call_that_is_refused_while_an_image_is_made_is_told(
    cutting: Cutting, place: int
) -> None:
    cutting.again()
    name, number = cutting.place(place)

    answer = cutting.cut(f"{name}:error={ERRORS[place % len(ERRORS)]}:when={number}")

    assert answer.status != 70, answer.text
    assert "Traceback" not in answer.err, answer.err
    cutting.is_mended()
