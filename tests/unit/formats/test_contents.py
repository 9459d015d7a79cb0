from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.contents import (
    Entry,
    collisions_of_listings,
    find_collisions,
    harmful_paths,
    installed_entries,
    is_harmful,
    parse_listing,
    render_listing,
)

MEMBERS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
        st.integers(0, 1 << 40),
        st.integers(0, (1 << 32) - 1),
    ),
    unique_by=lambda row: row[0],
)


@given(MEMBERS)
def test_a_list_that_was_kept_is_the_same(members: list[tuple[str, int, int]]) -> None:
    listing = parse_listing(render_listing(members))

    assert listing is not None
    assert listing.entries == installed_entries(members)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"1\n2rest", b"1\n\xffrest", b"9999999999\n0", b"x\n0"]
)
def test_what_nobody_kept_is_no_list(data: bytes) -> None:
    assert parse_listing(data) is None


def test_a_list_that_is_damaged_is_a_value_error() -> None:
    listing = parse_listing(b"5\n0\0toprest")

    assert listing is not None
    with pytest.raises(ValueError, match="Error"):
        _ = listing.entries


def test_data_go_to_their_schemes_and_record_is_left_out() -> None:
    rows = [
        ("a/__init__.py", 1, 1),
        ("a-1.data/purelib/b.py", 2, 2),
        ("a-1.data/scripts/run", 3, 3),
        ("a-1.dist-info/RECORD", 4, 4),
    ]

    assert [entry.path for entry in installed_entries(rows)] == [
        "a/__init__.py",
        "b.py",
        "{scripts}/run",
    ]


def test_a_library_whose_name_suggests_cuda_is_shown() -> None:
    for path, shows in (("x/libcudart.so.12", True), ("x/libz.so", False), ("cuda.py", False)):
        listing = parse_listing(render_listing([(path, 1, 1)]))

        assert listing is not None
        assert listing.shows_cuda is shows


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.lists(
            st.tuples(
                st.sampled_from(["x", "x/y", "p/q.py", "p/r.py", "s.py"]),
                st.integers(0, 1),
                st.just(0),
            ),
            unique_by=lambda row: row[0],
        ),
    )
)
def test_reading_only_what_can_meet_finds_the_same(
    wheels: dict[str, list[tuple[str, int, int]]],
) -> None:
    listings = {name: parse_listing(render_listing(rows)) for name, rows in wheels.items()}
    known = {name: listing for name, listing in listings.items() if listing is not None}

    assert collisions_of_listings(known) == find_collisions(
        {name: installed_entries(rows) for name, rows in wheels.items()}
    )


@pytest.mark.parametrize(
    ("path", "harms"),
    [
        ("nvidia/nccl/lib/libnccl.so.2", True),
        ("tests/libx.so", True),
        ("cv2/cv2.pyd", True),
        ("engine/core.py", True),
        ("typing_extensions.py", True),
        ("distutils-precedence.pth", True),
        ("build_backend.py", False),
        ("tests/__init__.py", False),
        ("docs/conf.py", False),
        ("LICENSE", False),
        ("engine/data.json", False),
        ("nvidia/include/cublas.h", False),
        ("{scripts}/run", False),
        ("{data}/share/man/man1/run.1", False),
    ],
)
def test_libraries_and_modules_do_harm_and_strays_do_not(path: str, *, harms: bool) -> None:
    assert is_harmful(path) is harms


def test_short_init_files_alone_open_a_namespace() -> None:
    assert harmful_paths({"google/__init__.py": (0, 300)}) == ()
    assert harmful_paths({"google/__init__.py": (0, 30_000)})
    assert harmful_paths({"google/__init__.py": (0, 300), "google/a.py": (1, 1)}) == (
        "google/__init__.py",
        "google/a.py",
    )


def test_a_file_in_the_way_of_a_folder_does_harm() -> None:
    (found,) = find_collisions({"a 1": [Entry("docs", 1, 1)], "b 1": [Entry("docs/x.md", 1, 1)]})

    assert found.harmful == ("docs/x.md",)
