"""Taking files out of an environment so that they can be put back until all has gone well."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from lockenv.materialize.state import STATE_NAME

if TYPE_CHECKING:
    from lockenv.materialize.tree import FolderTree

#: Where files wait that are to go. After a kill the next change throws them away: whatever they
#: belonged to is installed anew by then, or no longer wanted.
ATTIC = ".lockenv-old"


class Undo:
    """Remembers what a change did to an environment; either `undo` or `done` ends it.

    The state file is copied beforehand: putting it back then needs no space, on a disk that may
    just have run full.
    """

    def __init__(self, tree: FolderTree) -> None:
        self._tree = tree
        self._attic = f"{tree.root}/{ATTIC}"
        self._state = f"{tree.root}/{STATE_NAME}"
        self._moved: list[str] = []
        self.done()
        try:
            os.mkdir(self._attic)  # noqa: PTH102 - strings, as in tree
            if os.path.exists(self._state):  # noqa: PTH110 - strings, as in tree
                shutil.copyfile(self._state, f"{self._attic}/state")
        except BaseException:
            self.done()
            raise

    def take(self, place: str) -> None:
        """Take away what is at an absolute path; nothing happens if there is none."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.rename(place, f"{self._attic}/{len(self._moved)}")  # noqa: PTH104 - strings, as in tree
            self._moved.append(place)

    def take_folder(self, place: str) -> bool:
        """Take away an empty folder; whether it was one.

        It is moved and not removed, since making it again would need space.
        """
        try:
            if os.listdir(place):  # noqa: PTH208 - strings, as in tree
                return False
        except OSError:
            return False
        self.take(place)
        return True

    def undo(self) -> None:
        """Put everything back as well as it goes; never fails."""
        for place in reversed(self._tree.written):
            with contextlib.suppress(OSError):
                os.unlink(place)  # noqa: PTH108 - strings, as in tree
        for place in reversed(self._tree.made):
            with contextlib.suppress(OSError):
                os.rmdir(place)  # noqa: PTH106 - likewise
        for number, place in reversed(list(enumerate(self._moved))):
            with contextlib.suppress(OSError):
                os.rename(f"{self._attic}/{number}", place)  # noqa: PTH104 - likewise
        try:
            os.replace(f"{self._attic}/state", self._state)  # noqa: PTH105 - likewise
        except FileNotFoundError:
            with contextlib.suppress(OSError):
                os.unlink(self._state)  # noqa: PTH108 - likewise
        except OSError:  # it says "in progress" then, and the next change looks after it
            return
        self.done()

    def done(self) -> None:
        """Throw away what was taken out."""
        try:
            os.rmdir(self._attic)  # noqa: PTH106 - likewise; empty in most cases
        except FileNotFoundError:
            return
        except OSError:
            shutil.rmtree(self._attic, ignore_errors=True)
