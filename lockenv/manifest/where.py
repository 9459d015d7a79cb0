"""The list that an edit of a manifest is about."""

from __future__ import annotations

from lockenv.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The list that an edit is about: the project's dependencies unless something is set.

    ``system`` with ``target`` means the packages that the target adds to ``[system]``.
    """

    group: str | None = None
    extra: str | None = None
    target: str | None = None
    system: bool = False


#: ``[project]``'s or ``lockenv.toml``'s own dependencies.
HERE = Where()
