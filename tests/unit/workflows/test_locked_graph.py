"""Every layer of a lock as one graph: found by a user's words, walked down and up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.lockfile import named_target, selections_of
from lockenv.values import replace
from lockenv.workflows.asked_places import places_of
from lockenv.workflows.explain import chains_of
from lockenv.workflows.locked_graph import locked_graph
from lockenv.workflows.tree import inverted_lines, tree_document, tree_lines
from tests.support.locks import small_lock

if TYPE_CHECKING:
    from lockenv.model import Lock
    from lockenv.workflows.locked_graph import LockedGraph


def asked_for_gcc(role: str = "requested", note: str | None = None) -> Lock:
    """A lock whose manifest asks for libgcc-s1, which stands in a circle with libc6."""
    lock = small_lock()
    return replace(
        lock,
        system_packages=tuple(
            replace(one, requested=("libgcc-s1",), roles=(role,), note=note)
            if one.name == "libgcc-s1"
            else one
            for one in lock.system_packages
        ),
    )


def graph(lock: Lock, target: str = "gpu") -> LockedGraph:
    return locked_graph(lock, named_target(lock, target))


def nowhere(selection: str, _words: str) -> str:
    return selection


def test_every_layer_stands_in_the_tree_and_a_circle_ends() -> None:
    lock = asked_for_gcc()

    lines = list(tree_lines(graph(lock), selections_of(lock, "gpu"), None))

    assert [line for line in lines if "package" not in line] == [
        "group:dev",
        "└── rich 13.7.0  [rich>=13]  1.0 kB",
        "project",
        "└── requests 2.31.0  [requests[socks]>=2]  1.0 kB",
        "    ├── idna 3.6  [idna>=2.5]  1.0 kB",
        "    │   └── requests 2.31.0  [requests]  1.0 kB (*)",
        '    └── pysocks 1.7.1  [pysocks>=1.5.6; extra == "socks"]  1.0 kB',
        "python 3.11.7  (standalone)  1.1 kB",
        "└── libgcc-s1 12.2.0-14  [libgcc-s1]  5.0 kB",
        "    └── libc6 2.36-9  [libc6 (>= 2.35)]  5.0 kB",
        "        └── libgcc-s1 12.2.0-14  [libgcc-s1]  5.0 kB (*)",
        "cuda cuda_nvcc 12.8.93  1.0 kB",
    ]
    assert "system  2 packages, 10.0 kB" in lines


def test_a_depth_cuts_it_and_nobody_is_counted() -> None:
    lock = asked_for_gcc()

    lines = list(tree_lines(graph(lock), selections_of(lock, "gpu"), 1))

    assert [line for line in lines if "libc6" in line or "minimal" in line or "idna" in line] == []


def test_what_nobody_asks_for_is_counted() -> None:
    lock = small_lock()

    lines = list(tree_lines(graph(lock), selections_of(lock, "gpu"), None))

    assert "    and 2 packages of the minimal base system" in lines


def test_a_library_that_a_wheel_needs_leads_back_to_the_wheels_line() -> None:
    lock = asked_for_gcc("native-library", "idna 3.6 needs libgcc_s.so.1")
    found = graph(lock)

    lines = list(tree_lines(found, selections_of(lock, "gpu"), None))
    chains = chains_of(found, "deb:libc6:amd64", nowhere)

    leaf = "    │   ├── deb:libgcc-s1 12.2.0-14  [idna 3.6 needs libgcc_s.so.1]  5.0 kB"
    assert leaf in lines
    assert "└── libgcc-s1 12.2.0-14  [idna 3.6 needs libgcc_s.so.1]  5.0 kB" in lines
    assert chains == (
        (
            "project asks requests[socks]>=2",
            "requests 2.31.0 asks idna>=2.5",
            "idna 3.6 needs libgcc_s.so.1",
            "libgcc-s1 12.2.0-14 asks libc6 (>= 2.35)",
        ),
    )


def test_turned_around_it_leads_back_to_the_request() -> None:
    lines = list(inverted_lines(graph(asked_for_gcc()), ["deb:libc6:amd64"], None, nowhere))

    assert lines == [
        "libc6 2.36-9  (minimal base system)  5.0 kB",
        "└── libgcc-s1 12.2.0-14  [libc6 (>= 2.35)]",
        "    ├── system  [libgcc-s1]",
        "    └── libc6 2.36-9  [libgcc-s1] (*)",
    ]


def test_the_document_has_every_layer() -> None:
    lock = asked_for_gcc()
    found = graph(lock, "cpu")

    document = tree_document(lock, "cpu", found, found.nodes)

    assert {name: len(rows) for name, rows in document.items() if isinstance(rows, list)} == {
        "packages": 4,
        "interpreters": 1,
        "base_images": 1,
        "system": 2,
        "cuda_components": 0,
    }


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("idna", ("pypi:idna",)),
        ("pypi:IDNA", ("pypi:idna",)),
        ("libc6", ("deb:libc6:amd64",)),
        ("deb:libc6", ("deb:libc6:amd64",)),
        ("deb:libc6:amd64", ("deb:libc6:amd64",)),
        ("libc6:amd64", ("deb:libc6:amd64",)),
        ("deb:libc6:i386", ()),
        ("cuda:nvcc", ("cuda:cuda_nvcc",)),
        ("cuda:cuda_nvcc", ("cuda:cuda_nvcc",)),
        ("nvcc", ("cuda:cuda_nvcc",)),
        ("python", ("python",)),
        ("pypi:libc6", ()),
        ("", ()),
        (":", ()),
        ("deb:", ()),
    ],
)
def test_a_name_is_found_with_its_layer_and_without(words: str, keys: tuple[str, ...]) -> None:
    assert graph(small_lock()).found(words) == keys


def test_a_base_image_is_found_by_its_reference() -> None:
    found = graph(small_lock(), "cpu")

    assert found.found("base:debian:bookworm-slim") == ("base:debian:bookworm-slim",)
    assert found.found("debian:bookworm-slim") == ("base:debian:bookworm-slim",)


def test_without_a_manifest_a_selection_stands_for_its_line() -> None:
    lock = small_lock()

    assert places_of(None, lock)("system", "libc6") == "system"
