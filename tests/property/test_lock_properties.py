"""The lock's text: round trips, the schema's agreement, and what no changed byte may pass."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lockenv.errors import LockenvError
from lockenv.lockfile import (
    Asked,
    canonical,
    decode_lock,
    diff,
    inspect_lock,
    merge,
    parse_lock,
    regrouped,
    render_lock,
    self_check,
    stale,
)
from lockenv.model import Lock
from tests.support.locks import coherent_locks, digest_of, locks, small_lock

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "schemas" / "lock.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


#: Whole locks take their time to be drawn, longer where the machine is shared: that is no fault.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _plain(value: object) -> object:
    """The document as JSON has it: a time is a string."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value


@PATIENT
@given(locks())
@example(Lock())
@example(small_lock())
def test_what_is_written_is_read_back_and_written_alike(lock: Lock) -> None:
    text = render_lock(lock)
    inspection = inspect_lock(text)

    assert inspection.faults == ()
    assert inspection.findings == ()
    assert inspection.lock == lock
    assert render_lock(inspection.lock) == text


@PATIENT
@given(locks())
@example(small_lock())
def test_the_schema_accepts_what_the_writer_writes(lock: Lock) -> None:
    VALIDATOR.validate(_plain(tomllib.loads(render_lock(lock))))


@PATIENT
@given(locks())
def test_the_order_of_the_values_does_not_change_the_text(lock: Lock) -> None:
    shuffled = replace(
        lock,
        packages=tuple(reversed(lock.packages)),
        targets=tuple(reversed(lock.targets)),
        system_packages=tuple(reversed(lock.system_packages)),
    )

    assert render_lock(shuffled) == render_lock(lock)


@PATIENT
@given(locks())
def test_the_text_is_plain_lines(lock: Lock) -> None:
    text = render_lock(lock)

    assert text.isascii()
    assert "\r" not in text
    assert text.endswith("\n")
    assert not any(line.endswith((" ", "\t")) for line in text.split("\n"))


def _status(data: bytes) -> int:
    """What ``check`` would answer of the lock alone."""
    try:
        text = decode_lock(data)
        inspection = inspect_lock(text)
    except LockenvError as error:
        return error.status
    if inspection.lock is None:
        return 2
    return 1 if self_check(inspection.lock, text) else 0


SMALL = render_lock(small_lock()).encode()


def test_the_small_lock_is_clean() -> None:
    assert _status(SMALL) == 0
    assert self_check(small_lock(), SMALL.decode()) == []


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
@example(SMALL.index(b'version = "1.0"') + 13, ord("1"))
def test_no_changed_byte_is_accepted(place: int, byte: int) -> None:
    changed = SMALL[:place] + bytes([byte]) + SMALL[place + 1 :]

    assert (_status(changed) == 0) == (changed == SMALL)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.binary(max_size=1))
def test_no_lost_and_no_inserted_byte_is_accepted(place: int, inserted: bytes) -> None:
    changed = SMALL[:place] + inserted + SMALL[place + (not inserted) :]

    assert _status(changed) != 0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_the_schema_accepts_what_the_reader_accepts(place: int, byte: int) -> None:
    changed = SMALL[:place] + bytes([byte]) + SMALL[place + 1 :]
    try:
        inspection = inspect_lock(decode_lock(changed))
    except LockenvError:
        return
    if inspection.lock is not None and not inspection.findings:
        VALIDATOR.validate(_plain(tomllib.loads(changed.decode())))


@settings(deadline=None)
@given(coherent_locks())
def test_a_solved_world_contradicts_itself_in_nothing(lock: Lock) -> None:
    text = render_lock(lock)

    assert self_check(lock, text) == []
    assert parse_lock(text) == lock


@settings(deadline=None)
@given(coherent_locks())
def test_a_lock_is_not_stale_for_its_own_request(lock: Lock) -> None:
    asked = {name: [Asked(line) for line in lines] for name, lines in lock.request.items()}

    assert stale(lock, asked, lock.images, lambda _: None) == []


@settings(deadline=None)
@given(coherent_locks())
def test_a_lock_differs_from_itself_in_nothing(lock: Lock) -> None:
    assert diff(lock, lock).is_empty


