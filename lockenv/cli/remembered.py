"""Answers that are known already, given before anything heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def remembered_status(arguments: Sequence[str]) -> int | None:
    """The exit status of a command line whose answer is known, after printing it; else None."""
    if list(arguments) == ["--version"]:
        import sys  # noqa: PLC0415 - start-up

        from lockenv import __version__  # noqa: PLC0415 - start-up

        sys.stdout.write(f"lockenv {__version__}\n")
        return 0
    return None
