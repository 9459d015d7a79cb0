"""The main job on a real project: lock, sync, check. Run it as `python3 scripts/demo.py`."""

from __future__ import annotations

import shutil
import subprocess
import sys

from setup import ROOT, tool_python


def main() -> None:
    """Lock examples/cli against the real index, make its environment, and check both."""
    python = tool_python()
    project = ROOT / "build" / "demo"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / "cli", project)
    steps = (
        ["lock"],
        ["sync"],
        ["check"],
        ["check", "--env"],
        ["run", "greeter", "lockenv"],
    )
    for step in steps:
        print(f"\n$ lockenv {' '.join(step)}", flush=True)
        result = subprocess.run(
            [str(python), "-m", "lockenv", "-C", str(project), *step], check=False
        )
        if result.returncode:
            sys.exit(result.returncode)
    print(f"\nThe project, its lock and its environment are in {project}")


if __name__ == "__main__":
    main()