@settings(deadline=None)
@given(coherent_locks(), coherent_locks())
def test_a_difference_names_as_much_added_one_way_as_removed_the_other(a: Lock, b: Lock) -> None:
    there, back = diff(a, b), diff(b, a)
    opposite = {"added": "removed", "removed": "added", "up": "down", "down": "up"}

    forward = Counter(
        (change.layer, change.name, opposite.get(change.kind, change.kind), change.targets)
        for change in there.changes
    )
    assert forward == Counter(
        (change.layer, change.name, change.kind, change.targets) for change in back.changes
    )


@settings(deadline=None)
@given(coherent_locks(), coherent_locks())
def test_a_merge_takes_what_only_one_side_changed(base: Lock, changed: Lock) -> None:
    for merged in (merge(base, changed, base), merge(base, base, changed)):
        assert merged.conflicts == {}
        assert merged.lock == changed


@settings(deadline=None)
@given(coherent_locks(), coherent_locks())
def test_a_merge_of_equal_changes_is_that_change(base: Lock, changed: Lock) -> None:
    merged = merge(base, changed, changed)

    assert merged.conflicts == {}
    assert merged.lock == changed


@settings(deadline=None)
@given(coherent_locks(), coherent_locks(), coherent_locks())
def test_both_orders_of_a_merge_have_the_same_conflicts(base: Lock, a: Lock, b: Lock) -> None:
    assert merge(base, a, b).conflicts == merge(base, b, a).conflicts


@settings(deadline=None)
@given(coherent_locks(), st.sampled_from(["cpu", "gpu"]))
def test_changes_of_two_branches_in_two_targets_do_not_conflict(base: Lock, name: str) -> None:
    def rebuilt(lock: Lock, one: str) -> Lock:
        packages = []
        for package in lock.packages:
            kept = [
                replace(w, targets=tuple(t for t in w.targets if t != one)) for w in package.wheels
            ]
            new = [
                replace(w, digest=digest_of(one), targets=(one,))
                for w in package.wheels
                if one in w.targets
            ]
            wheels = tuple(w for w in (*kept, *new) if w.targets)
            packages.append(replace(package, wheels=wheels))
        return canonical(replace(lock, packages=tuple(packages)))

    other = "cpu" if name == "gpu" else "gpu"
    merged = merge(base, rebuilt(base, name), rebuilt(base, other))

    assert merged.conflicts == {}
    assert merged.lock == regrouped(rebuilt(rebuilt(base, name), other))


LINES = SMALL.decode().splitlines(keepends=True)
BLOCKS = SMALL.decode().split("\n\n")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1))
def test_no_swapped_lines_are_accepted(one: int, other: int) -> None:
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    changed = "".join(lines).encode()

    assert (_status(changed) == 0) == (changed == SMALL)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(BLOCKS) - 1), st.integers(0, len(BLOCKS) - 1))
def test_no_swapped_and_no_doubled_blocks_are_accepted(one: int, other: int) -> None:
    blocks = list(BLOCKS)
    if one == other:
        blocks.insert(one, blocks[one])
    else:
        blocks[one], blocks[other] = blocks[other], blocks[one]
    changed = "\n\n".join(blocks).encode()

    assert (_status(changed) == 0) == (changed == SMALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_no_lost_entry_is_accepted(number: int) -> None:
    changed = "\n\n".join(BLOCKS[:number] + BLOCKS[number + 1 :])

    assert _status(changed.encode()) in {1, 2, 4}, BLOCKS[number]


@settings(max_examples=60, deadline=None)
@given(coherent_locks(), st.data())
def test_no_entry_of_another_lock_is_accepted_among_these(other: Lock, data: st.DataObject) -> None:
    strange = render_lock(other).split("\n\n")[:-1]
    entry = data.draw(st.sampled_from(strange))
    place = data.draw(st.integers(1, len(BLOCKS) - 1))
    changed = "\n\n".join([*BLOCKS[:place], entry, *BLOCKS[place:]])

    assert _status(changed.encode()) in {1, 2, 4}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.integers(1, 40), st.sampled_from([0, 2]))
def test_no_lost_and_no_doubled_lines_are_accepted(first: int, count: int, times: int) -> None:
    some = LINES[first : first + count]
    changed = [*LINES[:first], *some * times, *LINES[first + count :]]

    accepted = _status("".join(changed).encode()) == 0

    assert not accepted or all(_is_of_the_request(line) for line in some)


def _is_of_the_request(line: str) -> bool:
    """A line of a request that is gone is for the comparison with the manifest to see."""
    return line.startswith('  "') and " # " in line
