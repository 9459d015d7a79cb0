"""What building a root asks of the room that runs programs; a workflow brings the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence


class Ended(Protocol):
    """How a program ended."""

    @property
    def status(self) -> int:
        """Its exit status; 128 and the number for a signal."""

    @property
    def output(self) -> str:
        """The end of what it printed."""


class Owners(Protocol):
    """Who should own what, where this machine does not let us give files away."""

    def owner(self, status: os.stat_result, /) -> tuple[int, int]:
        """Whose a file should be."""

    def set_owners(self, owners: Iterable[tuple[str, int, int]], /) -> None:
        """Record the owners of paths."""


class Confinement(Protocol):
    """How programs run in a root here; ``mode`` names the way."""

    @property
    def mode(self) -> str:
        """root, chroot, subids or single."""

    @property
    def owners(self) -> Owners | None:
        """The record of owners, where there must be one."""

    def run(
        self,
        root: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        binds: Sequence[tuple[str, str]] = (),
    ) -> Ended:
        """Run a program in a root, shut off from this machine and its network.

        ``binds`` are folders with the places in the root where they are seen.
        """

    def call(self, function: str, *arguments: str) -> Ended:
        """Call ``module:name`` in a process that is root where it matters.

        The function is given a confinement and the arguments.
        """
