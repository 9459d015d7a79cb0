"""What `sync` says of a target's CUDA; nothing heavy is loaded where a target has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.materialize import read_installed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lockenv.fetch import StoreFetcher
    from lockenv.lockfile import Selection
    from lockenv.materialize import Plan, Unpacked
    from lockenv.model import Digest, Lock, LockedTarget


def touches_cuda(lock: Lock, target: LockedTarget) -> bool:
    """Whether the lock says anything of CUDA for a target: its facts, or that it is refused."""
    return target.cuda is not None or "cuda refuse yes" in lock.request.get(target.name, ())


def later_notes(
    lock: Lock,
    selection: Selection,
    unpacked: Callable[[Digest], Unpacked | None],
    fetcher: StoreFetcher,
) -> list[str]:
    """What wheels turn out to hold against what was locked (LE705); `DriftError` by the policy."""
    if not touches_cuda(lock, selection.target):
        return []
    from lockenv.workflows.syncing.cuda_later import refuse_contradictions  # noqa: PLC0415 - start-up

    return refuse_contradictions(lock, selection, unpacked, fetcher)


def loading_notes(selection: Selection, root: Path, todo: Plan) -> list[str]:
    """What of new CUDA libraries does not load."""
    if selection.target.cuda is None or not todo.wheels:
        return []
    from lockenv.workflows.cuda_check import unloadable_notes  # noqa: PLC0415 - start-up

    return unloadable_notes(root / read_installed(root).site_packages, selection.target)
