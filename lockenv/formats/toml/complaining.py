"""A fault of a document as an error with file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.fields import render_path

if TYPE_CHECKING:
    from lockenv.fields import Fault


def fault_at(fault: Fault, file: str, line: int | None) -> InputError:
    """The error that tells a person about the fault, where it stands and what to write."""
    place = file if line is None else f"{file}:{line}"
    fix = fault.fix or f"correct {render_path(fault.path) or 'this'} in {place}"
    return InputError(fault.slug, f"{place}: {fault.message}", fix=fix)
