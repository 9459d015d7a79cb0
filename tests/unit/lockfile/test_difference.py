from __future__ import annotations

import json
from dataclasses import replace

from lockenv.lockfile import (
    diff,
    diff_json,
    diff_targets,
    merge,
    render_diff_markdown,
    render_diff_text,
)
from lockenv.model import CudaFacts
from tests.support.locks import digest_of, file, lock_of, package, small_lock

ASKED = ("requirement project a", "requirement project b")
OLD = lock_of(package("a"), package("b", "2.0"), asked=ASKED)


def test_up_down_added_removed_and_rebuilt_are_told_apart() -> None:
    new = lock_of(
        package("a", "1.10"),
        package("b", "1.9"),
        package("c"),
        asked=(*ASKED, "requirement project c"),
    )
    rebuilt = lock_of(
        replace(package("a"), wheels=(file("a-1.0-py3-none-any.whl", content="x"),)), asked=ASKED
    )

    assert [(c.name, c.kind) for c in diff(OLD, new).changes] == [
        ("a", "up"),
        ("b", "down"),
        ("c", "added"),
    ]
    assert [(c.name, c.kind) for c in diff(OLD, rebuilt).changes] == [
        ("a", "rebuilt"),
        ("b", "removed"),
    ]


def test_debian_versions_move_by_debians_order() -> None:
    old = small_lock()
    packages = tuple(replace(item, version=f"{item.version}~rc1") for item in old.system_packages)
    new = replace(old, system_packages=packages)

    assert {(c.name, c.kind, c.group) for c in diff(old, new).changes} == {
        ("libc6:amd64", "down", "glibc"),
        ("libgcc-s1:amd64", "down", "gcc-12"),
    }


def test_origins_floors_and_yanks_are_named() -> None:
    old = small_lock()
    moved = replace(
        old.packages[1],
        index="https://elsewhere.example.com/simple/",
        yanked="broken",
    )
    target = replace(old.targets[1], level="2.31", cuda=CudaFacts(needs={"driver": "570"}))
    new = replace(
        old,
        targets=(old.targets[0], target),
        packages=(old.packages[0], moved, *old.packages[2:]),
    )

    difference = diff(old, new)
    assert difference.origins == ("https://elsewhere.example.com",)
    assert [(item.name, item.reason) for item in difference.yanked] == [(moved.name, "broken")]
    facts = {fact.name: (fact.before, fact.after) for fact in difference.facts}
    assert facts["libc"] == ("2.28", "2.31")
    assert facts["needs driver"] == ("525.60.13", "570")


def test_words_for_a_terminal_show_one_line_a_change() -> None:
    new = lock_of(package("a", "1.10"), package("b", "2.0"), asked=ASKED)

    assert render_diff_text(diff(OLD, new), ["gpu"]) == (
        "^ a 1.0 -> 1.10\n  download 3.1 kB -> 3.1 kB (+1 B)\n"
    )


def test_markdown_is_folded_by_layer_and_safe() -> None:
    new = lock_of(
        replace(package("a", "1.10"), yanked="<script>|x"), package("b", "2.0"), asked=ASKED
    )
    text = render_diff_markdown(diff(OLD, new), ["gpu"])

    assert "<details><summary>Python packages: 1 moved up</summary>" in text
    assert "| a | 1.0 | 1.10 |  |" in text
    assert "<script>" not in text
    assert "No change" in render_diff_markdown(diff(OLD, OLD))


def test_json_carries_its_schema_and_null_for_what_is_not() -> None:
    document = json.loads(diff_json(diff(None, OLD)))

    assert document["schema"] == "lockenv/diff/1"
    assert document["status"] == 1
    assert document["changes"][0] == {
        "layer": "target",
        "name": "gpu",
        "kind": "added",
        "before": None,
        "after": None,
        "source": None,
        "targets": ["gpu"],
    }


def test_two_targets_of_one_lock_are_compared() -> None:
    changes = diff_targets(small_lock(), "cpu", "gpu").changes

    assert {(change.name, change.kind) for change in changes} >= {
        ("rich", "rebuilt"),
        ("cuda_nvcc", "added"),
        ("debian:bookworm-slim", "removed"),
    }


def test_a_merge_names_what_both_sides_changed_differently() -> None:
    ours = lock_of(package("a", "1.1"), package("b", "2.0"), asked=ASKED)
    theirs = lock_of(package("a", "1.2"), package("b", "2.1"), asked=ASKED)

    merged = merge(OLD, ours, theirs)
    assert merged.conflicts == {"gpu": ("a",)}
    assert [(item.name, item.version) for item in merged.lock.packages] == [
        ("a", "1.1"),
        ("b", "2.1"),
    ]


def test_a_merge_unites_requests_and_packages() -> None:
    with_c = lock_of(*OLD.packages, package("c"), asked=(*ASKED, "requirement project c"))
    without_b = lock_of(package("a"), asked=ASKED[:1])

    merged = merge(OLD, with_c, without_b)
    assert merged.conflicts == {}
    assert [item.name for item in merged.lock.packages] == ["a", "c"]
    assert merged.lock.request["gpu"] == ("requirement project a", "requirement project c")


def test_interpreters_that_moved_both_ways_conflict() -> None:
    def moved(version: str) -> object:
        return tuple(
            replace(item, version=version, build=str(digest_of(version))[-8:])
            for item in OLD.interpreters
        )

    ours = replace(OLD, interpreters=moved("3.11.8"))  # type: ignore[arg-type]  # a tuple of them
    theirs = replace(OLD, interpreters=moved("3.11.9"))  # type: ignore[arg-type]  # a tuple of them

    assert merge(OLD, ours, theirs).conflicts == {"gpu": ("python",)}
