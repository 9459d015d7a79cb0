"""Byte code that stands in for what nobody has compiled yet (PEP 552).

CPython compiles a module anew where its ``.pyc`` does not fit, and keeps the form that it found: in
the place of one with a hash that does not fit it writes one with the hash that does, checked
against the source whenever it is imported. So it is enough to lay a first one for each module.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

#: PEP 552: bit 0 says that a hash follows, bit 1 that it is to be checked; then the hash. What is
#: run where somebody switches the check off (``--check-hash-based-pycs never``) is the source.
_QUESTION = """
import importlib.util, marshal, sys
source = "exec(compile(__spec__.loader.get_data(__file__), __file__, 'exec', 0, True))"
code = compile(source, "<lockenv>", "exec")
body = importlib.util.MAGIC_NUMBER + (3).to_bytes(4, "little") + bytes(8) + marshal.dumps(code)
print(sys.implementation.cache_tag, body.hex())
"""
_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class FirstByteCode:
    """The word in the names of an interpreter's ``.pyc`` files, and what to lay there first."""

    tag: str
    content: bytes


def first_byte_code(executable: Path) -> FirstByteCode | None:
    """What an interpreter would replace by its own; None where it cannot be asked."""
    try:
        answer = subprocess.run(
            [str(executable), "-I", "-S", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.decode("ascii", "replace").split()
    if answer.returncode or len(words) != 2 or "/" in words[0]:
        return None
    try:
        return FirstByteCode(words[0], bytes.fromhex(words[1]))
    except ValueError:
        return None
