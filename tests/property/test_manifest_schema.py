"""Whatever is done to a manifest: what the schema refuses, the reader does not accept."""

from __future__ import annotations

import copy
import tomllib
from typing import TYPE_CHECKING

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from lockenv.errors import FaultsError
from tests.support.manifests import EVERY_KEY, manifest, schema_refuses

if TYPE_CHECKING:
    from lockenv.errors import LockenvError

PLAIN = tomllib.loads(EVERY_KEY)

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-5, 70_000),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.dates(),
    st.text(alphabet="ab-/.:{}@ =<1~\\", max_size=8),
    st.sampled_from(
        ["3.11", "linux-x86_64", "gpu", "none", "debian", "deny", "LE403", "LE999", "/etc", "../x"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["name", "packages", "index", "zz", "a b", ""]), inner, max_size=2
        ),
    ),
    max_leaves=4,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value below a value."""
    below: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [
        place for key, member in below for place in [(*path, key), *places(member, (*path, key))]
    ]


PLACES = places(PLAIN)


def mutate(document: object, path: tuple[str | int, ...], how: str, value: object) -> None:
    """Replace, remove or rename the value at a path, or put another one beside it."""
    holder = document
    for key in path[:-1]:
        if isinstance(holder, dict):
            holder = holder.get(key)
        elif isinstance(holder, list) and isinstance(key, int) and key < len(holder):
            holder = holder[key]
        else:
            return
    last = path[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        if how == "replace":
            holder[last] = value
        elif how == "remove":
            holder.pop(last, None)
        elif how == "rename":
            holder[last + "x"] = holder.pop(last, value)
        else:
            holder["zz"] = value
    elif isinstance(holder, list) and isinstance(last, int):
        if how == "replace" and last < len(holder):
            holder[last] = value
        else:
            holder.append(value)


def refusals(text: str, file: str) -> tuple[LockenvError, ...] | None:
    """The faults of a manifest; None where the reader accepts it."""
    try:
        manifest(text, file)
    except FaultsError as error:
        return error.faults
    return None


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "rename", "beside"]), VALUES
    ),
    min_size=1,
    max_size=2,
)


@settings(max_examples=150, deadline=None)
@given(MUTATIONS, st.booleans())
def test_the_reader_accepts_nothing_that_the_schema_refuses(
    mutations: list[tuple[tuple[str | int, ...], str, object]],
    is_pyproject: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    document = copy.deepcopy(PLAIN)
    for path, how, value in mutations:
        mutate(document, path, how, value)
    file = "lockenv.toml"
    if is_pyproject:
        top = ("requires-python", "dependencies", "optional-dependencies")
        project = {"name": "x", "version": "1"} | {
            key: document.pop(key) for key in top if key in document
        }
        groups = {"dependency-groups": document.pop("dependency-groups", {})}
        document = {"project": project, **groups, "tool": {"lockenv": document}}
        file = "pyproject.toml"
    text = tomlkit.dumps(document)

    found = refusals(text, file)

    assert found is None or all(fault.fix for fault in found)
    assert found is not None or schema_refuses(text, file) == []
