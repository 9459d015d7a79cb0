"""``python -m tests.fuzz --seconds 600 [TARGET...]``: look long, print each kind of failure."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.search import failures
from tests.fuzz.targets import TARGETS


def main() -> int:
    """The number of targets with failures, at most 100."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each target")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    known = {target.name: target for target in TARGETS}
    if unknown := sorted(set(options.targets) - known.keys()):
        parser.error(f"no target {unknown[0]}; there are {', '.join(known)}")
    bad = 0
    for name in options.targets or known:
        seed = options.seed if options.seed is not None else time.time_ns()
        seen: set[str] = set()
        start = time.monotonic()
        for failure in failures(known[name], seconds=options.seconds, most=1 << 40, seed=seed):
            if failure.kind not in seen:
                seen.add(failure.kind)
                print(f"{name}: {failure.what}\n  {failure.data[:2000]!r}", flush=True)
        print(
            f"{name}: {len(seen)} kinds of failure in {time.monotonic() - start:.0f} s", flush=True
        )
        bad += bool(seen)
    return min(bad, 100)


if __name__ == "__main__":
    sys.exit(main())
