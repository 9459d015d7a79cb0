"""The lock as text: reading, canonical writing, staleness, self-check, digests, diff and merge."""

from lockenv.lockfile.conflict import has_markers, split_markers
from lockenv.lockfile.order import canonical
from lockenv.lockfile.reader import Inspection, decode_lock, inspect_lock, parse_lock
from lockenv.lockfile.targets import named_target, target_of
from lockenv.lockfile.writer import is_writable, render_lock

__all__ = [
    "Inspection",
    "canonical",
    "decode_lock",
    "has_markers",
    "inspect_lock",
    "is_writable",
    "named_target",
    "parse_lock",
    "render_lock",
    "split_markers",
    "target_of",
]
