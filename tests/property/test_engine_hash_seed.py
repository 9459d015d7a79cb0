"""The engine takes the same steps to the same answer whatever the hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import random
from lockenv.resolve import UnsolvableError, explain, explained, render_event, resolve
from tests.support.worlds import Published, PythonWorld

chance = random.Random(7)
packages = {}
for number in range(40):
    packages[f"p{number}"] = {}
    for version in range(1, 9):
        asks = []
        for _ in range(3):
            low = max(1, version - chance.randint(0, 4))
            asks.append(f"p{chance.randrange(40)}>={low},<={low + chance.randint(1, 4)}")
        packages[f"p{number}"][str(version)] = Published(requires=tuple(asks))
for first in range(0, 40, 7):
    world = PythonWorld(packages)
    roots = world.roots(f"p{first}", f"p{(first * 7) % 40}>=4")
    try:
        found = resolve({"pypi": world}, roots, listen=lambda event: print(render_event(event)))
        print({str(name): pin.version_text for name, pin in found.pins.items()})
    except UnsolvableError as error:
        print(explained(explain(error), where=str))
"""


def _output(seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_every_hash_seed_gives_the_same_steps_and_the_same_answers() -> None:
    first = _output("0")

    assert "choose" in first
    assert _output("1") == first
    assert _output("4711") == first
