"""The locator finds every value of any document, however it is laid out."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from lockenv.formats.toml import locate

if TYPE_CHECKING:
    from lockenv.fields import KeyPath

KEYS = st.sampled_from(["a", "b", "c.d", "e f", "1", "#", "[", "é", 'q"q'])
LEAF = st.just(None)
TREES = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, min_size=1, max_size=3)
    ),
    max_leaves=10,
)


class Writer:
    """Writes a tree with a mark of its own for every leaf, in a layout that is drawn."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.lines: list[str] = []
        self.marks: dict[KeyPath, str] = {}

    def table(self, tree: dict[str, object], path: KeyPath, header: tuple[str, ...]) -> None:
        later = []
        for key, value in tree.items():
            is_table = isinstance(value, dict) and self.data.draw(st.booleans())
            is_tables = (
                isinstance(value, list)
                and value
                and all(isinstance(member, dict) for member in value)
                and self.data.draw(st.booleans())
            )
            if is_table or is_tables:
                later.append((key, value))
            else:
                if self.data.draw(st.booleans()):
                    self.lines.append('# [x] = """')
                self.lines.append(f"{self.key(key)} = {self.value(value, (*path, key))}")
        for key, value in later:
            inner = (*header, self.key(key))
            if isinstance(value, dict):
                self.lines.append(f"[ {' . '.join(inner)} ]")
                self.table(value, (*path, key), inner)
            elif isinstance(value, list):
                for number, member in enumerate(value):
                    self.lines.append(f"[[{'.'.join(inner)}]] # ]]")
                    self.table(member, (*path, key, number), inner)

    def key(self, key: str) -> str:
        if key.isascii() and key.isalnum():
            return key
        return json.dumps(key)

    def value(self, value: object, path: KeyPath) -> str:
        if isinstance(value, dict):
            pairs = [f"{self.key(k)} = {self.value(v, (*path, k))}" for k, v in value.items()]
            return "{ " + ", ".join(pairs) + " }"
        if isinstance(value, list):
            gap = "\n  # , ]\n" if self.data.draw(st.booleans()) else " "
            members = [self.value(v, (*path, n)) for n, v in enumerate(value)]
            return "[" + gap + f",{gap}".join(members) + gap + "]"
        mark = f"mark-{len(self.marks)}-"
        self.marks[path] = mark
        quote = self.data.draw(st.sampled_from(['"', "'", '"""', "'''"]))
        tail = "\n[x]\n" if len(quote) == 3 else "[#"
        return f"{quote}{mark}{tail}{quote}"


@given(st.data())
def test_each_value_is_found_on_the_line_where_it_begins(data: st.DataObject) -> None:
    tree = data.draw(st.dictionaries(KEYS, TREES, min_size=1, max_size=4))
    writer = Writer(data)
    writer.table(tree, (), ())
    text = "\n".join(writer.lines) + "\n"
    tomllib.loads(text)
    rows = text.split("\n")

    for path, mark in writer.marks.items():
        assert mark in rows[locate(text, path) - 1]
