from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockenv.sources.cuda import Entry, find_collisions


def test_different_bytes_at_one_path_collide() -> None:
    found = find_collisions(
        {
            "nvidia-nccl-cu12 2.27.5": [Entry("nvidia/nccl/lib/libnccl.so.2", 10, 1)],
            "nvidia-nccl-cu13 2.32.3": [Entry("nvidia/nccl/lib/libnccl.so.2", 10, 2)],
            "numpy 2.3": [Entry("numpy/__init__.py", 3, 3)],
        }
    )

    assert [(c.one, c.other, c.paths) for c in found] == [
        (
            "nvidia-nccl-cu12 2.27.5",
            "nvidia-nccl-cu13 2.32.3",
            ("nvidia/nccl/lib/libnccl.so.2",),
        )
    ]


def test_equal_bytes_do_not_collide() -> None:
    entry = Entry("nvidia/__init__.py", 0, 0)

    assert find_collisions({"a 1": [entry], "b 1": [entry]}) == ()


def test_each_pair_of_three_is_named() -> None:
    wheels = {f"{name} 1": [Entry("x.py", 1, crc)] for crc, name in enumerate("abc")}

    assert [(c.one, c.other) for c in find_collisions(wheels)] == [
        ("a 1", "b 1"),
        ("a 1", "c 1"),
        ("b 1", "c 1"),
    ]


def test_case_matters_only_where_the_file_system_folds_it() -> None:
    wheels = {"a 1": [Entry("Readme", 1, 1)], "b 1": [Entry("README", 1, 2)]}

    assert find_collisions(wheels) == ()
    assert len(find_collisions(wheels, folds_case=True)) == 1


def test_a_file_where_another_wheel_has_a_folder_collides() -> None:
    found = find_collisions({"a 1": [Entry("x", 1, 1)], "b 1": [Entry("x/y.py", 1, 1)]})

    assert [c.paths for c in found] == [("x/y.py",)]


@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.lists(
            st.builds(Entry, st.sampled_from("xyz"), st.integers(0, 1), st.integers(0, 1)),
            max_size=3,
            unique_by=lambda entry: entry.path,
        ),
    )
)
def test_the_answer_is_that_of_comparing_every_pair(wheels: dict[str, list[Entry]]) -> None:
    expected = {
        (one, other)
        for one in wheels
        for other in wheels
        if one < other
        for a in wheels[one]
        for b in wheels[other]
        if a.path == b.path and a != b
    }

    assert {(c.one, c.other) for c in find_collisions(wheels)} == expected
