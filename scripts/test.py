"""Install what the tests need and pass them: `python3 scripts/test.py [PYTEST ARGUMENTS]`.

Tests that need the network, root or Debian packages run where these are, and say why they skip
where they are not.
"""

from __future__ import annotations

import subprocess
import sys

from setup import ROOT, tool_python


def main() -> None:
    """Lint, types, then every test that this machine can run."""
    python = tool_python("dev")
    arguments = sys.argv[1:]
    if not arguments:
        for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
            print(f"\n$ {' '.join(check)}", flush=True)
            subprocess.run([str(python), "-m", *check], check=True, cwd=ROOT)
        arguments = ["-n", "2", "--dist", "loadgroup"]
    print(f"\n$ pytest {' '.join(arguments)}", flush=True)
    sys.exit(
        subprocess.run([str(python), "-m", "pytest", *arguments], check=False, cwd=ROOT).returncode
    )


if __name__ == "__main__":
    main()
