"""The option ``--format`` of the verbs that click reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def format_option(*forms: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """``--format``, the first form being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        callback=_noted,
    )


def _noted(context: click.Context, _: click.Parameter, form: str) -> str:
    # Whoever prints an error later must know for whom.
    if context.obj is not None:  # it is where a line is only parsed, as tests of documents do
        context.obj.form = form
        context.obj.command = context.info_name or ""
    return form
