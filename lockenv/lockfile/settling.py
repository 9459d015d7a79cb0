"""Three locks to one without asking anybody: where both sides moved a pin, a side that fits.

What both sides changed differently is first sought among what they chose: the newer of both, then
one side's choice for everything. The lock against itself judges each, so that nothing is believed
that does not follow; what cannot be settled so must be resolved again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile.merging import merge
from lockenv.lockfile.self_check import self_check
from lockenv.lockfile.writer import render_lock

if TYPE_CHECKING:
    from lockenv.lockfile.merging import Merged
    from lockenv.model import Lock


def settle(base: Lock, ours: Lock, theirs: Lock) -> Lock | None:
    """A lock with the changes of both sides that contradicts itself in nothing, or None.

    None also where both changed one requirement, since then only the manifest can say which holds.
    """
    for merged in (
        merge(base, ours, theirs, prefer="newer"),
        merge(base, ours, theirs),
        merge(base, theirs, ours),
    ):
        if merged.is_open:
            return None
        if is_coherent(merged):
            return merged.lock
    return None


def is_coherent(merged: Merged) -> bool:
    """Whether the merged lock contradicts itself in nothing."""
    return not self_check(merged.lock, render_lock(merged.lock))
