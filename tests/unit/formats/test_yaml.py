from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.yaml import Node, render_yaml

_TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
_NODES: st.SearchStrategy[Node] = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(_NODES)
def test_another_reader_reads_what_was_written(node: Node) -> None:
    assert yaml.safe_load(render_yaml(node)) == node


def test_words_that_readers_misread_are_quoted() -> None:
    node: Node = {"no": "yes", "n": "1.0", "0x1": "1_0", "t": "12:30", "e": "", "l": "a\nb\n"}

    assert yaml.safe_load(render_yaml(node)) == node
    assert "no: yes" not in render_yaml(node)


def test_documents_are_told_apart() -> None:
    assert list(yaml.safe_load_all(render_yaml({"a": 1}, {"b": 2}))) == [{"a": 1}, {"b": 2}]
