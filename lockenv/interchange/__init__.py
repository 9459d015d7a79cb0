"""Other tools' files: pure functions from a lock to their text."""

from lockenv.interchange.pylock import is_pylock_name, render_pylock
from lockenv.interchange.requirements import render_requirements

__all__ = ["is_pylock_name", "render_pylock", "render_requirements"]
