"""Regular expressions that are compiled when they are first used.

A module that reads outside text has a dozen of them, and a command uses three: compiling the others
was a twentieth of every start. What comes out is used as `re.Pattern` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

    def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
        """The pattern; an error in it is raised when it is first used."""

else:

    class pattern:  # noqa: N801 - used as `re.compile` is
        """Stands for the compiled pattern, and takes over its methods with the first use."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self.pattern = text
            self._flags = flags

        def __getattr__(self, name: str) -> object:
            import re  # noqa: PLC0415 - start-up: a pattern that nobody uses needs it not

            found = getattr(re.compile(self.pattern, self._flags), name)
            setattr(self, name, found)
            return found
