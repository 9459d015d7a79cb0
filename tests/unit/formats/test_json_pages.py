"""The quick reader of JSON pages says what the slow one says, whatever a page looks like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from lockenv.formats.index import ListingError, group
from lockenv.formats.index.json_page import _by_pattern, _row, parse_json_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.formats.index import Row

URL = "https://index.example.com/simple/demo/"
SHA = "0123456789abcdef" * 4


def file(number: int, **more: object) -> dict[str, object]:
    """A file as the large indexes describe it."""
    name = f"demo-{number}.0-py3-none-any.whl"
    return {
        "core-metadata": {"sha256": SHA},
        "filename": name,
        "hashes": {"sha256": SHA},
        "provenance": None,
        "requires-python": ">=3.9",
        "size": 1000 + number,
        "upload-time": "2026-01-02T03:04:05.678901Z",
        "url": f"https://files.example.com/a/{number}/{name}",
        "yanked": False,
        **{key.replace("_", "-"): value for key, value in more.items()},
    }


def read_slowly(document: Mapping[str, object]) -> list[Row]:
    members = document["files"]
    assert isinstance(members, list)
    return [row for member in members if (row := _row(member, URL)) is not None]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_page_in_one_form_is_read_without_the_parser(separators: tuple[str, str]) -> None:
    files = [file(one, yanked="broken" if one == 3 else False) for one in range(40)]
    document = {"files": files, "meta": {"api-version": "1.1"}, "name": "demo"}
    body = json.dumps(document, separators=separators).encode()

    quick = _by_pattern(body, URL)

    assert quick is not None
    assert quick[1] == read_slowly(document)


UNUSUAL = [
    {"yanked": True},
    {"yanked": 'it "breaks"'},
    {"yanked": ""},
    {"core_metadata": True},
    {"core_metadata": False},
    {"core_metadata": {"sha512": "0"}},
    {"size": None},
    {"size": -1},
    {"size": 10**30},
    {"requires_python": None},
    {"requires_python": ">=3.9\u2028"},
    {"upload_time": "2026-01-02 03:04:05+01:00"},
    {"upload_time": None},
    {"hashes": {"md5": "0" * 32, "sha256": SHA}},
    {"hashes": {}},
    {"url": "../../files/demo-1.0.tar.gz"},
    {"url": "https://files.example.com/a/demo-1.0-py3-none-any.whl?token=1"},
    {"filename": "d\u00e9mo-1.0.tar.gz"},
    {"filename": None},
    {"provenance": "https://index.example.com/attested"},
    {"provenance": {"more": [1, 2]}},
]


SEPARATORS = st.sampled_from([(", ", ": "), (",", ":")])


@given(st.lists(st.sampled_from([{}, *UNUSUAL]), max_size=12), SEPARATORS)
def test_files_in_a_form_of_their_own_are_read_by_the_parser(
    some: list[dict[str, object]], separators: tuple[str, str]
) -> None:
    files = [file(number, **more) for number, more in enumerate(some)]
    document = {"meta": {"api-version": "1.0"}, "files": files, "versions": ["1.0"]}
    body = json.dumps(document, ensure_ascii=False, separators=separators).encode()

    _, rows = parse_json_page(body, URL)

    assert sorted(rows) == sorted(read_slowly(document))


@given(st.data())
def test_a_broken_page_is_refused_as_the_parser_refuses_it(data: st.DataObject) -> None:
    text = json.dumps({"files": [file(1), file(2), file(3, yanked="x")], "name": "demo"})
    place = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 3))
    put = data.draw(st.sampled_from(["", ",", "]", "}", '"', "{", "[", "\\", "0", ": ", "\x00"]))
    body = (text[:place] + put + text[place + length :]).encode()

    try:
        document: object = json.loads(body)
    except ValueError:
        with pytest.raises(ListingError):
            parse_json_page(body, URL)
        return
    assert isinstance(document, dict)
    if not isinstance(document.get("files"), list):
        with pytest.raises(ListingError):
            parse_json_page(body, URL)
        return
    assert parse_json_page(body, URL)[1] == read_slowly(document)


def test_a_list_of_files_elsewhere_in_the_page_is_none() -> None:
    inner = {"files": [file(1)]}
    document = {"meta": {"api-version": "1.0", **inner}, "files": [file(2)]}

    _, rows = parse_json_page(json.dumps(document).encode(), URL)

    assert rows == read_slowly(document)


_NUMBER = st.sampled_from(["0", "1", "2", "10"])
_VERSIONS = st.builds(
    lambda epoch, release, pre, post, dev, local: f"{epoch}{release}{pre}{post}{dev}{local}",
    st.sampled_from(["", "", "0!", "1!"]),
    st.lists(_NUMBER, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", "", "", "a1", "b2", "rc1", "rc10", "-alpha", "c1"]),
    st.sampled_from(["", "", ".post1", ".post2", "-1", ".rev"]),
    st.sampled_from(["", "", ".dev0", ".dev3"]),
    st.sampled_from(["", "", "+abc", "+ABC.1", "+1", "+01.a", "+abc.def"]),
)


@given(st.lists(_VERSIONS, max_size=12))
def test_versions_are_in_the_order_of_pep_440(texts: list[str]) -> None:
    rows = [(f"demo-{text}-py3-none-any.whl", f"{number}") for number, text in enumerate(texts)]
    # In a file name the dash of an implicit post-release or of a pre-release is none.
    rows = [(name.replace("-alpha", "alpha"), row) for name, row in rows if name.count("-") == 4]

    listing = group("demo", rows, status=("active", ""), mirror="")

    found = [Version(text) for text in listing.versions]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)
    assert [str(one) for one in found] == list(listing.versions)
    asked = {Version(name.split("-")[1]) for name, _ in rows}
    assert set(found) == asked
