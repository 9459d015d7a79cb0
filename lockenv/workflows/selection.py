"""What a command line says about target, groups and extras (contract 4)."""

from __future__ import annotations

from lockenv.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSelection:
    """What a command line says about the selection; all empty where it says nothing.

    ``exact`` is for declared selections: what is named is all, without the target's defaults.
    """

    target: str | None = None
    groups: tuple[str, ...] = ()
    only_groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    all_groups: bool = False
    all_extras: bool = False
    exact: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether nothing but perhaps the target was named."""
        return not (
            self.groups
            or self.only_groups
            or self.no_groups
            or self.extras
            or self.all_groups
            or self.all_extras
            or self.exact
        )


#: Nothing was said.
SILENT_SELECTION = AskedSelection()
