"""Modules that are run when something of them is first asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lockenv.cli.doors import LATE

#: Every late module is taken by eight threads at once, as a name and as an attribute.
_ALL_AT_ONCE = """
import sys, threading
from lockenv.cli.doors import LATE, open_doors_late
wanted = sys.argv[1:]
for name in wanted:
    sys.modules.pop(name, None)
open_doors_late()
sys.setswitchinterval(1e-6)
faults, gate = [], threading.Barrier(8)

def take(name):
    module = __import__(name)
    names = [one for one in PUBLIC[name] if not hasattr(module, one)]
    faults.extend(f"{name}.{one}" for one in names)

import os
import ast as tree
PUBLIC = {}
for name in wanted:
    text = open(os.path.join(os.path.dirname(os.__file__), f"{name}.py")).read()
    body = tree.parse(text).body
    PUBLIC[name] = [one.name for one in body if isinstance(one, (tree.FunctionDef, tree.ClassDef))]

def work():
    gate.wait()
    for name in wanted:
        take(name)

threads = [threading.Thread(target=work) for _ in range(8)]
[one.start() for one in threads]
[one.join(20) for one in threads]
print(faults, [one.is_alive() for one in threads].count(True))
"""


def test_threads_that_come_at_once_see_whole_modules() -> None:
    names = sorted(LATE - {"ast"})  # the script reads with that one itself

    for _ in range(5):
        answer = subprocess.run(
            [sys.executable, "-c", _ALL_AT_ONCE, *names],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

        assert answer.stdout.strip() == "[] 0"


@pytest.mark.parametrize("name", sorted(LATE))
def test_a_late_module_is_what_it_always_is(name: str) -> None:
    code = (
        "import sys, pickle\n"
        f"late = '{name}' not in sys.modules\n"
        "from lockenv.cli.doors import open_doors_late\n"
        "open_doors_late()\n"
        f"import {name} as found\n"
        "assert not late or type(found).__name__ == '_LateModule'\n"
        "names = set(dir(found))\n"
        "assert type(found).__name__ == 'module', type(found)\n"
        "print(sorted(names))\n"
    )
    plain = f"import {name} as found\nprint(sorted(set(dir(found))))\n"

    said = [
        subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        for text in (code, plain)
    ]

    assert said[0] == said[1]
