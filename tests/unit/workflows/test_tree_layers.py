from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import replace
from lockenv.workflows.tree_layers import (
    inverted_lines,
    layer_document,
    layer_lines,
    system_graph,
)
from tests.support.locks import small_lock

if TYPE_CHECKING:
    from lockenv.model import Lock


def asked_for_gcc() -> Lock:
    """A lock whose manifest asks for libgcc-s1, which stands in a circle with libc6."""
    lock = small_lock()
    return replace(
        lock,
        system_packages=tuple(
            replace(one, requested=("libgcc-s1",)) if one.name == "libgcc-s1" else one
            for one in lock.system_packages
        ),
    )


def test_every_layer_stands_in_the_tree_and_a_circle_ends() -> None:
    lock = asked_for_gcc()

    lines = list(layer_lines(lock, "gpu", system_graph(lock, "gpu"), None))

    assert lines == [
        "python 3.11.7  (standalone)",
        "system",
        "└── libgcc-s1 12.2.0-14  [libgcc-s1]",
        "    └── libc6 2.36-9  [libc6 (>= 2.35)]",
        "        └── libgcc-s1 12.2.0-14  [libgcc-s1] (*)",
        "cuda cuda_nvcc 12.8.93",
    ]


def test_a_depth_cuts_it_and_nobody_is_counted() -> None:
    lock = asked_for_gcc()

    lines = list(layer_lines(lock, "gpu", system_graph(lock, "gpu"), 1))

    assert [line for line in lines if "libc6" in line or "minimal" in line] == []


def test_what_nobody_asks_for_is_counted() -> None:
    lock = small_lock()

    lines = list(layer_lines(lock, "gpu", system_graph(lock, "gpu"), None))

    assert "    and 2 packages of the minimal base system" in lines


def test_turned_around_it_leads_back_to_the_request() -> None:
    lock = asked_for_gcc()

    lines = list(
        inverted_lines(system_graph(lock, "gpu"), "libc6:amd64", "", None, {"libc6:amd64"})
    )

    assert lines == [
        "└── libgcc-s1 12.2.0-14  [libc6 (>= 2.35)]",
        "    ├── the manifest asks libgcc-s1",
        "    └── libc6 2.36-9  [libgcc-s1] (*)",
    ]


def test_the_document_has_every_layer() -> None:
    lock = asked_for_gcc()

    document = layer_document(lock, "cpu", system_graph(lock, "cpu"))

    assert {name: len(rows) for name, rows in document.items() if isinstance(rows, list)} == {
        "interpreters": 1,
        "base_images": 1,
        "system": 2,
        "cuda_components": 0,
    }
