"""Makes the tool's own environment, for `demo.py` and `test.py`. Needs Python with venv only."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tool_python(*groups: str) -> Path:
    """The interpreter of an environment that has lockenv and the named dependency groups."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this very message is for an older Python
        sys.exit("error: lockenv needs Python 3.11 or newer; run this with such a one")
    place = Path(os.environ.get("LOCKENV_TOOL_VENV", ROOT / ".venv-tool"))
    binaries = "Scripts" if os.name == "nt" else "bin"
    python = place / binaries / ("python.exe" if os.name == "nt" else "python")
    if not python.exists():
        print(f"making {place}", flush=True)
        venv.create(place, with_pip=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Groups (PEP 735) need pip 25.1; an older one than that may have come with Python.
    subprocess.run([*pip, "install", "--upgrade", "pip>=25.1"], check=True, cwd=ROOT)
    wanted = [word for group in groups for word in ("--group", group)]
    subprocess.run([*pip, "install", "--editable", ".", *wanted], check=True, cwd=ROOT)
    return python
