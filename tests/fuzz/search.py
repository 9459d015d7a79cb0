"""The search for bytes that a parser meets with anything but an answer or a documented refusal."""

from __future__ import annotations

import random
import time
import traceback
from typing import TYPE_CHECKING, NamedTuple

from tests.fuzz.mutate import mutated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzz.target import Target

#: CPU seconds that small inputs may take at the most; the usual is a thousandth of it.
TOO_LONG = 5.0


class Failure(NamedTuple):
    """Bytes, what came of them, and a word for all failures of this kind."""

    data: bytes
    what: str
    kind: str


def attempt(target: Target, data: bytes) -> Failure | None:
    """What is wrong with how the target meets these bytes; None if nothing is."""
    start = time.process_time()
    try:
        target.parse(data)
    except target.refusals:
        pass
    except Exception as error:  # noqa: BLE001 - finding any other is the purpose
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {last.filename}:{last.lineno}"
        return Failure(data, traceback.format_exc(limit=-4), kind)
    spent = time.process_time() - start
    return Failure(data, f"it took {spent:.1f} s", "slow") if spent > TOO_LONG else None


def failures(target: Target, *, seconds: float, most: int, seed: int) -> Iterator[Failure]:
    """Failures among at most ``most`` mutated inputs, looked for at most so long."""
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    end = time.monotonic() + seconds
    for _ in range(most):
        if time.monotonic() > end:
            return
        found = attempt(target, mutated(chance.choice(target.seeds), chance))
        if found is not None:
            yield found
