"""Edits of a manifest's text that leave comments, order and format as they are."""

from __future__ import annotations

from lockenv.manifest.where import HERE, Where


def add_requirement(text: str, file: str, requirement: str, where: Where = HERE) -> str:
    """The manifest with the requirement in its place.

    It replaces the one of the same name; else it goes to its sorted place if the list is sorted,
    and to the end if not. Raises `InputError` for what is no requirement, and for a place that
    another tool fills.
    """
    from lockenv.manifest import editing  # noqa: PLC0415 - tomlkit is slow to start

    return editing.add_requirement(text, file, requirement, where)


def remove_requirement(text: str, file: str, name: str, where: Where = HERE) -> str:
    """The manifest without any requirement of that name in that place.

    Raises `InputError` where there is none; its fix is the option that would have found it.
    """
    from lockenv.manifest import editing  # noqa: PLC0415 - tomlkit is slow to start

    return editing.remove_requirement(text, file, name, where)


def set_sdist_policy(text: str, file: str, name: str, word: str = "locked-build") -> str:
    """The manifest with builds of a package allowed (``allow``, ``locked-build``) or denied."""
    from lockenv.manifest import editing  # noqa: PLC0415 - tomlkit is slow to start

    return editing.set_sdist_policy(text, file, name, word)
